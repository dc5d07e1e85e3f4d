"""The Pack instrument: from codes to bytes, every way that there is, with all tables counted.

Zero some weights, give the rest a few levels, and see what the codes take: packed, with a mask,
with gaps, with a prefix code, with arithmetic coding; and the bound that none of them passes.
How well the network still does with this one layer decoded is measured while the page rests.
"""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np

from qlab import codebooks, coding, core, metrics, networks, pruning, ranges
from qlab.coding import Size
from qlab.core import QuantSpec
from qlab.live.figure import Figure
from qlab.live.instrument import Instrument
from qlab.live.pack_accuracy import Accuracies
from qlab.live.pack_checks import checked
from qlab.live.pack_numbers import numbers
from qlab.live.pack_pictures import bytes_figure, line_figure, words_figure
from qlab.live.pack_presets import PRESETS
from qlab.live.pack_state import NETWORK, Codes, Decoded, PackResult, PackState
from qlab.live.readout import Value
from qlab.live.recent import Recent
from qlab.live.worker import Task

KEPT = 8  # settings whose codes are kept, a megabyte each
QUICK = 32_000  # weights from which a table of levels is made within a movement of the hand
_BESIDE = ThreadPoolExecutor(1, "qlab-pack")  # long loops: the page's thread stays free


class Pack(Instrument):
    """Sparsity, levels and bits of a layer's codes, their bytes and what they cost, live."""

    NAME = "pack"
    TITLE = "Pack"
    LEAD = (
        "Codes of a few bits are not yet a small file. See what they take when they are packed, "
        "when zeros are left out, and when frequent codes get short words; each table is counted."
    )
    STATE = PackState
    SPOKEN = ("entropy", "huffman_bits", "accuracy", "best")
    BELOW = ("time_packed", "time_huffman", "time_rans", "layer_before", "layer_after")
    STAND_INS = {  # noqa: RUF012
        "packing.huffman_lengths": "qlab.live.pack_standin:PackStandIn"
    }
    PRESETS = PRESETS

    # -- the library at work --------------------------------------------------------

    def steps(self, s: PackState) -> Generator[None, None, PackResult]:
        """Code the layer, count its codes, give them words, add up the bytes."""
        codes = yield from self.codes_of(s)
        q, levels = codes.q, codes.levels
        counts = np.bincount(q - codes.lowest, minlength=len(levels))
        yield
        sizes = self._sizes(s, codes)
        yield
        if self.at_work is None:
            lengths = coding.huffman_lengths(counts)
            word = coding.canonical_codes(lengths)
        else:
            lengths, word = self.at_work.answers(s, counts), None
            sizes = sizes | {"huffman": self.at_work.size(sizes["huffman"], counts, lengths)}
        symbol = int(q[s.weight]) - codes.lowest
        bits = int(lengths[symbol])
        yield
        now, was = self.accuracies.at_once(s, codes) or (None, None)
        return PackResult(
            key=s.key(),
            layer=s.layer,
            grid=s.grid,
            bits=s.bits,
            n=q.size,
            levels=levels,
            counts=counts,
            lengths=lengths,
            word="" if word is None or not bits else f"{int(word[symbol]):0{bits}b}",
            symbol=symbol,
            value=float(networks.load(NETWORK).weights[s.layer].flat[s.weight]),
            zeros=float(counts[codes.zero - codes.lowest] / q.size)
            if codes.zero is not None
            else 0.0,
            sqnr=codes.sqnr,
            exact=codes.exact,
            entropy=coding.entropy(counts),
            sizes=sizes,
            decoded=self.decoded.get(s.chosen()) if self.at_work is None else None,
            accuracy=now,
            reference=was,
        )

    def codes_of(self, s: PackState) -> Generator[None, None, Codes]:
        """Find or compute the codes of a setting; a large table is made from every few weights."""
        name = s.chosen()
        if name not in self.codes:
            W = networks.load(NETWORK).weights[s.layer]
            pruned = W * np.asarray(pruning.magnitude(W, s.sparsity))
            yield
            self.codes[name] = _coded(s, W, pruned, quick=True)
            yield
        return self.codes[name]

    def _sizes(self, s: PackState, codes: Codes) -> dict[str, Size]:
        """Bytes of every format; of those that are not counted once they were written."""
        sizes = self.counted.find(
            (*s.chosen(), s.gap_bits, codes.exact),
            lambda: coding.sizes(
                codes.q, s.bits, meaning=codes.meaning, zero=codes.zero, gap_bits=s.gap_bits
            ),
        )
        if s.chosen() in self.decoded:
            sizes = sizes | _written(codes, self.decoded[s.chosen()])
        return sizes

    # -- idle work -------------------------------------------------------------------

    def later(self, s: PackState) -> Iterator[Task]:
        """Make the whole table, say what is shown, measure; write and read, which takes long."""
        yield self._exact(s)
        yield self._word()
        yield self._measure(s)
        yield from self.stood(self._measure, s)
        yield self._check(s)
        yield from self.stood(self._exact, s)

    def _exact(self, s: PackState) -> Task:
        codes = yield from self.codes_of(s)
        if not codes.exact:
            W = networks.load(NETWORK).weights[s.layer]
            pruned = W * np.asarray(pruning.magnitude(W, s.sparsity))
            exact = yield from _beside(lambda: _coded(s, W, pruned, quick=False))
            self.codes[s.chosen()] = exact
        if s.key() in self.results and not self.results[s.key()].exact:
            del self.results[s.key()]
            result = yield from self.result_of(s)
            if s.key() == self.state.key() and self.at_work is None:
                self.show(result)

    def _word(self) -> Task:
        for figure in self.figures.values():
            self.sharpen(figure)
            yield
        self.page.describe({name: figure.alt for name, figure in self.figures.items()})

    def _measure(self, s: PackState) -> Task:
        """Replace the estimate, or nothing, by the accuracy on all test images."""
        result = yield from self.result_of(s)
        if result.accuracy is None or result.accuracy.source != "measured":
            codes = yield from self.codes_of(s)
            now, was = yield from self.accuracies.measure(s, codes, _beside)
            self.improve(s, accuracy=now, reference=was)

    def _check(self, s: PackState) -> Task:
        codes = yield from self.codes_of(s)
        name = s.chosen()
        if name not in self.decoded:
            self.decoded[name] = yield from checked(s, codes, _beside)
        found = self.decoded[name]
        result = yield from self.result_of(s)
        if result.decoded is None:
            sizes = result.sizes | _written(codes, found)
            self.improve(s, decoded=found, sizes=sizes)

    # -- numbers ---------------------------------------------------------------------

    def numbers(self, r: PackResult) -> Iterator[Value]:
        """List bits a weight, bytes by format, the one weight, and what reading took."""
        return numbers(r)

    # -- pictures ---------------------------------------------------------------------

    def build(self) -> list[Figure]:
        """Make the three pictures."""
        self.codes: Recent[tuple[Any, ...], Codes] = Recent(KEPT)
        self.counted: Recent[tuple[Any, ...], dict[str, Size]] = Recent(64)
        self.decoded: Recent[tuple[Any, ...], Decoded] = Recent(64)
        self.accuracies = Accuracies()
        networks.load(NETWORK)
        return [words_figure(), line_figure(), bytes_figure()]

    def ahead(self, s: PackState, name: str) -> list[Any]:
        """Prepare what follows quickly: a new table of levels takes its time when it is asked."""
        return super().ahead(s, name)[:24] if s.grid == "affine" or name == "weight" else []

    # -- what is taken away -----------------------------------------------------------

    def code(self) -> str:
        """Write the lines of qlab that print the numbers on screen."""
        s = self.state
        return f"""import numpy as np, qlab
from qlab import coding, core
net, mnist = qlab.networks.load("{NETWORK}"), qlab.data.load("mnist")
W0 = net.weights["{s.layer}"]
W = np.where(qlab.pruning.magnitude(W0, {s.sparsity}), W0, np.float32(0))
{s.code()}
levels, counts = np.unique(q, return_counts=True)
words = coding.huffman_lengths(counts)
print("entropy", coding.entropy(counts), "\\nhuffman_bits", counts @ words / q.size)
print("sqnr", qlab.metrics.sqnr(W0, W_hat), "\\nzeros", np.mean(q == zero))
decoded = net.with_weights({{"{s.layer}": W_hat}})
was, now = (qlab.metrics.accuracy(n, mnist.test).value for n in (net, decoded))
print("accuracy", now, "\\nchange", now - was)
sizes = coding.sizes(q, {s.bits}, meaning=meaning, zero=zero, gap_bits={s.gap_bits})
totals = {{name: size.total for name, size in sizes.items() if name != "entropy"}}
totals |= {{k: len(c.encode(q)) + meaning for k, c in coding.CODERS.items() if k not in totals}}
for name, total in totals.items():
    print(name, total)
print("dense", 4 * q.size, "\\nbound", sizes["entropy"].codes)
print("best", 4 * q.size / min(totals.values()))
print("weight", W0.flat[{s.weight}], "\\nlevel", W_hat.flat[{s.weight}])
print("word", words[levels == q.flat[{s.weight}]][0])
"""

    def tables(self) -> dict[str, tuple[list[str], list[list[Any]]]]:
        """List the codes: their levels, counts and words."""
        r = self.result
        rows = zip(r.levels.tolist(), r.counts.tolist(), r.lengths.tolist(), strict=True)
        return {"codes": (["level", "count", "bits of the word"], [list(row) for row in rows])}


