"""Drive an instrument as a page would, without a browser; shared by all instruments' tests."""

import contextlib
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from qlab.live.instrument import Instrument
from qlab.live.settings import Choice, Flag, Real, Whole
from qlab.live.standin import StandIn
from tests.strategies import unchecked

HOSTILE = (None, "x", float("nan"), float("inf"), 1e9, -1, "4", True, [], {}, "<script>", "%00")


def send(instrument: Instrument, trait: str, value: Any) -> None:
    """Set a control as the page does: through the message its widget would receive."""
    control = instrument.controls[trait]
    wire = value
    if control.wire == "index":
        wire = [option[1] for option in control.options].index(value)
    control._handle_msg({"content": {"data": {"method": "update", "state": {control.wire: wire}}}})


def stations(instrument: Instrument, trait: str) -> list[Any]:
    """Minimum, middle and maximum of a control (every value of a menu or a box)."""
    setting = instrument.state.settings()[trait]
    match setting:
        case Whole():
            values = instrument.state.allowed(trait) or setting.values
            return [values[0], values[len(values) // 2], values[-1]]
        case Real() if setting.stops:
            return [setting.stops[0], setting.stops[len(setting.stops) // 2], setting.stops[-1]]
        case Real(log=True):
            return [setting.low, round((setting.low * setting.high) ** 0.5, 3), setting.high]
        case Real():
            return [setting.low, (setting.low + setting.high) / 2, setting.high]
        case Choice():
            return list(instrument.state.allowed(trait) or setting.values)
        case Flag():
            return [False, True]
    raise AssertionError(setting)


def pictures(instrument: Instrument) -> dict[str, np.ndarray]:
    """The pixels of every live figure, drawn afresh."""
    return {n: f.pixels() for n, f in instrument.figures.items() if f.live}


def readings(instrument: Instrument) -> dict[str, float]:
    """The numbers on screen."""
    return {name: value.value for name, value in instrument.values.items()}


def assert_shown(instrument: Instrument) -> None:
    """No message stands, every number is in the page with its provenance."""
    assert instrument.message == ""
    page = instrument.readout.value + instrument.below.value
    for value in instrument.values.values():
        assert f'data-name="{value.name}"' in page
        assert value.source in ("measured", "derived", "cited", "estimated")
    for figure in instrument.figures.values():
        if figure.live:
            assert bytes(figure.image.value[:4]) in (b"RIFF", b"\x89PNG")  # WebP or PNG


def assert_control_moves_everything(
    instrument: Instrument, trait: str, check: Callable[[], None] = lambda: None
) -> list[Any]:
    """Drive one control to its stations; state, pictures and numbers follow each time."""
    seen: list[Any] = []
    after: dict[str, np.ndarray] = {}
    for value in stations(instrument, trait):
        before, numbers = getattr(instrument.state, trait), readings(instrument)
        same = after and instrument.result is seen[-1]  # drawn at the last station
        pixels = after if same else pictures(instrument)
        send(instrument, trait, value)
        assert getattr(instrument.state, trait) == value
        assert_shown(instrument)
        if value != before:
            after = pictures(instrument)
            moved = any(not np.array_equal(pixels[n], after[n]) for n in after)
            assert moved, f"no picture moved when {trait} went from {before} to {value}"
            assert readings(instrument) != numbers, f"no number moved with {trait}={value}"
        check()
        seen.append(instrument.result)
    return seen


def assert_refuses_everything_hostile(instrument: Instrument) -> None:
    """Whatever the wire brings, the old value stays, one sentence says so, controls live."""
    for trait, control in instrument.controls.items():
        setting = instrument.state.settings()[trait]
        for value in HOSTILE:
            with contextlib.suppress(ValueError):
                setting.accepts(value)
                continue  # meant something here
            before = instrument.state.values(), control.value
            instrument.say("")
            control._handle_msg(
                {"content": {"data": {"method": "update", "state": {"value": value}}}}
            )
            assert (instrument.state.values(), control.value) == before
            assert instrument.message.startswith(f"{trait}: "), (trait, value)
            assert instrument.message.count("\n") == 0
        for rewritten in ({"max": 99}, {"options": []}, {"_options_labels": ["x"]}, {"index": 99}):
            instrument.say("")
            before = instrument.state.values(), control.value
            control._handle_msg({"content": {"data": {"method": "update", "state": rewritten}}})
            assert (instrument.state.values(), control.value) == before
            assert instrument.message != ""
        for broken in ({"method": "update", "state": None}, {"method": "nonsense"}, {}):
            control._handle_msg({"content": {"data": broken}})
        last = stations(instrument, trait)[-1]
        send(instrument, trait, last)
        assert getattr(instrument.state, trait) == last  # the control is alive


@contextlib.contextmanager
def standing_in(instrument: Instrument, name: str, function: Any) -> Iterator[StandIn]:
    """Put a function in the place of one of the library's until the block ends."""
    try:
        yield instrument.stand_in(name, function)
    finally:
        instrument.stand_in(name, None)


def assert_refuses_answers(instrument: Instrument, name: str, function: Any, sentence: str) -> None:
    """What a function cannot mean is told in a sentence, and the library's numbers stay."""
    truth = readings(instrument)
    with np.errstate(all="ignore"), standing_in(instrument, name, function) as standing:
        assert re.search(sentence, standing.trouble)
        np.testing.assert_equal(readings(instrument), truth)


def run_code(instrument: Instrument) -> dict[str, float]:
    """Run the copied code as a user does, afresh; return the numbers it printed by name."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), unchecked():
        exec(compile(instrument.code(), "<copied>", "exec"), {"__name__": "copied"})
    found = re.findall(r"^(\w+) +([-+\deE.]+|inf)", out.getvalue(), flags=re.MULTILINE)
    return {name: float(number) for name, number in found}
