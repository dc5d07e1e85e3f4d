"""W18: what is not there is looked up in another process, and honestly where it can't be."""

import subprocess
import sys
from typing import Any

import pytest

from qlab.course.clinic import apis, exhibits


def test_with_torch_installed_none_of_the_claimed_calls_exists() -> None:
    said = {call: kind for call, (kind, _) in apis.probe()["said"].items()}
    assert said["quantizer"] == said["quantized"] == "AttributeError"
    assert said["qconfig"] == "TypeError"
    assert said["undefined"] == "NameError"


def test_converts_result_is_thrown_away_and_needs_calibration() -> None:
    after = apis.probe()["convert"]
    assert after["stays"] is True
    assert after["uncalibrated"] == 1.0
    assert after["calibrated"] != 1.0


def test_the_exhibit_fails_as_torch_does_and_counts_only_what_was_tried() -> None:
    one = exhibits()["W18"]
    assert one.as_it_stands().error == "AttributeError"
    found = one.measure(call="qconfig")
    assert "unexpected keyword argument" in found.says
    assert found["work"] == 0
    tf = bool(apis.probe()["versions"]["tf"])
    assert found["tried"] == 4 + tf


def test_this_process_stays_without_torch() -> None:
    program = "import sys; from qlab.course.clinic import exhibits; "
    program += "exhibits()['W18'].measure(); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with neither torch nor TensorFlow, as the probe would report it."""
    missing: list[Any] = ["NameError", "name 'torch' is not defined"]
    found = {
        "versions": {"torch": "", "tf": ""},
        "said": dict.fromkeys([*apis.CALLS, "convert"], missing),
        "convert": {"stays": None, "uncalibrated": None, "calibrated": None},
    }
    monkeypatch.setattr(apis, "probe", lambda: found)


@pytest.mark.usefixtures("bare")
def test_without_the_libraries_it_says_that_nothing_was_tried() -> None:
    one = exhibits()["W18"]
    assert one.as_it_stands().error == ""
    assert "torch is not installed here" in one.as_it_stands().says
    assert "TensorFlow is not installed here" in one.measure(call="keras").says
    assert one.measure(call="quantizer")["tried"] == 1  # the undefined name needs no library


def test_a_probe_without_an_answer_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apis, "PROBE", "import sys; sys.exit(3)")
    with pytest.raises(OSError, match="an answer is expected"):
        apis.probe.__wrapped__()
