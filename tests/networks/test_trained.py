import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from qlab import cli, networks
from qlab.networks import trained


def write_card(network: Path) -> None:
    digest = trained.hashlib.sha256(network.read_bytes()).hexdigest()
    test = {"value": 0.9, "low": 0.8, "high": 1, "n": 100}
    card = {"name": network.stem, "recipe": {}, "parameters": 0, "test": test, "sha256": digest}
    network.with_suffix(".json").write_text(json.dumps(card))


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zoo of its own, with the smallest network of the real one."""
    monkeypatch.setattr(trained, "FOLDER", tmp_path)
    net = networks.build("student_30", np.random.default_rng(0))
    path = networks.save(net, tmp_path / "student_30.safetensors")
    write_card(path)
    (tmp_path / "students.json").write_text("{}")  # results of the grid: no network
    return tmp_path


def test_a_network_is_found_by_name_and_read_once(zoo: Path) -> None:
    assert networks.ZOO == ("student_30",)
    assert networks.load("student_30") is networks.load("student_30")
    assert networks.card("student_30")["name"] == "student_30"


def test_a_retrained_network_replaces_the_one_in_memory(zoo: Path) -> None:
    old = networks.load("student_30")
    new = networks.build("student_30", np.random.default_rng(1))
    path = networks.save(new, zoo / "student_30.safetensors")
    write_card(path)
    assert (networks.load("student_30").weights["fc1"] != old.weights["fc1"]).any()


def test_one_wrong_byte_is_noticed(zoo: Path) -> None:
    path = zoo / "student_30.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"damaged, expected sha256 .*make zoo"):
        networks.load("student_30")


@pytest.mark.parametrize("file", ["student_30.safetensors", "student_30.json"])
def test_a_missing_file_is_told_with_the_command_that_makes_it(zoo: Path, file: str) -> None:
    (zoo / file).unlink()
    with pytest.raises(FileNotFoundError, match=rf"lacks a file \(file='{file}'\).*make zoo"):
        networks.load("student_30")


DAMAGED_CARD = r"card is damaged.*\(file='student_30.json'\)\. Run `git checkout qlab/networks/zoo`"


@pytest.mark.parametrize("text", ["", "[1]", "{", "{}", "null", "\xff"])
def test_a_damaged_card_is_told(zoo: Path, text: str) -> None:
    (zoo / "student_30.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=DAMAGED_CARD):
        networks.load("student_30")


@pytest.mark.parametrize(
    "change",
    [
        *({key: None} for key in ("parameters", "recipe", "sha256", "test")),
        *(
            {"test": {"value": 0.9, "low": 0.8, "high": 1, "n": 100} | spoilt}
            for spoilt in (
                *({key: wrong} for key in ("value", "low", "high", "n") for wrong in (None, "0.9")),
                {"value": float("nan")},
                {"low": 0.95},
                {"high": 1.01},
                {"n": 0},
            )
        ),
        {"test": {}},
        {"parameters": "24,790"},
    ],
    ids=str,
)
def test_what_is_read_from_a_card_is_what_it_must_be(
    zoo: Path, change: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    file = zoo / "student_30.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ValueError, match=DAMAGED_CARD):
        networks.card("student_30")
    assert cli.main(["zoo"]) == 1
    assert "card is damaged" in capsys.readouterr().err


def test_the_list_of_the_zoo_tells_what_a_card_says(
    zoo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["zoo"]) == 0
    said = capsys.readouterr().out.splitlines()[1].split(maxsplit=1)
    assert said == ["student_30", "0           90.00% (80.00% to 100.00%)    100"]


def test_an_unknown_name_lists_the_known_ones(zoo: Path) -> None:
    with pytest.raises(ValueError, match="one of student_30, got 'resnet'"):
        networks.load("resnet")


def test_an_empty_zoo_says_how_to_fill_it(zoo: Path) -> None:
    shutil.rmtree(zoo)
    with pytest.raises(FileNotFoundError, match="make zoo"):
        networks.load("lenet_5")
