"""The Microscope: one weight of a trained network on its way to a code and back.

A window of the tensor lies as cells under the lens. The chosen weight shows its grid, its block,
its code bit by bit, its error, and what that error does to the sum of its neuron.
"""

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from qlab import core, metrics, ranges
from qlab.core import PerAxis, PerTensor, QParams
from qlab.live.figure import Figure
from qlab.live.instrument import Instrument
from qlab.live.microscope_numbers import of_block, of_output, of_weight
from qlab.live.microscope_pictures import cells_figure, code_figure, scales_figure, sums_figure
from qlab.live.microscope_presets import PRESETS
from qlab.live.microscope_slide import found_range, inputs, slide
from qlab.live.microscope_state import MicroscopeResult, MicroscopeState, WholeLayer
from qlab.live.readout import Value
from qlab.live.worker import Task, finish

QUICK = ("minmax", "percentile", "sigma", "aciq", "aciq_gauss")  # methods that follow the hand
AHEAD = 40  # rows, columns or images around the present one


class Microscope(Instrument):
    """One weight, its block, its code, and its part in one output, live."""

    NAME = "microscope"
    TITLE = "Microscope"
    LEAD = (
        "Click a weight of a trained network. See the grid that it has to move to, who else shares "
        "that grid, the code that is stored, and what its error does to one output."
    )
    STATE = MicroscopeState
    SPOKEN = ("value", "code", "value_back", "error_in_steps")
    BELOW = (
        "sqnr_layer",
        "narrowest",
        "widest",
        "bytes",
        "bits_per_weight",
        "x",
        "product",
        "product_back",
        "share",
        "sum",
        "sum_back",
        "sum_change",
    )
    STAND_INS = {  # noqa: RUF012
        "granularity.fake_quantize_groups": "qlab.live.microscope_standin:MicroscopeStandIn",
        "granularity.group_scales": "qlab.live.microscope_standin:MicroscopeStandIn",
    }
    PRESETS = PRESETS

    # -- the library at work --------------------------------------------------------

    def steps(self, s: MicroscopeState) -> Generator[None, None, MicroscopeResult]:
        """Find the block's range, quantize the window, follow the row's sum."""
        on, spec, flat = slide(s.network, s.layer), s.spec(), s.row * s.shape()[1] + s.column
        window = on.cells(on.window_of(s.row, s.column))
        rows = np.unique(window[window >= 0] // on.W.shape[1])
        band = slice(int(rows[0]), int(rows[-1]) + 1)
        answers = None if self.at_work is None else self.at_work.answers(s)
        qparams, part = self._range(s, band) if answers is None else (answers.qparams, slice(None))
        yield
        W = on.tensor[part]
        scale, zero = (
            np.broadcast_to(a, W.shape).reshape(len(W), -1) for a in qparams.expand(W.shape)
        )
        W, first = W.reshape(len(W), -1), part.start or 0
        if answers is None:
            q = core.quantize(on.tensor[part], qparams)
            W_hat = core.dequantize(q, qparams).reshape(W.shape)
            q = q.reshape(W.shape)
        else:
            W_hat = answers.W_hat
            q = self.at_work.codes(W_hat, scale, zero)
        yield
        i, j = s.row - first, s.column
        inside = window >= 0
        at = np.where(inside, window - first * W.shape[1], 0)
        kinds = {"weights": W, "back": W_hat, "codes": q - zero, "errors": W_hat - W}
        shown = kinds[s.show].ravel()[at]
        if s.show == "errors":
            shown = shown / scale.ravel()[at]
        block = on.block(s.row, s.column, spec)
        own = slice(block[0] - first * W.shape[1], block[1] - first * W.shape[1])
        block_sqnr = metrics.sqnr(W.ravel()[own], W_hat.ravel()[own])
        yield
        x, place = inputs(s.network, s.layer, s.row, s.image)
        sums = _running(float(on.bias[s.row]), W[i], x)
        back_sums = _running(float(on.bias[s.row]), W_hat[i], x)
        yield
        side = _side_bytes(spec, on.tensor.shape)
        whole = None
        if answers is not None:
            whole = self._whole(s, metrics.sqnr(W, W_hat), answers.qparams)
        elif s.method in QUICK:
            whole = finish(self._survey(s))
        return MicroscopeResult(
            key=s.key(),
            network=s.network,
            layer=s.layer,
            spec=spec,
            method=s.method,
            show=s.show,
            row=s.row,
            column=s.column,
            image=s.image,
            place=tuple(int(k) for k in np.unravel_index(flat, on.tensor.shape)),
            block=block,
            cells=np.where(inside, shown, np.nan).astype(np.float32),
            value=float(W[i, j]),
            scale=float(scale[i, j]),
            zero_point=int(zero[i, j]),
            code=int(q[i, j]),
            back=float(W_hat[i, j]),
            block_sqnr=block_sqnr,
            whole=whole,
            x=float(x[j]),
            patch=place,
            sums=sums,
            back_sums=back_sums,
            bytes=core.packed_bytes(on.tensor.size, spec.bits) + side,
            side=side,
            weights=on.tensor.size,
        )

    def _range(self, s: MicroscopeState, band: slice) -> tuple[QParams, slice]:
        """Find the range of the rows in sight; of the whole layer where it is one block."""
        spec = s.spec()
        if spec.granularity == PerTensor() or s.method in QUICK:
            return found_range(s.network, s.layer, spec, s.method), slice(None)
        rows = slide(s.network, s.layer).tensor[band]  # rows know nothing of each other
        return ranges.METHODS[s.method](rows, spec), band

    def _survey(self, s: MicroscopeState) -> Generator[None, None, WholeLayer]:
        """Quantize the whole layer."""
        on = slide(s.network, s.layer)
        qparams = found_range(s.network, s.layer, s.spec(), s.method)
        yield
        sqnr = metrics.sqnr(on.tensor, core.fake_quantize(on.tensor, qparams))
        yield
        found_range(s.network, s.layer, s.spec(PerAxis(0)), s.method)
        yield
        return self._whole(s, sqnr, qparams)

    def _whole(self, s: MicroscopeState, sqnr: float, qparams: QParams) -> WholeLayer:
        """Put beside each other the layer's widest scale, those of rows, and those in use."""
        one = found_range(s.network, s.layer, s.spec(PerTensor()), "minmax").scale
        own = found_range(s.network, s.layer, s.spec(PerAxis(0)), s.method).scale
        held = qparams.scale if qparams.scale.ndim == 2 else qparams.scale.reshape(-1, 1)
        low, high = (np.broadcast_to(a, len(own)) for a in (held.min(axis=1), held.max(axis=1)))
        narrow, wide = int(low.argmin()), int(high.argmax())
        return WholeLayer(
            sqnr=sqnr,
            narrow=(float(low[narrow]), narrow),
            wide=(float(high[wide]), wide),
            own=own / one,
            low=low / one,
            high=high / one,
        )

    # -- idle work -------------------------------------------------------------------

    def later(self, s: MicroscopeState) -> Iterator[Task]:
        """Survey the whole layer where that takes too long for a hand."""
        yield self._measure(s)

    def _measure(self, s: MicroscopeState) -> Task:
        result = yield from self.result_of(s)
        if result.whole is None:
            whole = yield from self._survey(s)
            self.improve(s, whole=whole)

    def ahead(self, s: MicroscopeState, name: str) -> list[Any]:
        """Leave out what the layer does not have, and what lies far away."""
        ends = dict(zip(("row", "column"), s.shape(), strict=True))
        values = super().ahead(s, name)
        return [v for v in values if name not in ends or v < ends[name]][:AHEAD]

    # -- numbers ---------------------------------------------------------------------

    def numbers(self, r: MicroscopeResult) -> Iterator[Value]:
        """List the weight's own numbers, then its block's, its layer's and its output's."""
        yield from of_weight(r)
        yield from of_block(r)
        yield from of_output(r)

    # -- pictures ---------------------------------------------------------------------

    def build(self) -> list[Figure]:
        """Make the four pictures."""
        slide(self.state.network, self.state.layer)
        return [
            cells_figure(self._choose),
            code_figure(),
            scales_figure(lambda r, row: self._choose(row, r.column)),
            sums_figure(lambda r, column: self._choose(r.row, column)),
        ]

    def _choose(self, row: int, column: int) -> None:
        """Look at another weight."""
        ends = self.state.shape()
        self.state.offer(
            {"row": min(max(row, 0), ends[0] - 1), "column": min(max(column, 0), ends[1] - 1)}
        )

    # -- what is taken away -----------------------------------------------------------

    def code(self) -> str:
        """Write the lines of qlab that print the numbers on screen."""
        s, r = self.state, self.result
        spec = f"bits={s.bits}, symmetric={s.symmetric}, granularity=core.{r.spec.granularity!r}"
        patch = ""
        if r.patch:
            k = slide(s.network, s.layer).tensor.shape[-1]
            patch = f"[:, {r.patch[0]}:{r.patch[0] + k}, {r.patch[1]}:{r.patch[1] + k}]"
        return f"""import numpy as np, qlab
from qlab import core, metrics
net, mnist = qlab.networks.load("{s.network}"), qlab.data.load("mnist")
W, b, i, j = net.weights["{s.layer}"], net.biases["{s.layer}"], {s.row}, {s.column}
qparams = qlab.ranges.{s.method}(W, core.QuantSpec({spec}))
q = core.quantize(W, qparams)
W_hat, (scale, zero_point) = core.dequantize(q, qparams), qparams.expand(W.shape)
W, q, W_hat, scale, zero_point = (np.broadcast_to(a, W.shape).reshape(len(W), -1)
                                  for a in (W, q, W_hat, scale, zero_point))
block = slice({r.block[0]}, {r.block[1]})  # the weights that share this scale
x = net.run(mnist.test.images[{s.image}:{s.image + 1}], 0, net.index("{s.layer}"))[0]{patch}.ravel()
w, w_hat, s, error = W[i, j], W_hat[i, j], scale[i, j], float(W_hat[i, j]) - float(W[i, j])
z, z_hat = (b[i] + v[i].astype(np.float64) @ x for v in (W, W_hat))
size = core.packed_bytes(W.size, {s.bits}) + {r.side}
for name, value in dict(value=w, scale=s, zero_point=zero_point[i, j], code=q[i, j],
        value_back=w_hat, error=error, error_in_steps=error / s,
        sqnr_block=metrics.sqnr(W.ravel()[block], W_hat.ravel()[block]),
        sqnr_layer=metrics.sqnr(W, W_hat), narrowest=scale.min(), widest=scale.max(),
        bytes=size, bits_per_weight=8 * size / W.size, x=x[j], product=float(w) * x[j],
        product_back=float(w_hat) * x[j], share=float(w) * x[j] / z, sum=z, sum_back=z_hat,
        sum_change=z_hat - z).items():
    print(name, value)
"""

    def tables(self) -> dict[str, tuple[list[str], list[list[Any]]]]:
        """List the window's cells and, once it is there, each row's scales."""
        r = self.result
        on = slide(r.network, r.layer)
        window = on.cells(on.window_of(r.row, r.column))
        cells = [
            [*(int(k) for k in divmod(at, on.W.shape[1])), float(value)]
            for at, value in zip(window.ravel(), r.cells.ravel(), strict=True)
            if at >= 0
        ]
        whole = r.whole
        rows = [] if whole is None else list(zip(whole.own, whole.low, whole.high, strict=True))
        return {
            f"cells ({r.show})": (["row", "column", "value"], cells),
            "scales over minmax of the layer": (
                ["row", "for itself", "least used", "greatest used"],
                [[k, *map(float, row)] for k, row in enumerate(rows)],
            ),
        }


def _running(bias: float, w: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Sum from the bias on, product by product."""
    return bias + np.concatenate([[0.0], np.cumsum(w.astype(np.float64) * x)])


def _side_bytes(spec: core.QuantSpec, shape: tuple[int, ...]) -> int:
    """Bytes of scales, and of zero points where there are any."""
    blocks = int(np.prod(spec.granularity.compact_shape(shape)))
    return 4 * blocks + (0 if spec.symmetric else core.packed_bytes(blocks, spec.bits))


__all__ = ["Microscope"]
