"""Every lab is one of one course: its cells in one order, its exercises as their records say."""

import ast
import doctest
import inspect
import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qlab.course.books import checked
from qlab.course.exercise import Exercise
from qlab.course.exercises import all_exercises, exercise
from tests.notebooks.running import SECONDS, counted, executed
from tests.repository.tree import ROOT

CLINIC = "22_claims_clinic"  # an exhibition: there is nothing to write in it
LABS = sorted(ROOT.glob("labs/*.ipynb"))
CARD = ("The question.", "You will be able to", "You need", "Time and level", "Next", "Launch")
ORDER = (  # what marks each step: a title of a text, or a call
    "# {number}",
    "setup",
    "## Warm-up",
    "By hand",
    "## Predict",
    "predict(",
    "## Explore",
    "## Build 1",
    "## My code in the instrument",
    "mine(",
    "## Measure",
    "results(",
    "## Explain",
    "## Bug hunt",
    "## What this was not",
    "## Summary",
    "## Reading",
    "Next: [",
    "report(",
)

OF_EXERCISES = ("By hand", "## Build 1", "## My code in the instrument", "mine(", "## Bug hunt")
BUILT = [path for path in LABS if path.stem != CLINIC]  # those with functions to write

every_lab = pytest.mark.parametrize("path", LABS, ids=[path.stem for path in LABS])
every_lab_to_write = pytest.mark.parametrize("path", BUILT, ids=[path.stem for path in BUILT])


def cells(path: Path) -> list[dict[str, Any]]:
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell | {"source": "".join(cell["source"])} for cell in found]


def code(path: Path) -> dict[str, str]:
    return {cell["id"]: cell["source"] for cell in cells(path) if cell["cell_type"] == "code"}


def exercises(path: Path) -> dict[str, tuple[Exercise, str]]:
    """From the id of the cell that is to be written to its exercise and its source."""
    sources = list(code(path).items())
    return {
        name: (exercise(next(iter(checked(after)))), source)
        for (name, source), (_, after) in itertools.pairwise(sources)
        if "### BEGIN SOLUTION" in source
    }


def out_of_order(texts: list[str], order: tuple[str, ...]) -> list[str]:
    """Return the marks that are not found behind the one before."""
    whole, at, missing = "\n\n".join(texts), 0, []
    for mark in order:
        found = whole.find(mark, at)
        missing += [mark] if found < 0 else []
        at = max(at, found)
    return missing


def test_every_lab_beside_the_clinic_uses_all_exercises_of_its_number() -> None:
    asked = {path.stem[:2]: {one.name for one, _ in exercises(path).values()} for path in BUILT}
    known: dict[str, set[str]] = {}
    for name, one in all_exercises().items():
        known.setdefault(one.lab, set()).add(name)
    assert asked == known
    assert set(LABS) - set(BUILT) == {ROOT / f"labs/{CLINIC}.ipynb"}


@every_lab
def test_the_steps_of_a_lab_come_in_the_order_of_all_labs(path: Path) -> None:
    left_out = ("setup", *(OF_EXERCISES if path not in BUILT else ()))
    order = tuple(mark.format(number=path.stem[:2]) for mark in ORDER if mark not in left_out)
    texts = [cell["source"] for cell in cells(path)]
    assert out_of_order(texts, order) == []
    assert [cell["id"] for cell in cells(path)][:2] == ["title", "setup"]


def test_the_guard_sees_a_lab_that_asks_after_it_shows() -> None:
    texts = ["## Explore", "## Predict"]
    assert out_of_order(texts, ("## Predict", "## Explore")) == ["## Explore"]


@every_lab
def test_a_title_card_says_all_that_it_should_and_30_to_75_minutes(path: Path) -> None:
    card = cells(path)[0]["source"]
    assert [word for word in CARD if f"**{word}**" not in card] == []
    minutes = re.search(r"\*\*Time and level\*\* \| (\d+) minutes", card)
    assert minutes and 30 <= int(minutes[1]) <= 75
    least = sum(one.minutes for one, _ in exercises(path).values() if one.importance == "core")
    assert int(minutes[1]) >= least + 15  # beside the exercises one has to read and to look


