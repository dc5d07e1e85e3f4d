"""The numbers of the Calibrate instrument, and the lines of Python that print them."""

from collections.abc import Iterator

import numpy as np

from qlab.live.calibrate_pictures import METHODS, WANDERERS
from qlab.live.calibrate_state import ALL_IMAGES, DRAWS, CalibrateResult, CalibrateState, words
from qlab.live.readout import Value


def numbers(r: CalibrateResult) -> Iterator[Value]:
    """List clip point and errors, accuracy; then the error of each method's clip point."""
    late = f"minmax, until {words(r.method)} is computed" if r.waiting else ""
    yield Value(
        name="clip", label="Clip point", value=r.clip, source="derived", form="plain", note=late
    )
    yield Value(
        name="clipped", label="Values clipped", value=r.beyond / r.n, source="measured",
        n=r.n, form="percent",
    )  # fmt: skip
    for name, label, value in (
        ("clipping", "Clipping error", r.clipping),
        ("rounding", "Rounding error", r.rounding),
        ("error", "Their sum", r.total),
    ):
        yield Value(name=name, label=label, value=value, source="measured", n=r.n)
    yield Value(
        name="best", label="Smallest sum of 100 places", value=r.best[1], source="measured",
        n=r.n, note=f"at {r.best[0]:.3g}",
    )  # fmt: skip
    yield Value(name="sqnr", label="SQNR", value=r.sqnr, source="derived", form="decibel")
    yield Value.of("accuracy", "Accuracy", r.accuracy, form="percent")
    yield Value.change("Change against float", r.accuracy, r.reference)
    for name in METHODS:
        clip, error = r.found.get(name, (np.nan, np.nan))
        note = f"clips at {clip:.3g}" if name in r.found else "being computed …"
        label = f"Error, {words(name)}"
        yield Value(name=name, label=label, value=error, source="measured", n=r.n, note=note)
    for name in WANDERERS if r.source[1] == "activations" else ():
        clips = r.draws.get(name, np.full(1, np.nan))
        yield Value(
            name=f"{name}_spread", label=f"Widest over narrowest, {words(name)}",
            value=float(clips.max() / clips.min()), source="measured", n=len(DRAWS),
            form="ratio", note="ten draws" if name in r.draws else "being computed …",
        )  # fmt: skip


def code(s: CalibrateState, signed: bool) -> str:
    """Write the lines of qlab that compute and print those numbers."""
    n, seed = s.draw
    rows = f"np.sort(np.random.default_rng({seed}).permutation({ALL_IMAGES})[:{n}])"
    take = "" if n == ALL_IMAGES or s.kind == "weights" else f"[{rows}]"
    x = f'qlab.networks.activations(net, mnist.calibration.images)["{s.layer}"]'
    x = x if s.kind == "activations" else f'net.weights["{s.layer}"]'
    clip = f"clips[{s.method!r}]" if s.method != "hand" else f"{s.clip / 100} * abs(x).max()"
    low = "-clip" if signed else "0.0"
    put = f'qlab.networks.fake_quantize_inputs(net, {{"{s.layer}": grid}})'
    if s.kind == "weights":
        put = f'net.with_weights({{"{s.layer}": qlab.core.fake_quantize(x, grid)}})'
    return f"""import numpy as np, qlab
net, mnist = qlab.networks.load("{s.network}"), qlab.data.load("mnist")
x = {x}
spec = qlab.core.QuantSpec(bits={s.bits}, signed={signed})
seen = qlab.ranges.Magnitudes(x)
clips = {{name: float(f(x{take}, spec).scale) * spec.quant_max
         for name, f in qlab.ranges.METHODS.items()}}
clip = float({clip})
grid = qlab.core.qparams_between({low}, clip, spec)
e = seen.errors(np.array([clip, *clips.values()]), spec)
print("clip", clip, "\\nclipped", seen.beyond(clip) / x.size, "\\nclipping", e.clipping[0])
print("rounding", e.rounding[0], "\\nerror", e.total[0])
print("best", seen.errors(np.arange(1, 101) / 100 * seen.largest, spec).total.min())
print("sqnr", qlab.metrics.sqnr(x, qlab.core.fake_quantize(x, grid)))
for name, error in zip(clips, e.total[1:]): print(name, error)
was, now = (qlab.metrics.accuracy(n, mnist.test).value for n in (net, {put}))
print("accuracy", now, "\\nchange", now - was)
"""
