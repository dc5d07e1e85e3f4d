"""The numbers of the Allocate instrument, each with its provenance."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from qlab.live.allocate_state import AllocateResult
from qlab.live.readout import Value
from qlab.metrics import within_noise

WORDS = {"mine": "Mine", "uniform": "Uniform", "greedy": "Greedy", "exact": "Exact"}


def numbers(r: AllocateResult) -> Iterator[Value]:
    """List what is played by, then what it costs; the report stands below."""
    mine, other = r.seen["mine"], r.seen.get("uniform")
    note = "to play by: no test image is in it"
    yield Value.of("validation", "Accuracy, validation", mine, form="percent", note=note)
    yield _ahead("lead", "Ahead of uniform, validation", r, mine, other)
    whole = "bytes" if r.unit == "bytes" else "count"
    left = r.budget - r.mine.cost
    for name, label, value, form, note in (
        ("left", "Left of the budget", left, whole, "over the budget" if r.over else ""),
        ("budget", f"Budget, {_unit(r)}", r.budget, whole, why(r)),
        ("bytes", "Bytes, packed", r.bytes, "bytes", "codes, scales, biases"),
        ("operations", "Bit operations an image", r.operations, "count", "8-bit activations"),
        ("predicted", "Loss, layer by layer added up", r.mine.loss, "number", "by the table"),
    ):
        yield Value(name=name, label=label, value=value, source="derived", form=form, note=note)
    if "exact" in r.ways:
        yield Value(
            name="best",
            label="The least such sum within the budget",
            value=r.ways["exact"].loss,
            source="derived",
            note="mine is that" if r.mine.loss == r.ways["exact"].loss else "",
        )
    yield from _report(r)


def _report(r: AllocateResult) -> Iterator[Value]:
    for name, one in r.players.items():
        words = "·".join(map(str, one.bits.values()))
        label = f"{WORDS[name]}, {words} bits, test images"
        note = "for the report: choose by validation" if name == "mine" else ""
        name = "accuracy" if name == "mine" else name
        shown = r.report.get("mine" if name == "accuracy" else name)
        if shown is None:
            yield Value(name=name, label=label, value=np.nan, source="measured", form="coming")
        else:
            yield Value.of(name, label, shown, form="percent", note=note)
    label = "Mine beats uniform by, test images"
    yield _ahead("score", label, r, r.report.get("mine"), r.report.get("uniform"))


def _unit(r: AllocateResult) -> str:
    return "bytes" if r.unit == "bytes" else "bit operations"


def why(r: AllocateResult) -> str:
    """Say the smallest budget that can be met, if this one can't."""
    if r.least.cost <= r.budget:
        return ""
    return f"nothing fits: the smallest that can be met is {r.least.cost:,} {_unit(r)}"


def _ahead(name: str, label: str, r: AllocateResult, mine: Any, other: Any) -> Value:
    """Say by how much mine beats uniform, and whether that is noise or no fair game."""
    if "uniform" not in r.ways:
        return Value(
            name=name, label=label, value=np.nan, source="measured", note="uniform does not fit"
        )
    if mine is None or other is None:
        return Value(name=name, label=label, value=np.nan, source="measured", form="coming")
    noise = "within noise" if within_noise(mine, other) else "beyond noise"
    return Value(
        name=name,
        label=label,
        value=mine.value - other.value,
        source=mine.source,
        n=mine.n,
        form="points",
        note="mine is over the budget" if r.over else noise,
    )
