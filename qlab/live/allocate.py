"""The Allocate instrument: a byte budget, and bits to give to layers, against three ways to do it.

Mine, uniform, greedy and exact stand side by side: what each spends, what its layers lose by the
table, what its network is worth as a whole. The table was found on calibration images, the game is
played on validation images, and the test images are there for the report.
"""

from collections.abc import Generator, Iterator
from typing import Any

import ipywidgets as ipw

from qlab import networks
from qlab.live.allocate_measure import Judge
from qlab.live.allocate_numbers import numbers, why
from qlab.live.allocate_pictures import Known, budget_figure, front_figure, layers_figure
from qlab.live.allocate_presets import PRESETS
from qlab.live.allocate_state import WAYS, AllocateResult, AllocateState, Bits, trait_of
from qlab.live.figure import Figure
from qlab.live.instrument import Instrument
from qlab.live.readout import Value
from qlab.live.worker import Task
from qlab.networks import Allocation, Sensitivity

BITS = range(1, 9)


class Allocate(Instrument):
    """Bits for each layer under a budget, against uniform, greedy and exact, live."""

    NAME = "allocate"
    TITLE = "Allocate"
    LEAD = (
        "A budget, and layers that mind few bits differently: give each layer its bits, spend no "
        "more than there is, and beat the network that has the same bits everywhere."
    )
    STATE = AllocateState
    SPOKEN = ("validation", "lead", "left")
    BELOW = ("accuracy", "uniform", "greedy", "exact", "score")
    STAND_INS = {  # noqa: RUF012
        "sensitivity.greedy": "qlab.live.allocate_standin:AllocateStandIn",
        "sensitivity.exact": "qlab.live.allocate_standin:AllocateStandIn",
    }
    PRESETS = PRESETS

    # -- the library at work --------------------------------------------------------

    def steps(self, s: AllocateState) -> Generator[None, None, AllocateResult]:
        """Price the allocations, find the others', estimate what mine is worth."""
        net = networks.load(s.network)
        table, size, work = self.priced_by(s)
        budget = networks.budget_at(table, s.budget)
        mine = networks.priced(table, s.bits())
        cheapest = {
            n: table.bits[int(row.argmin())] for n, row in zip(s.layers, table.cost, strict=True)
        }
        yield
        ways = self.ways(s, table, budget)
        yield
        moved = s.layers.index(self.moved) if self.moved in s.layers else 0
        seen = {"mine": (yield from self.judge.estimate(net.name, bits_of(mine), moved))}
        return AllocateResult(
            key=s.key(),
            network=s.network,
            unit=s.unit,
            criterion=s.criterion,
            table=table,
            budget=budget,
            least=networks.priced(table, cheapest),
            mine=mine,
            ways=ways,
            bytes=networks.priced(size, mine.bits).cost,
            operations=networks.priced(work, mine.bits).cost,
            seen=seen | self._known(s.network, ways, "validation"),
            report=self._known(s.network, {"mine": mine, **ways}, "test"),
        )

    def priced_by(self, s: AllocateState) -> tuple[Sensitivity, Sensitivity, Sensitivity]:
        """Return the table in the budget's unit, in bytes and in bit operations."""
        key = (s.network, s.criterion)
        if key not in self._tables:
            size = networks.stored_sensitivity(*key)
            self._tables[key] = size, networks.bit_operations(networks.load(s.network), size)
        size, work = self._tables[key]
        return (size if s.unit == "bytes" else work), size, work

    def ways(self, s: AllocateState, table: Sensitivity, budget: int) -> dict[str, Allocation]:
        """Let each way spend the budget; one that can't is left out."""
        found = {}
        for name in WAYS:
            if self.at_work is not None and self.at_work.name == f"sensitivity.{name}":
                found[name] = self.at_work.answers(s)
                continue
            try:
                found[name] = getattr(networks, name)(table, budget)
            except ValueError:  # the smallest that can be met is said beside the budget
                continue
        return found

    @property
    def moved(self) -> str:
        """The layer whose bits are in hand."""
        return self.in_hand.removeprefix("bits_")

    def _known(self, network: str, players: dict[str, Allocation], split: str) -> dict[str, Any]:
        known = self.judge.known
        keys = {name: (network, bits_of(one), split) for name, one in players.items()}
        return {name: known[key] for name, key in keys.items() if key in known}

    # -- idle work -------------------------------------------------------------------

    def plan(self, s: AllocateState) -> Iterator[Task]:
        """Say in words what is there already: measuring all players takes a while."""
        yield self._describe()
        yield from super().plan(s)

    def _describe(self) -> Task:
        for figure in self.figures.values():
            self.sharpen(figure)
            yield
        self.page.describe({name: figure.alt for name, figure in self.figures.items()})

    def later(self, s: AllocateState) -> Iterator[Task]:
        """Measure all players: on validation images, then on test images."""
        yield self._measure(s)
        yield from self.stood(self._measure, s)

    def _measure(self, s: AllocateState) -> Task:
        result = yield from self.result_of(s)
        players, seen = result.players, ("validation", "seen")
        order = [(seen, one) for one in players.values()]
        order += [(("test", "report"), one) for one in reversed(players.values())]  # mine last
        for (split, field), one in order:
            new = (s.network, bits_of(one), split) not in self.judge.known
            yield from self.judge.measure(s.network, bits_of(one), split)
            if new or one is result.mine:
                self.improve(s, **{field: self._known(s.network, players, split)})
                yield
        if self.at_work is None:  # what stands in is drawn over, not among the library's
            self.tried.setdefault((s.network, bits_of(result.mine)))
            for name, one in result.ways.items():
                self.chosen.setdefault((name, s.network, bits_of(one)))
            self.show(self.result)

    def background(self, s: AllocateState) -> Iterator[Task]:
        """Measure the uniform allocations, which others are compared with."""
        for bits in BITS:
            same = (bits,) * len(s.layers)
            yield self.judge.measure(s.network, same, "validation")
            self.chosen.setdefault(("uniform", s.network, same))
        yield self._redraw()

    def _redraw(self) -> Task:
        self.show(self.result)
        yield from self.redraw()

    # -- numbers ---------------------------------------------------------------------

    def numbers(self, r: AllocateResult) -> Iterator[Value]:
        """List what is played by, then what it costs; the report stands below."""
        return numbers(r)

    # -- pictures ---------------------------------------------------------------------

    def build(self) -> list[Figure]:
        """Make the three pictures."""
        self.judge = Judge()
        self._tables: dict[tuple[str, str], tuple[Sensitivity, Sensitivity]] = {}
        self.tried: dict[tuple[str, Bits], None] = {}  # mine, where the hand rested
        self.chosen: dict[tuple[str, str, Bits], None] = {}  # by which way
        networks.load(self.state.network)
        return [budget_figure(), front_figure(self.known), layers_figure()]

    def known(self, r: AllocateResult) -> Known:
        """Return cost and accuracy of all points measured so far, by who made them."""
        points: dict[str, list[tuple[int, float]]] = {}
        named = [("mine", *key) for key in self.tried] + list(self.chosen)
        for name, network, bits in named:
            found = self.judge.known.get((network, bits, "validation"))
            if network == r.network and found is not None:
                cost = networks.priced(r.table, dict(zip(r.table.layers, bits, strict=True))).cost
                points.setdefault(name, []).append((cost, 100 * found.value))
        return points

    def show(self, result: AllocateResult) -> None:
        """Show a result, and of the controls those that mean something for its network."""
        used = self.state.used()
        for name, bound in self.controls.items():
            bound.layout.display = None if name in used else "none"
        super().show(result)

    def ahead(self, s: AllocateState, name: str) -> list[Any]:
        """Leave out what the present network does not have, and other networks."""
        return super().ahead(s, name) if name in s.used() - {"network"} else []

    def tools(self) -> list[ipw.Widget]:
        """Make the buttons that take over what a way would do."""
        return [self._button(name) for name in WAYS]

    def _button(self, name: str) -> ipw.Button:
        button: Any = ipw.Button(
            description=f"Take {name}", tooltip=f"Set my bits to what {name} gives this budget"
        )
        button.add_class("qlab-button")
        button.add_class(f"qlab-take-{name}")
        button.on_click(lambda _: self.take(name))
        return button

    def take(self, name: str) -> None:
        """Set my bits to what a way gives the present budget, or say why not."""
        found = self.result.ways.get(name)
        if found is None:
            return self.say(why(self.result))
        self.state.offer({trait_of(layer): bits for layer, bits in found.bits.items()})
        return None

    # -- what is taken away -----------------------------------------------------------

    def code(self) -> str:
        """Write the lines of qlab that print the numbers on screen."""
        s, r = self.state, self.result
        other = "" if s.unit == "bytes" else "table = work\n"
        score = best = ""
        if "uniform" in r.ways:
            score = (
                'print("lead", seen["mine"] - seen["uniform"])\n'
                'print("score", report["mine"] - report["uniform"])\n'
            )
            best = 'print("best", players["exact"].loss)\n'
        return f"""import qlab
from qlab import networks
net, mnist = networks.load("{s.network}"), qlab.data.load("mnist")
table = size = networks.stored_sensitivity("{s.network}", "{s.criterion}")
work = networks.bit_operations(net, size)
{other}budget = networks.budget_at(table, {s.budget})
players = {{"mine": networks.priced(table, {s.bits()})}}
for name in {list(r.ways)}:
    players[name] = getattr(networks, name)(table, budget)
small = {{n: networks.quantize_mixed(net, p.bits).network for n, p in players.items()}}
seen, report = ({{n: qlab.metrics.accuracy(x, split).value for n, x in small.items()}}
                for split in (mnist.validation, mnist.test))
mine = players["mine"]
print("validation", seen["mine"], "\\nleft", budget - mine.cost, "\\nbudget", budget)
print("bytes", networks.priced(size, mine.bits).cost)
print("operations", networks.priced(work, mine.bits).cost, "\\npredicted", mine.loss)
{best}print("accuracy", report["mine"])
for name in {list(r.ways)}:
    print(name, report[name])
{score}"""

    def tables(self) -> dict[str, tuple[list[str], list[list[Any]]]]:
        """List what was tried and measured, and the table that greedy and exact choose by."""
        r = self.result
        tried = [
            [name, cost, value] for name, points in self.known(r).items() for cost, value in points
        ]
        losses = [
            [n, *map(float, row)] for n, row in zip(r.table.layers, r.table.loss, strict=True)
        ]
        return {
            "tried": (["by", r.unit, "validation accuracy, %"], tried),
            f"loss by {r.criterion}": (["layer", *(f"{b} bits" for b in r.table.bits)], losses),
        }


def bits_of(one: Allocation) -> Bits:
    """Return the bits alone, in the order of the layers."""
    return tuple(one.bits.values())
