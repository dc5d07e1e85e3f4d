"""The numbers of the Allocate instrument, each with its provenance."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from qlab.live.allocate_state import AllocateResult
from qlab.live.readout import Value
from qlab.metrics import within_noise


def numbers(r: AllocateResult) -> Iterator[Value]:
    """List what is played by, then what it costs; the report stands below."""
    mine, other = r.seen["mine"], r.seen.get("uniform")
    yield Value.of("validation", "Accuracy to play by: validation images", mine, form="percent")
    yield _ahead("lead", "Ahead of uniform there", r, mine, other)
    whole = "bytes" if r.unit == "bytes" else "count"
    left = r.budget - r.mine.cost
    for name, label, value, form, note in (
        ("left", "Left of the budget", left, whole, "over the budget" if r.over else ""),
        ("budget", f"Budget, {_unit(r)}", r.budget, whole, why(r)),
        ("bytes", "Bytes, packed: codes, scales, biases", r.bytes, "bytes", ""),
        ("operations", "Bit operations, activations of 8 bits", r.operations, "count", ""),
        ("predicted", "Layers’ losses by the table, added up", r.mine.loss, "number", ""),
    ):
        yield Value(name=name, label=label, value=value, source="derived", form=form, note=note)
    if "exact" in r.ways:
        yield Value(
            name="best",
            label="The least such sum in the budget",
            value=r.ways["exact"].loss,
            source="derived",
            note="mine is that" if r.mine.loss == r.ways["exact"].loss else "",
        )
    yield from _report(r)


def _report(r: AllocateResult) -> Iterator[Value]:
    for name, one in r.players.items():
        words = "·".join(map(str, one.bits.values()))
        label = f"For the report, test images: {name} {words}"
        shown, name = r.report.get(name), "accuracy" if name == "mine" else name
        if shown is None:
            yield Value(name=name, label=label, value=np.nan, source="measured", form="coming")
        else:
            yield Value.of(name, label, shown, form="percent")
    yield _ahead(
        "score",
        "Mine beats uniform by, test images",
        r,
        r.report.get("mine"),
        r.report.get("uniform"),
    )


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
