"""The Prune instrument: drag the sparsity of a trained network and watch what it can spare.

The cut moves through every layer's histogram, the masks thin out, and the accuracy is
measured: at once on a draw of the test images, then on all. Bytes and operations are counted
honestly, time is taken with a clock, and fine-tuning brings back what the cut took.
"""

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

import ipywidgets as ipw
import numpy as np

from qlab import metrics, networks, pruning
from qlab.live.evaluation import Evaluation, sweepable
from qlab.live.figure import Figure
from qlab.live.instrument import Instrument, Preset
from qlab.live.legend import HOLLOW
from qlab.live.prune_pictures import Pictures, Scores
from qlab.live.prune_state import LayerCut, PruneResult, PruneState
from qlab.live.prune_tuning import Tuning
from qlab.live.readout import Readout, Value
from qlab.live.recent import Recent
from qlab.live.worker import Task
from qlab.networks import Network

CURVE = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995)
BY_SIZE = ("magnitude", "neurons", "filters")  # methods whose cut is a place on the axis
BINS = {True: 121, False: 40}  # of weights, of rows' norms
TIMED = 100  # images of a timed call
REPEATS = 20  # calls of which the median is taken
MASKS = 8  # sets of masks kept, a quarter megabyte each


class Prune(Instrument):
    """Sparsity, structure, method and scope of a trained network, live."""

    NAME = "prune"
    TITLE = "Prune"
    LEAD = (
        "Set the weights of a trained network to zero, share by share, and measure what it still "
        "knows about 10,000 handwritten digits that it has never seen."
    )
    STATE = PruneState
    STAND_INS = {"pruning.magnitude": "qlab.live.prune_standin:PruneStandIn"}  # noqa: RUF012
    SPOKEN = ("accuracy", "change", "bytes_ratio", "macs_nonzero")
    BELOW = ("macs_structural", "bytes_cut_out")
    PRESETS = (
        Preset(
            "Half is free",
            {"sparsity": 0.5},
            "Every second weight is gone and the accuracy stays within noise: a trained network "
            "holds many weights that hardly matter. The bytes, though, have not halved. Why?",
        ),
        Preset(
            "The cliff",
            {"sparsity": 0.8},
            "Nothing seems to happen for a long way, then everything does. Drag on from here, "
            "and look at the curve: its axis spreads out what is kept.",
        ),
        Preset(
            "Han 2015: 92 % of LeNet-300-100",
            {"sparsity": 0.92},
            "Han et al. kept 8 % of these weights and lost no accuracy, by training the rest "
            "again. This is before that training. Press Fine-tune: the mask is held in every "
            "step, and the curve comes back.",
        ),
        Preset(
            "Random is not magnitude",
            {"sparsity": 0.8, "method": "random"},
            "The same number of weights, chosen by lot. Large weights go too, so the network falls "
            "much sooner: the score decides, not the sparsity. Switch to smallest first.",
        ),
        Preset(
            "Neurons, not weights",
            {"sparsity": 0.5, "structure": "neurons"},
            "Half of the hidden neurons are gone, white rows in the masks. It costs more accuracy "
            "than half of the weights, but the matrices become smaller: see the time, cut out.",
        ),
        Preset(
            "One ranking for all layers",
            {"sparsity": 0.95, "scope": "global"},
            "Ranked as one, the first layer with its many small weights pays for all, and the "
            "small output layer is spared. The cut is at the same weight in every histogram.",
        ),
    )
    COMMAND: Any = None  # another training program, for tests

    # -- the library at work --------------------------------------------------------

    def steps(self, s: PruneState) -> Generator[None, None, PruneResult]:
        """Prune, count, estimate the accuracy."""
        net = self._net(s)
        masks = self._masks(s)
        yield
        pruned = networks.prune(net, masks)
        yield
        layers = tuple(self._layer_cuts(s, pruned, masks))
        yield
        sizes = {
            "dense": metrics.bytes_dense(net),
            "bitmap": metrics.bytes_bitmap(pruned),
            "relative_index": metrics.bytes_relative_index(pruned),
            "cut_out": metrics.bytes_dense(networks.shrink(pruned)),
        }
        macs = metrics.macs(pruned)
        yield
        start = min(net.index(name) for name in s.chosen())
        accuracy = self.evaluation.estimate(pruned, start, before=self._base(s))
        yield
        dense = networks.load(s.network)
        rows = self.evaluation.draw(net, start)
        reference = self.evaluation.reference(s.network, dense, rows)
        return PruneResult(self._key(s), s, layers, accuracy, reference, sizes, macs)

    def _layer_cuts(
        self, s: PruneState, pruned: Network, masks: dict[str, np.ndarray]
    ) -> Iterator[LayerCut]:
        singly = s.structure == "weights"
        sizes = self._sizes(s)
        cuts = {}
        for name in s.chosen() if s.pruner() in BY_SIZE else ():
            gone = ~masks[name] if singly else ~_rows(masks[name])
            cuts[name] = float((sizes[name] * gone).max()) if gone.any() else None
        if s.scope == "global" and any(cut is not None for cut in cuts.values()):
            highest = max(cut for cut in cuts.values() if cut is not None)
            cuts = dict.fromkeys(cuts, highest)
        for name, scores in self._scores(s).items():
            W, mask = pruned.weights[name], masks[name]
            cut = cuts.get(name)
            marks = () if cut is None else (-cut, cut) if singly else (cut,)
            kept = mask if singly else _rows(mask)
            yield LayerCut(
                name,
                W.size,
                W.size - int(np.count_nonzero(W != 0)),
                metrics.kept_counts(scores.index, kept, BINS[singly]),
                marks,
            )

    def _net(self, s: PruneState) -> Network:
        tuned = self.tuning.network
        return tuned if s.base == "tuned" and tuned is not None else networks.load(s.network)

    def _base(self, s: PruneState) -> tuple[str, int]:
        """Name the weights that are pruned: a network, and how often it was fine-tuned."""
        return s.network, self.tuning.rounds if s.base == "tuned" else 0

    def _key(self, s: PruneState) -> tuple[Any, ...]:
        return (*s.key(), self._base(s)[1])

    def _masks(self, s: PruneState) -> dict[str, np.ndarray]:
        """Masks of all layers; those that are not pruned keep everything."""
        if self.at_work is not None:
            return self._all_kept(s) | self.at_work.answers(s)
        return self._kept_masks.find(
            self._key(s), lambda: self._all_kept(s) | masks_of(self._net(s), s)
        )

    def _all_kept(self, s: PruneState) -> dict[str, np.ndarray]:
        return {name: np.ones(W.shape, dtype=bool) for name, W in self._net(s).weights.items()}

    def weights_of(self, s: PruneState) -> dict[str, np.ndarray]:
        """Return the weights of the layers that a state prunes."""
        return {name: self._net(s).weights[name] for name in s.chosen()}

    def _sizes(self, s: PruneState) -> dict[str, np.ndarray]:
        """Return what is ranked: magnitudes of weights, or norms of rows."""
        singly = s.structure == "weights"
        weights = self._net(s).weights
        return self.evaluation.keep(
            ("sizes", self._base(s), singly),
            lambda: {k: np.abs(W) if singly else pruning.row_norms(W) for k, W in weights.items()},
        )

    def _scores(self, s: PruneState) -> dict[str, Scores]:
        """Bin what is ranked, on one axis for all layers."""
        return self.evaluation.keep(
            ("scores", self._base(s), s.structure == "weights"), lambda: self._binned(s)
        )

    def _binned(self, s: PruneState) -> dict[str, Scores]:
        singly = s.structure == "weights"
        ranked = dict(self._net(s).weights) if singly else self._sizes(s)
        high = 1.02 * max(float(size.max()) for size in self._sizes(s).values())
        low, bins = -high if singly else 0.0, BINS[singly]
        edges = np.linspace(low, high, bins + 1)
        found = {}
        for name, x in ranked.items():
            index = metrics.bin_index(x, low, high, bins)
            everything = np.ones(index.shape, dtype=bool)
            found[name] = Scores(index, metrics.kept_counts(index, everything, bins), edges)
        return found

    def network_and_masks(self, s: PruneState) -> tuple[Network, dict[str, np.ndarray]]:
        """Return what fine-tuning starts from and holds: the network, and the masks of a state."""
        return self._net(s), self._masks(s)

    def take_tuned(self, asked: PruneState) -> None:
        """Show the network that fine-tuning gave, unless the hand went elsewhere meanwhile."""
        for key in [k for k, r in self.results.items() if r.state.base == "tuned"]:
            del self.results[key]  # of the round before
        self.state.tuned = asked.network
        self.controls["base"].sync()
        if self.state.key() != asked.key():
            self.say('Fine-tuning is done. Set "Weights" to "Fine-tuned here" to see it.')
            return
        if self.state.base == "tuned":
            self.refresh()
        else:
            self.state.offer({"base": "tuned"})

    # -- idle work -------------------------------------------------------------------

    def beside(self, s: PruneState) -> Task:
        """Compute the curve's points, but for networks that take long."""
        for there in self._sketched(s) if sweepable(self._net(s)) else ():
            yield from self.result_of(there)

    def plan(self, s: PruneState) -> Iterator[Task]:
        """Count and measure here; sketch the curve; prepare the slider; time; measure the curve."""
        yield self._link_task()
        yield self._count()
        yield self._measure(s)
        yield from self.stood(self._measure, s)
        yield self._settled_task()
        yield self._sketch(s)
        yield self._ahead_task(s)
        yield self._time(s)
        yield self.worker.pause()
        if sweepable(self._net(s)):
            for sparsity in sorted(CURVE, key=lambda x: abs(x - s.sparsity)):
                yield self._measure(s.copy(sparsity=sparsity))
                yield self.redraw("curve")
            yield self._ahead_task(s)  # what the page has at hand shows all of the curve, too

    def _count(self) -> Task:
        self.fill("cost")
        yield

    def _measure(self, s: PruneState) -> Task:
        result = yield from self.result_of(s)
        if result.full:
            return
        pruned = networks.prune(self._net(s), self._masks(s))
        accuracy = yield from self.evaluation.measure(pruned)
        dense = networks.load(s.network)
        reference = yield from self.evaluation.measure_reference(s.network, dense)
        self.improve(s, accuracy=accuracy, reference=reference)

    def _time(self, s: PruneState) -> Task:
        result = yield from self.result_of(s)
        if result.latency is not None:
            return
        pruned = networks.prune(self._net(s), self._masks(s))
        images = self.evaluation.test[:TIMED].images
        variants = {"dense": self._net(s), "pruned": pruned, "cut_out": networks.shrink(pruned)}
        calls = {name: _Call(net, images) for name, net in variants.items()}
        latency = yield from metrics.latency_in_turns(calls, REPEATS)
        self.results[s.key()] = timed = replace(self.results[s.key()], latency=latency)
        if s.key() == self.state.key():
            self.result = timed if self.standing is None else self.standing.view(timed)
            self.clock.show(self.times(self.result))  # no picture shows it

    def _sketch(self, s: PruneState) -> Task:
        for there in self._sketched(s):
            yield from self.result_of(there)
            self.fill("curve")
            yield
        yield from self.redraw("curve")

    def _sketched(self, s: PruneState) -> list[PruneState]:
        """List the curve's states, those of the base on screen first, the nearest first."""
        both = ["trained", "tuned"] if self.state.tuned == s.network else [s.base]
        return [
            s.copy(sparsity=sparsity, base=base)
            for base in sorted(both, key=lambda base: base != s.base)
            for sparsity in sorted(CURVE, key=lambda x: abs(x - s.sparsity))
        ]

    def _points(self, r: PruneResult, base: str) -> list[PruneResult]:
        """List the known results of this family, at the curve's places and at the hand's."""
        s = r.state
        if base == "tuned" and self.state.tuned != s.network:
            return []
        places = sorted({*CURVE, s.sparsity} if base == s.base else CURVE)
        keys = (s.elsewhere(x, base) for x in places)
        return [self.results[key] for key in keys if key in self.results]

    # -- numbers ---------------------------------------------------------------------

    def numbers(self, r: PruneResult) -> Iterator[Value]:
        """Accuracy and what it is compared with, weights, bytes, operations."""
        tuned = "fine-tuned" if r.state.base == "tuned" else ""
        yield Value.of("accuracy", "Accuracy", r.accuracy, form="percent", note=tuned)
        yield Value.change("Change against dense", r.accuracy, r.reference)
        kept = r.weights - r.zeros
        yield _derived("weights_kept", "Weights kept", kept, f"of {r.weights:,}")
        yield _derived(
            "macs_nonzero", "Multiplications kept", r.macs.nonzero, f"of {r.macs.dense:,}"
        )
        yield _derived(
            "macs_structural", "Multiplications, cut out", r.macs.structural, "dead rows removed"
        )
        words = {
            "dense": "zeros stored too",
            "bitmap": "a bit a weight",
            "relative_index": "gaps to the next",
            "cut_out": "dead rows removed",
        }
        for name, note in words.items():
            label = f"Bytes, {name.replace('_', ' ')}"
            yield _derived(f"bytes_{name}", label, r.sizes[name].total, note)
        best = min(words, key=lambda name: r.sizes[name].total)
        yield Value(
            name="bytes_ratio",
            label="Smaller by",
            value=r.sizes["dense"].total / r.sizes[best].total,
            source="derived",
            form="ratio",
            note=f"as {best.replace('_', ' ')}",
        )

    def times(self, r: PruneResult) -> Iterator[Value]:
        """Time of a call, dense, pruned and cut out, once it was taken."""
        words = {"dense": "Time, dense", "pruned": "Time, pruned", "cut_out": "Time, cut out"}
        taken = r.latency or {}
        for name, latency in taken.items():
            yield Value(
                name=f"latency_{name}",
                label=words[name],
                value=latency.median,
                low=latency.low,
                high=latency.high,
                n=latency.n,
                source="measured",
                form="milliseconds",
                note=f"{latency.median / taken['dense'].median:.1f} × the dense time"
                if name != "dense"
                else "",
            )

    @property
    def readouts(self) -> tuple[Readout, ...]:
        """Where numbers stand on the page, the clock among them."""
        return *super().readouts, self.clock

    def parts(self, result: Any) -> dict[Readout, list[Value]]:
        """Sort the numbers by where they stand, the times on the clock."""
        return {**super().parts(result), self.clock: list(self.times(result))}

    # -- what it looks like -----------------------------------------------------------

    def build(self) -> list[Figure]:
        """Load the data and make the four pictures."""
        self.clock, self.hint, self.reason = Readout("clock"), ipw.HTML(), ipw.HTML()
        self.tuning = Tuning(self)
        self._kept_masks: Recent[Any, dict[str, np.ndarray]] = Recent(MASKS)
        self.evaluation = Evaluation()
        networks.load(self.state.network)
        self.pictures = Pictures(self._masks, self._scores, self._points)
        return self.pictures.figures()

    def tools(self) -> list[ipw.Widget]:
        """Return the fine-tuning, and the hint on what is not offered."""
        return [self.tuning.panel, self.hint]

    def extras(self) -> list[ipw.Widget]:
        """Return the clock, and the sentence about it."""
        card = ipw.VBox([self.reason, self.clock])
        card.add_class("qlab-card")
        card.layout.margin = "14px 0 0"
        return [card]

    def show(self, result: PruneResult) -> None:
        """Write and draw everything, what time says and the hint too."""
        super().show(result)
        result = self.result  # or what stands in for it
        question, answer = is_it_faster(result)
        self.reason.value = f"<h2>{question}</h2><p>{answer}</p>"
        why = result.state.why()
        swept = sweepable(self._net(result.state))
        self.headings["curve"].value = self.figures["curve"].heading() + ("" if swept else HOLLOW)
        self.hint.value = f'<p class="qlab-caption">{why}</p>' if why else ""

    # -- what is taken away -------------------------------------------------------------

    def code(self) -> str:
        """Write the lines of qlab that print the numbers on screen."""
        s = self.state
        tuned = self.tuning.code() if s.base == "tuned" else ""
        dense = f'qlab.networks.load("{s.network}")' if tuned else "net"
        return f"""import qlab
net, mnist = qlab.networks.load("{s.network}"), qlab.data.load("mnist")
{tuned}W = {{name: net.weights[name] for name in {list(s.chosen())}}}
pruned = qlab.networks.prune(net, {call_of(s)})
after, before = (qlab.metrics.accuracy(n, mnist.test).value for n in (pruned, {dense}))
print("accuracy", after, "\\nchange", after - before)
print("weights_kept", sum((w != 0).sum() for w in pruned.weights.values()))
names = ("bytes_dense", "bytes_bitmap", "bytes_relative_index")
sizes = {{name: getattr(qlab.metrics, name)(pruned).total for name in names}}
sizes["bytes_cut_out"] = qlab.metrics.bytes_dense(qlab.networks.shrink(pruned)).total
print(*(f"{{name}} {{size}}" for name, size in sizes.items()), sep="\\n")
print("bytes_ratio", sizes["bytes_dense"] / min(sizes.values()))
macs = qlab.metrics.macs(pruned)
print("macs_nonzero", macs.nonzero, "\\nmacs_structural", macs.structural)
"""

    def tables(self) -> dict[str, tuple[list[str], list[list[Any]]]]:
        """List the layers, and the curves as far as they are known."""
        r = self.result
        layers = [
            [
                x.name,
                x.weights,
                x.weights - x.zeros,
                x.sparsity,
                x.thresholds[-1] if x.thresholds else "",
            ]
            for x in r.layers
        ]
        curve = [
            [
                base,
                p.state.sparsity,
                p.accuracy.value,
                p.accuracy.low,
                p.accuracy.high,
                p.accuracy.n,
            ]
            for base in ("trained", "tuned")
            for p in self._points(r, base)
        ]
        return {
            "layers": (["layer", "weights", "kept", "sparsity", "cut"], layers),
            "accuracy against sparsity": (
                ["weights", "sparsity", "accuracy", "low", "high", "n"],
                curve,
            ),
        }