def _coded(s: PackState, W: np.ndarray, pruned: np.ndarray, *, quick: bool) -> Codes:
    """Code pruned weights by the grid of a state."""
    if s.grid == "affine":
        qparams = ranges.minmax(pruned, QuantSpec(bits=s.bits))
        q, top = core.quantize(pruned, qparams), qparams.spec.quant_max
        levels = core.dequantize(np.arange(-top, top + 1), qparams)
        W_hat = core.dequantize(q, qparams)
        return Codes(q.ravel(), levels, -top, 0, 4, metrics.sqnr(W, W_hat), True)
    zero, x = s.sparsity > 0, pruned[pruned != 0] if s.sparsity > 0 else pruned.ravel()
    every = -(-x.size // QUICK) if quick else 1
    some = x[::every] if every > 1 else pruned
    table = codebooks.kmeans(some, bits=s.bits, zero=zero).levels
    q = codebooks.nearest_level(pruned, table)
    at = int(np.flatnonzero(table == 0)[0]) if zero else None
    sqnr = metrics.sqnr(W, table[q])
    return Codes(q.ravel(), table, 0, at, 4 * len(table), sqnr, every == 1)


def _beside(work: Callable[[], Any]) -> Generator[None, None, Any]:
    """Run what cannot be cut into steps in another thread, and look for it now and then."""
    done = _BESIDE.submit(work)
    try:
        while not wait([done], 0.004).done:  # asleep, so that the other thread computes
            yield
        return done.result()
    finally:
        done.cancel()  # the hand went on before it began: what comes now need not wait for it


def _written(codes: Codes, found: Decoded) -> dict[str, Size]:
    """Sizes of coders that ``coding.sizes`` does not count, the table apart where it is known."""
    tables = {name: 0 for name in coding.CODERS if name != "huffman"} | {"rans": found.table}
    return {
        name: Size(found.bytes[name] - table, 0, codes.meaning + table)
        for name, table in tables.items()
    }
