import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qlab import data, metrics, networks
from qlab.training import Plan, zoo

MNIST = data.load("mnist")


@pytest.fixture
def shop(tmp_path: Path) -> zoo.Workshop:
    small = data.Dataset(
        "mnist",
        train=MNIST.train[:300],
        calibration=lambda: MNIST.calibration,
        validation=MNIST.validation[:100],
        test=MNIST.test[:100],
    )
    return zoo.Workshop(tmp_path, small, lambda line: None)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    networks_ = {"mlp_784_128_10": Plan(epochs=2, jitter=1, dropout={"fc2": 0.2})}
    monkeypatch.setattr(zoo, "NETWORKS", networks_)
    monkeypatch.setattr(zoo, "TEACHER", "mlp_784_128_10")
    taught = {
        "student_30": Plan(epochs=1),
        "student_100": Plan(epochs=2, train_images=150),
    }
    monkeypatch.setattr(zoo, "STUDENTS", taught)
    monkeypatch.setattr(zoo, "TEMPERATURES", (2, 20))
    monkeypatch.setattr(zoo, "ALPHAS", (0.5,))
    monkeypatch.setattr(zoo, "SEEDS", (0, 1))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_training_the_zoo_again_gives_the_same_files(
    shop: zoo.Workshop, quick: None, tmp_path: Path
) -> None:
    zoo.train_network("mlp_784_128_10", shop)
    zoo.train_students(("student_30", "student_100"), shop)
    first = contents(shop.folder)
    assert set(first) == {
        *("mlp_784_128_10.json", "mlp_784_128_10.safetensors", "students.json"),
        *(
            f"{student}_{told}.{kind}"
            for student in ("student_30", "student_100")
            for told in ("hard", "t2", "t20")
            for kind in ("json", "safetensors")
        ),
    }
    zoo.train_network("mlp_784_128_10", shop)
    zoo.train_students(("student_30",), shop)  # the other student's runs stay
    zoo.train_students(("student_100",), shop)
    assert contents(shop.folder) == first


def test_the_grid_holds_every_run_with_its_errors(shop: zoo.Workshop, quick: None) -> None:
    zoo.train_network("mlp_784_128_10", shop)
    zoo.train_students(("student_30",), shop)
    runs = json.loads((shop.folder / "students.json").read_text())["runs"]
    told = [(run["seed"], run["temperature"], run["alpha"]) for run in runs]
    settings = [(None, 0.0), (2.0, zoo.ALPHA), (20.0, zoo.ALPHA), (4.0, 0.5)]
    assert told == [(seed, *setting) for seed in (0, 1) for setting in settings]
    for run in runs:
        assert run["test"]["value"] == pytest.approx(1 - run["test_errors"] / 100)
    stored = networks.read(shop.folder / "student_30_t20.safetensors")
    (of_it,) = [run for run in runs if run["seed"] == 0 and run["temperature"] == 20]
    assert of_it["test"]["value"] == metrics.accuracy(stored, shop.dataset.test).value


CARDS = sorted(zoo.FOLDER.glob("*.json"))
NETWORK_CARDS = [path.stem for path in CARDS if path.with_suffix(".safetensors").exists()]
TABLES = {"students", "qat", "sensitivity"}  # of many networks: each has tests of its own


def test_every_card_is_of_a_network_or_a_table_that_is_known() -> None:
    assert {path.stem for path in CARDS} - set(NETWORK_CARDS) == TABLES


@pytest.mark.parametrize("name", NETWORK_CARDS)
def test_a_card_says_what_is_measured_again(name: str) -> None:
    card, net = networks.card(name), networks.load(name)
    for split, said in ((MNIST.test, card["test"]), (MNIST.validation, card["validation"])):
        found = metrics.accuracy(net, split)
        # another processor adds in another order: a tie between two digits may fall differently
        assert said["value"] == pytest.approx(found.value, abs=2 / found.n)
        interval = metrics.wilson(round(said["value"] * found.n), found.n)
        assert (said["value"], said["n"]) == (interval.value, interval.n)
        assert said["low"] == pytest.approx(interval.low, abs=1e-6)
        assert said["high"] == pytest.approx(interval.high, abs=1e-6)
    assert card["parameters"] == net.parameters
    assert card["name"] == net.name == name
    assert card["seed"] == card["recipe"]["seed"]


@pytest.mark.parametrize(("name", "error"), [("lenet_300_100", 0.0164), ("lenet_5", 0.0080)])
def test_the_baselines_are_as_good_as_those_of_the_papers(name: str, error: float) -> None:
    assert 1 - networks.card(name)["test"]["value"] <= error


@pytest.mark.parametrize("name", list(zoo.NETWORKS))
def test_a_card_holds_the_recipe_that_make_zoo_would_run(name: str) -> None:
    recipe = networks.card(name)["recipe"]
    plan = {key: value for key, value in recipe.items() if key not in {"dataset", "build_seed"}}
    assert Plan(**plan) == zoo.NETWORKS[name]


def test_every_setting_was_run_with_at_least_five_seeds_and_has_a_student() -> None:
    grid = json.loads((zoo.FOLDER / "students.json").read_text())
    assert len(zoo.SEEDS) >= 5
    told = {name: Plan(**plan | {"seed": 0}) for name, plan in grid["recipes"].items()}
    assert told == {name: replace(plan, seed=0) for name, plan in zoo.STUDENTS.items()}
    for student in zoo.STUDENTS:
        told = {
            (run["temperature"], run["alpha"], run["seed"])
            for run in grid["runs"]
            if run["student"] == student
        }
        settings = [(None, 0.0), *((float(T), zoo.ALPHA) for T in zoo.TEMPERATURES)]
        settings += [(float(zoo.TEMPERATURE), α) for α in zoo.ALPHAS]
        assert told == {(*setting, seed) for setting in settings for seed in zoo.SEEDS}
        for T in zoo.TEMPERATURES:
            assert f"{student}_t{T}" in networks.ZOO
        assert f"{student}_hard" in networks.ZOO


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert zoo.main(["alexnet"]) == 2
    assert "zoo: names must be among lenet_300_100" in capsys.readouterr().err


def test_a_missing_dataset_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("QLAB_DATASETS", str(tmp_path))
    assert zoo.main(["mlp_784_128_10"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("zoo: load: dataset 'mnist' is not there")


def test_a_student_starts_from_its_seed_alone() -> None:
    a = networks.build("student_30", np.random.default_rng(3))
    b = networks.build("student_30", np.random.default_rng(3))
    assert (a.weights["fc1"] == b.weights["fc1"]).all()
