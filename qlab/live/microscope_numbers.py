"""The numbers of the Microscope: of the weight, of its block and layer, of one output."""

from collections.abc import Iterator

import numpy as np

from qlab.core import PerAxis, PerTensor
from qlab.live.microscope_slide import slide
from qlab.live.microscope_state import MicroscopeResult
from qlab.live.readout import Value


def of_block(r: MicroscopeResult) -> Iterator[Value]:
    """List what its block and its layer come to; what needs the whole layer may come later."""
    for name, label, value in (
        ("sqnr_block", "SQNR, its block", r.block_sqnr),
        ("sqnr_layer", f"SQNR, all of {r.layer}", np.nan if r.whole is None else r.whole.sqnr),
    ):
        wait = "being computed …" if np.isnan(value) else ""
        yield Value(
            name=name, label=label, value=value, source="derived", form="decibel", note=wait
        )
    if r.whole is not None:
        for name, label, (scale, row) in (
            ("narrowest", "Narrowest scale", r.whole.narrow),
            ("widest", "Widest scale", r.whole.wide),
        ):
            note = "" if r.spec.granularity == PerTensor() else f"in row {row}"
            yield Value(name=name, label=label, value=scale, source="derived", note=note)
    yield Value(
        name="bytes", label=f"Bytes of {r.layer}, packed", value=r.bytes, source="derived",
        form="bytes", note=f"{r.side:,} of them for scales" + _and_zero_points(r),
    )  # fmt: skip
    yield Value(
        name="bits_per_weight", label="Bits a weight, scales included",
        value=8 * r.bytes / r.weights, source="derived", form="bits",
    )  # fmt: skip


def of_weight(r: MicroscopeResult) -> Iterator[Value]:
    """List the weight, its grid, its code and its error."""
    name = f"{r.layer}[{', '.join(map(str, r.place))}]"
    yield Value(name="value", label=f"Weight {name}", value=r.value, source="cited")
    block = where(r, slide(r.network, r.layer).W.shape[1])
    for key, label, value, form, note in (
        ("scale", "Scale", r.scale, "number", f"of {block}"),
        ("zero_point", "Zero point", r.zero_point, "count", ""),
        ("code", "Code", r.code, "count", f"{r.binary} in two's complement"),
        ("value_back", "Value back", r.back, "number", ""),
        ("error", "Error", r.error, "number", "clipped" if r.clipped else ""),
        ("error_in_steps", "Error in steps", r.error / r.scale, "number", ""),
    ):
        yield Value(name=key, label=label, value=value, source="derived", form=form, note=note)


def of_output(r: MicroscopeResult) -> Iterator[Value]:
    """List its part in one output, and what becomes of the sum."""
    z, z_hat = float(r.sums[-1]), float(r.back_sums[-1])
    share = r.value * r.x / z if z else float("nan")
    patch = f"patch at {r.patch[0]}, {r.patch[1]}" if r.patch else ""
    for name, label, value, form, note in (
        ("x", f"Input {r.column} of image {r.image}, x", r.x, "number", patch),
        ("product", "w · x", r.value * r.x, "number", ""),
        ("product_back", "ŵ · x", r.back * r.x, "number", ""),
        ("share", "w · x as a share of the sum", share, "percent", ""),
        ("sum", f"Sum of output {r.row}, float", z, "number", "bias included"),
        ("sum_back", "Sum, row quantized", z_hat, "number", ""),
        ("sum_change", "Change of the sum", z_hat - z, "number", ""),
    ):
        yield Value(name=name, label=label, value=value, source="derived", form=form, note=note)


def where(r: MicroscopeResult, columns: int) -> str:
    """Name the block of a weight in words."""
    first, last = r.block[0] % columns, (r.block[1] - 1) % columns
    if r.spec.granularity == PerTensor():
        return f"all of {r.layer}"
    if isinstance(r.spec.granularity, PerAxis):
        return f"row {r.row}"
    return f"row {r.row}, columns {first} to {last}"


def _and_zero_points(r: MicroscopeResult) -> str:
    return "" if r.spec.symmetric else " and zero points"