def masks_of(net: Network, s: PruneState) -> dict[str, np.ndarray]:
    """Return the masks of the layers that a state prunes."""
    W = {name: net.weights[name] for name in s.chosen()}
    masks = pruning.METHODS[s.pruner()](W, s.sparsity, **s.options())
    assert isinstance(masks, dict), "a dict of weights gives a dict of masks"
    return masks


def call_of(s: PruneState) -> str:
    """Write the call that ``masks_of`` makes."""
    given = "".join(f", {name}={value!r}" for name, value in s.options().items())
    return f"qlab.pruning.{s.pruner()}(W, {s.sparsity!r}{given})"


def is_it_faster(r: PruneResult) -> tuple[str, str]:
    """Ask about the clock below, and answer."""
    if not r.zeros:
        return (
            "Why do the times differ, with nothing removed?",
            "They hardly do: three times the same matrices are multiplied, and what differs is how "
            "busy the machine was. So much is the noise of the clock. "
            f"Timed: {TIMED} images, median of {REPEATS} calls.",
        )
    if r.state.structure == "weights":
        return (
            "Why is the pruned network no faster?",
            "Its matrices keep their size, and a zero is multiplied like any other number. Time "
            "falls where whole neurons or filters go and the matrices are cut smaller, or on "
            f"hardware that skips zeros. Timed: {TIMED} images, median of {REPEATS} calls.",
        )
    return (
        "Why is it faster only once cut out?",
        "The pruned network still multiplies its rows of zeros. Cut out, the matrices are smaller "
        "and give the same answers: that saves time on any computer. "
        f"Timed: {TIMED} images, median of {REPEATS} calls.",
    )


class _Call:
    """A network and images, ready to be timed."""

    def __init__(self, net: Network, images: np.ndarray) -> None:
        self.net, self.images = net, images

    def __call__(self) -> None:
        self.net.predict(self.images)


def _rows(mask: np.ndarray) -> np.ndarray:
    return mask.reshape(len(mask), -1)[:, 0].copy()


def _derived(name: str, label: str, value: int, note: str) -> Value:
    return Value(name=name, label=label, value=value, source="derived", form="count", note=note)
