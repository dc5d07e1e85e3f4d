"""A solver that stands in for the library's greedy or exact in the Allocate instrument.

    places = f(loss, cost, budget)          a column of the table for each layer           (1)

Of allocations that cost no more than the budget and lose equally much any will do for "exact";
greedy's steps are told, so its answer is one.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from qlab import networks
from qlab.live.allocate_pictures import ROWS
from qlab.live.allocate_state import AllocateState
from qlab.live.overlay import DOTTED
from qlab.live.standin import Difference, Idle, StandIn, Unusable, beside, over, swatch
from qlab.networks import Allocation
from qlab.plots.bars import THICK
from qlab.plots.style import PURPLE

SLACK = 1e-12  # two sums of a few losses, in another order


class AllocateStandIn(StandIn):
    """An allocation by a function, equation 1."""

    LEGEND = {  # noqa: RUF012
        "budget": swatch("┅") + "what yours spends, dotted",
        "front": swatch("◆") + "yours, once measured",
    }

    @property
    def way(self) -> str:
        """What it stands in for: "greedy" or "exact"."""
        return self.name.partition(".")[2]

    def ask(self, s: AllocateState, *given: Any) -> Allocation:
        """Equation 1."""
        table, budget = self._table(s)
        if budget < int(table.cost.min(axis=1).sum()):
            raise Idle("Nothing fits this budget: there is nothing to choose.")
        case = (table.loss.copy(), table.cost.copy(), budget)
        places = _checked(self.call([case])[0], table)
        bits = {n: table.bits[j] for n, j in zip(table.layers, places, strict=True)}
        return networks.priced(table, bits)

    def compare(self, s: AllocateState, answers: Allocation) -> Difference | None:
        """Compare bits, layer by layer; for exact, what they cost and lose."""
        table, budget = self._table(s)
        right: Allocation = getattr(networks, self.way)(table, budget)
        alike = answers.cost <= budget and abs(answers.loss - right.loss) <= SLACK
        wrong = [n for n in table.layers if right.bits[n] != answers.bits[n]]
        if not wrong or (self.way == "exact" and alike):
            return None
        first = wrong[0]
        return Difference(
            place=first,
            index=(table.layers.index(first),),
            given=f"a budget of {budget:,}",
            reference=f"{right.bits[first]} bits",
            other=f"{answers.bits[first]} bits",
            count=len(wrong),
            of=len(table.layers),
        )

    def _table(self, s: AllocateState) -> tuple[Any, int]:
        instrument: Any = self.instrument
        table = instrument.priced_by(s)[0]
        return table, networks.budget_at(table, s.budget)

    def overlays(self) -> Iterator[tuple[str, Callable[[Any], Any], Callable[[Any], None]]]:
        """Lay what the function spends, and its network, over the library's."""
        yield ("budget", *_spent(self))
        yield ("front", *_point(self))


def _checked(answer: Any, table: Any) -> list[int]:
    """Return the columns, if the answer is one for each layer."""
    layers, bits = table.loss.shape
    try:
        places = [int(j.__index__()) for j in answer]
    except (TypeError, AttributeError):
        got = "nothing" if answer is None else f"a {type(answer).__name__}"
        raise Unusable(
            f"Your function returned {got}; a list of whole numbers, a column of the table for "
            "each layer, is expected."
        ) from None
    if len(places) != layers or not all(0 <= j < bits for j in places):
        raise Unusable(
            f"Your function returned {str(places)[:60]}; {layers} numbers from 0 to {bits - 1} are "
            "expected, a column of the table for each layer."
        )
    return places


def _own(r: Any) -> Allocation | None:
    """Return the function's allocation where it is laid over the library's."""
    found = beside(r)
    if found is None or over(r) is None:
        return None
    return found.answers if isinstance(found.answers, Allocation) else None


def _scale(r: Any) -> float:
    return 1e3 if r.unit == "bytes" else 1e6


def _spent(standing: Any) -> tuple[Callable[[Any], Any], Callable[[Any], None]]:
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        (art["bar"],) = figure.axes[0].plot([], [], color=PURPLE, ls=DOTTED, lw=2.4)
        return [art["bar"]]

    def draw(r: Any) -> None:
        own = _own(r)
        art["bar"].set_visible(own is not None)
        if own is not None:
            row, end = ROWS.index(_way(standing)), own.cost / _scale(r)
            low, high = row - THICK / 2, row + THICK / 2
            art["bar"].set_data(np.array([0, end, end, 0]), np.array([low, low, high, high]))

    return build, draw


def _point(standing: Any) -> tuple[Callable[[Any], Any], Callable[[Any], None]]:
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        (art["point"],) = figure.axes[0].plot([], [], "D", mfc=PURPLE, mec="white", ms=8, ls="none")
        return [art["point"]]

    def draw(r: Any) -> None:
        own = _own(r)
        seen = None if own is None else over(r).seen.get(_way(standing))
        art["point"].set_visible(seen is not None)
        if own is not None and seen is not None:
            art["point"].set_data([own.cost / _scale(r)], [100 * seen.value])

    return build, draw


def _way(standing: Any) -> str:
    """Name the way that is stood in for now: overlays stay when another function comes."""
    return (standing.instrument.standing or standing).way