@every_lab
def test_links_from_lab_to_lab_lead_somewhere(path: Path) -> None:
    for cell in cells(path):
        for target in re.findall(r"\]\(([\w./]+\.ipynb)\)", cell["source"]):
            assert (path.parent / target).is_file(), target


def test_the_clinic_asks_what_we_expect_before_it_shows_what_was_measured() -> None:
    ids = [cell["id"] for cell in cells(ROOT / f"labs/{CLINIC}.ipynb")]
    asked, shown = ("predict-three", "predict-seeds"), ("explore", "table", "theme-evidence")
    assert max(map(ids.index, asked)) < min(map(ids.index, shown))


@every_lab_to_write
def test_each_exercise_has_its_tags_before_it_and_check_and_hints_behind(path: Path) -> None:
    found = exercises(path)
    assert len(found) == 5
    ids = [cell["id"] for cell in cells(path)]
    texts = {cell["id"]: cell["source"] for cell in cells(path)}
    for k, (name, (one, _)) in enumerate(found.items(), start=1):
        before, check, hint = (ids[ids.index(name) + step] for step in (-1, 1, 2))
        tags = f"*{one.difficulty.capitalize()}, {one.importance}, {one.minutes} minutes.*"
        assert texts[before].startswith(f"## Build {k} · ")
        assert tags in texts[before]
        assert checked(texts[check]) == {one.name: one.name.split(".")[1]}
        assert texts[hint] == f'hint("{one.name}")'


