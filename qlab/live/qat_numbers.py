"""The numbers of the Train quantized instrument, each with its provenance."""

from collections.abc import Iterator

from qlab.live.qat_quantizers import METHODS
from qlab.live.qat_state import QatResult
from qlab.live.qat_table import Table
from qlab.live.readout import Value
from qlab.metrics import within_noise

SCALED = "with the best common scale"


def quantizers_numbers(r: QatResult) -> Iterator[Value]:
    """List what the quantizer does to the values."""
    if r.held.size:
        other = r.side == "weights" and r.bits != r.asked
        note = f"{METHODS[r.method]} has {r.bits} bit{'s' if r.bits > 1 else ''}" if other else ""
        yield _derived("levels", f"Levels of the {r.side}", r.levels, "count", note)
        note = "of the first row" if r.method == "xnor" and r.side == "weights" else ""
        yield _derived("gap", "Smallest gap of two levels", r.gap, note=note)
    for name, label, share in (
        ("blocked", "Gradients that are blocked", r.blocked),
        ("zeros", f"{r.side.capitalize()} that become 0", r.zeros),
    ):
        yield Value(name=name, label=label, value=share, source="measured", n=r.n, form="percent")
    note = SCALED if r.scaled else ""
    yield _derived("sqnr", f"SQNR, {r.side} of {r.layer}", r.sqnr, "decibel", note)
    if r.learned is not None and r.pull is not None:
        name, value = r.learned
        note = f"a descent makes it {'smaller' if r.pull > 0 else 'larger'}"
        yield _derived("learned", f"The {name}", value)
        yield _derived("pull", f"Slope of the squared error by the {name}", r.pull, note=note)
    if r.g is not None:
        yield _derived("g", "LSQ’s gradient scale g", r.g)
    if r.crossing is not None:
        label = "Steps of the learning rate to the next jump, median weight"
        yield _derived("crossing", label, r.crossing)


def reached(r: QatResult, table: Table) -> Iterator[Value]:
    """List the errors that were measured: trained, rounded only, float, trained here."""
    trained = r.errors.get("trained")
    if trained is not None:
        k = len(table.errors(r.method, r.bits, r.activations))
        notes = ["within noise of float"] if within_noise(trained, table.whole) else []
        if r.method == "pact" and r.activations is None:
            notes.append("DoReFa’s: there is no clip to learn")
        label = f"Trained quantized, {k} seed{'s' if k > 1 else ''}"
        yield Value.of("error_trained", label, trained, form="percent", note="; ".join(notes))
    for name, label in (
        ("mse", "Rounded only, MSE ranges"),
        ("minmax", "Rounded only, minmax"),
    ):
        if name in r.errors:
            yield Value.of(f"error_{name}", label, r.errors[name], form="percent")
    yield Value.of("error_float", "Float", table.whole, form="percent")
    if r.own is not None:
        note = ""
        if trained is not None:
            noise = within_noise(r.own.error, trained)
            note = f"{'within' if noise else 'beyond'} noise of the table"
        epochs = f"{r.own.epochs} epoch{'s' if r.own.epochs > 1 else ''}"
        label = f"Trained here, seed {r.own.seed}, {epochs}"
        yield Value.of("error_own", label, r.own.error, form="percent", note=note)
    if r.trained is not None:
        t, what = r.trained, "each row has its own" if r.trained.by_row else ""
        yield _derived(
            "own_levels", f"Levels of the {r.side}, trained here", len(t.held), "count", what
        )
        note = "of the first row" if t.by_row else ""
        yield _derived("own_gap", "Smallest gap of two levels, trained here", t.gap, note=note)
        yield Value(
            name="own_zeros", label=f"{r.side.capitalize()} that are 0, trained here",
            value=t.zeros, source="measured", n=r.n, form="percent",
        )  # fmt: skip


def _derived(
    name: str, label: str, value: float | int, form: str = "number", note: str = ""
) -> Value:
    return Value(name=name, label=label, value=value, source="derived", form=form, note=note)
