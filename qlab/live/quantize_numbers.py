"""The numbers of the Quantize instrument, and the sentence about those that are to come."""

from collections.abc import Iterator

from qlab.live.quantize_size import meters
from qlab.live.quantize_state import GRIDS, REPAIRS, QuantizeResult, QuantizeState
from qlab.live.readout import Value


def numbers(r: QuantizeResult) -> Iterator[Value]:
    """List the accuracy and what it is compared with, the errors, the bytes."""
    note = "of the plain grid, for now" if r.waiting else ""
    yield Value.of("accuracy", "Accuracy", r.accuracy, form="percent", note=note)
    yield Value.change("Change against float", r.accuracy, r.reference)
    yield Value.of("float_accuracy", "Float accuracy, same images", r.reference, form="percent")
    yield Value.of("flipped", "Predictions flipped", r.flipped, form="percent")
    weights = "all weights" if r.layer == "all" else f"weights of {r.layer}"
    for name, label, form in (
        ("sqnr", f"SQNR, {weights}", "decibel"),
        ("mse", f"MSE, {weights}", "number"),
    ):
        yield Value(
            name=name,
            label=label,
            value=getattr(r.errors, name),
            source="derived",
            form=form,
        )
    yield Value(
        name="ratio",
        label="Smaller by, packed",
        value=r.dense / r.bytes,
        source="derived",
        form="ratio",
    )
    yield from meters(r)


def waits_for(s: QuantizeState) -> str:
    """Say what is being computed, and what is shown until then."""
    what = REPAIRS[s.repair] if s.grid == "affine" else f"{GRIDS[s.grid]}, {s.width()} bits,"
    return (
        f"<b>{what} is being computed …</b> Until then you see the affine grid of as many bits, "
        "rounded to nearest."
    )