def written(source: str) -> tuple[Any, str]:
    """Return the function that an exercise's cell defines, and the cell's own example."""
    import math

    namespace: dict[str, Any] = {"np": np, "math": math}
    exec(source, namespace)
    name = next(node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    return namespace[name], inspect.getdoc(namespace[name]) or ""


@every_lab_to_write
def test_each_exercise_says_what_it_takes_and_gives_its_idea_and_an_example_that_holds(
    path: Path,
) -> None:
    for one, source in exercises(path).values():
        function, text = written(source)
        taken = inspect.signature(one.reference).parameters
        assert list(inspect.signature(function).parameters) == list(taken)
        for part in ("Parameters", "Returns", "Examples", "The idea: "):
            assert part in text, (one.name, part)
        assert all(re.search(rf"\b{name}\b", text) for name in taken)
        test = doctest.DocTestParser().get_doctest(
            text, function.__globals__, one.name, str(path), None
        )
        assert test.examples
        assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


@every_lab
@pytest.mark.timeout(SECONDS)
def test_a_learner_can_go_through_a_lab(path: Path) -> None:
    """Predict and see the measurement, answer every question rightly, report; see learner.py."""
    found = counted(executed(path))
    assert found["predictions"] >= 1
    assert found["hints"] == (5 if path in BUILT else 0)
    assert found["quizzes"] >= 2
    assert found["results"] == 1
    assert found["headings"] == [path.stem[:2]]


def printed(stem: str, name: str) -> str:
    """Return what a cell of an executed lab has printed."""
    found = {cell.get("id"): cell for cell in executed(ROOT / f"labs/{stem}.ipynb").cells}
    return "".join(output.get("text", "") for output in found[name].outputs)


def intervals(stem: str, name: str) -> dict[str, list[tuple[float, float]]]:
    """From the first word of a line to the intervals of the accuracies in lines that begin so."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for line in printed(stem, name).splitlines():
        low, high = re.findall(r"\[([\d.]+), ([\d.]+)\]", line)[0]
        lines.setdefault(line.split()[0], []).append((float(low), float(high)))
    return lines


@pytest.mark.timeout(SECONDS)
def test_lab_02_runs_the_three_steps_of_the_article_with_its_numbers() -> None:
    """S18: 12.5 of 100 is code 32; five numbers come back within half a step of 5.6 / 255."""
    text = printed("02_affine_quantizer", "three-steps")
    numbers = [[float(x) for x in row.split()] for row in re.findall(r"\[([^\]]+)\]", text)]
    codes, normalised, values = numbers[::3], numbers[1::3], numbers[2::3]
    assert codes[0] == [0, 32, 255]
    assert values[0] == pytest.approx([0, 32 * 100 / 255, 100], abs=1e-5)
    for x, x_hat in zip([1.2, 2.3, 3.4, 4.5, 5.6], values[1], strict=True):
        assert abs(x - x_hat) <= 5.6 / 255 / 2 + 1e-6
    for row in normalised:
        assert -1 <= min(row) < max(row) == 1


@pytest.mark.timeout(SECONDS)
def test_lab_04_shows_that_an_answer_depends_on_its_neighbours_and_what_dynamic_costs() -> None:
    """S20: more, the fewer the bits and the larger the batch; the rows of its text's claims."""
    text = printed("04_calibration", "dynamic")
    rows = re.findall(r"(\d) +(\d+) ([\d.]+)% right, (\d+) changed", text)
    changed = {(int(bits), int(size)): int(count) for bits, size, _, count in rows}
    right = {(int(bits), int(size)): float(share) for bits, size, share, _ in rows}
    assert len(rows) == 12
    assert all(changed[bits, 1] == 0 for bits in (4, 3, 2))
    assert 0 < changed[2, 10] < changed[2, 100] < changed[2, 1000]
    assert changed[2, 1000] > 4 * max(changed[3, 1000], changed[4, 1000])
    assert right[2, 1] - right[2, 1000] > 3
    found = intervals("04_calibration", "price")
    static, (batch, row) = found["static"][0], found["per"]
    assert static[1] < batch[0] < batch[1] < row[0]
    mse = [line for line in printed("04_calibration", "compare").splitlines() if "mse" in line]
    low, high = (float(x) for x in re.findall(r"\[([\d.]+), ([\d.]+)\]", mse[1])[0])
    assert low < row[1] and row[0] < high  # a better static rule is not beaten


@pytest.mark.timeout(SECONDS)
def test_lab_05_counts_the_kept_set_of_the_10_5_2_network() -> None:
    """S22: 67 floats, 41 of them kept; 36 codes of 8 and of 4 bits; leaving out errs most."""
    text = printed("05_whole_model", "toy")
    assert "floats: 268 bytes; S alone: 164" in text  # 4·(50 + 5 + 10 + 2), 4·(30 + 3 + 6 + 2)
    assert [int(x) for x in re.findall(r"codes=(\d+)", text)] == [36, 18]
    eight, four, _, left_out = (float(line.split()[-1]) for line in text.splitlines())
    assert 0 < eight < four / 100 < four < left_out / 10


@pytest.mark.timeout(SECONDS)
def test_lab_08_moves_outliers_and_measures_a_normalization_again() -> None:
    """What its text says of HQQ, of outliers and folded factors, and of re-estimation."""
    lab = "08_repairing_ptq"
    ladder = intervals(lab, "compare")
    assert ladder["hqq"][1][0] > ladder["nearest"][1][1]  # a row: beyond noise
    assert ladder["hqq"][0][0] < ladder["nearest"][0][1]  # a layer: nothing gained
    ways = {name: found[0] for name, found in intervals(lab, "apart").items()}
    assert ways["outliers"][1] < 0.5
    for name in ("equalized", "SmoothQuant", "AWQ"):
        assert ways[name][1] > ways["as"][0], name  # within noise of what it was
    norm = {name: found[0] for name, found in intervals(lab, "norm").items()}
    assert norm["re-estimated"][0] > norm["as"][1] + 0.03
    assert "0.12" in printed(lab, "linear").splitlines()[-1]
