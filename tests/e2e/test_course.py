"""A lab of the course in JupyterLab, as a learner does it: from the first question to the end."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from qlab.course.build import build
from qlab.course.exercise import Mutant
from qlab.course.exercises import exercise
from qlab.course.panel import plain
from qlab.course.questions import lab_01
from qlab.course.quiz import Ask, Item, Number
from tests.e2e.harness import HOST, ROOT, App, until
from tests.e2e.jupyterlab import PATIENCE, JupyterLab, Notebook

LAB = "01_number_grids"
NAME = "grids.nearest_level"
TASK = exercise(NAME)
BELOW = "levels[np.maximum(np.searchsorted(levels, x, side='right') - 1, 0)]"
SECONDS = 600
expect.set_options(timeout=PATIENCE * 1000)

BUILD, CHECK, HINT = "def nearest_level(", f'check("{NAME}"', f'hint("{NAME}"'
MINE, HUNT = "mine(Grids(", f'bughunt("{NAME}"'
PREDICT, EXPLORE, REPORT = 'predict("01.zeros"', "bench", "report(bench"


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the lab's books."""
    to = tmp_path_factory.mktemp("course") / "books"
    build(ROOT / "labs", to, [LAB])
    return to


@pytest.fixture
def lab(browser: Browser, books: Path, tmp_path: Path) -> Iterator[Notebook]:
    """Open the student's version in JupyterLab, with a record of its own, and run it once."""
    record = {"QLAB_RECORD": str(tmp_path / "record.json")}
    server = JupyterLab(books / "student", tmp_path, record)
    try:
        with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
            yield Notebook(context, server, books / "student" / f"{LAB}.ipynb")
    finally:
        server.stop()


def record(tmp_path: Path) -> dict[str, object]:
    return json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))


def mistake(name: str) -> Mutant:
    return next(one for one in TASK.mutants if one.name == name)


def right_code(books: Path) -> str:
    """Take the solution out of the solution version, as one who copies it."""
    cells = json.loads((books / "solution" / f"{LAB}.ipynb").read_text(encoding="utf-8"))["cells"]
    (source,) = [s for cell in cells if BUILD in (s := "".join(cell["source"]))]
    return "\n".join(line for line in source.splitlines() if " SOLUTION" not in line)


def choose(within: Locator, option: str) -> None:
    """Choose the radio button with this text; it is shown without the marks of code."""
    labels = within.locator(".widget-radio-box label")
    texts = [text.strip() for text in labels.all_inner_texts()]
    labels.nth(texts.index(plain(option))).click()


def predicts(lab: Notebook) -> None:
    """The instrument waits for an answer, then opens; the measurement stands beside the number."""
    bench = lab.widget(EXPLORE, ".qlab-locked")
    assert "Locked until you predict" in bench.inner_text()
    assert not bench.locator("output.qlab-value").first.is_visible()
    panel = lab.widget(PREDICT, ".qlab-predict")
    panel.locator(".qlab-predicted input").fill("42")
    panel.locator(".qlab-predicted input").press("Enter")
    outcome = panel.locator(".qlab-told svg").first
    outcome.wait_for()
    told = panel.locator(".qlab-told").inner_text()
    assert "42" in told and "measured" in told.lower() and "Your 1 number so far" in told
    lab.widget(EXPLORE, ".qlab-bits .noUi-handle")
    until(lambda: lab.root.locator(".qlab-locked").count() == 0, what="the instrument opens")


def drags(lab: Notebook) -> None:
    """Numbers and pictures follow the hand."""
    lab.widget(EXPLORE, ".qlab-bits .noUi-handle")
    lab.settle()
    before, picture = lab.value("sqnr"), lab.picture()
    lab.drag("bits", 1.0)
    until(lambda: lab.value("sqnr") > before + 12, PATIENCE, "the number follows")
    until(lambda: lab.picture() != picture, PATIENCE, "the picture follows")


def has_its_mistake_named(lab: Notebook) -> None:
    """A wrong function is told the smallest case, and which mistake it is."""
    assert "not started" in lab.widget(CHECK, ".qlab-verdict").inner_text()
    lab.write(BUILD, f"def nearest_level(x, levels):\n    return {BELOW}")
    lab.run(BUILD)
    lab.run(CHECK)
    verdict = lab.widget(CHECK, ".qlab-verdict.qlab-failed")
    assert mistake("below").sentence in verdict.locator(".qlab-mistake").inner_text()
    assert "Smallest case that fails" in verdict.inner_text()


def sees_it_in_the_instrument(lab: Notebook) -> None:
    """The toggle shows both, mine, or the reference; the first weight that differs is marked."""
    lab.run(MINE)
    table = lab.widget(MINE, ".qlab-mine-first")
    assert "fc3[" in table.inner_text()
    lab.settle()
    assert "of 1,000 differ" in lab.root.locator(".qlab-mine-said").inner_text()
    errors = lab.root.locator(".qlab-figure-errors").first
    marked = errors.screenshot()
    choose(lab.root.locator(".qlab-mine-toggle"), "Reference")
    expect(lab.root.locator('[data-state="reference"]')).to_be_visible()
    until(lambda: errors.screenshot() != marked, PATIENCE, "the mark goes")
    choose(lab.root.locator(".qlab-mine-toggle"), "Both")
    lab.root.locator('[data-state="differs"]').wait_for()


def takes_a_hint(lab: Notebook) -> None:
    """The first hint is there, and opens the second."""
    panel = lab.widget(HINT, ".qlab-hint")
    assert panel.locator(".qlab-hint-2").is_disabled()
    panel.locator(".qlab-hint-1").click()
    expect(panel.locator(".qlab-hints")).to_contain_text(TASK.hints[0][:40])
    expect(panel.locator(".qlab-hint-2")).to_be_enabled()


def passes(lab: Notebook, solution: str) -> None:
    """The right function passes, and agrees with the library's in the instrument."""
    lab.write(BUILD, solution)
    lab.run(BUILD)
    lab.run(CHECK)
    assert "passed (6 of 6)" in lab.widget(CHECK, ".qlab-verdict.qlab-passed").inner_text()
    lab.run(MINE)
    same = lab.widget(MINE, '[data-state="same"]')
    assert "No difference" in same.inner_text()


def finds_the_bug(lab: Notebook) -> None:
    """Any answer is explained, and the bug that is told is the one that is right."""
    lab.widget(HUNT, ".qlab-hunt-choices")
    choices = lab.root.locator(".qlab-hunt-choices")
    choose(choices, TASK.mutants[0].sentence)
    lab.click("answer")
    told = lab.root.locator(".qlab-explanation .qlab-outcome")
    told.wait_for()
    if "Right" not in told.inner_text():
        choose(choices, told.locator("p").last.inner_text().partition(": ")[2])
        lab.click("answer")
    expect(told).to_contain_text("Right: that is the bug.")


def answers_the_quiz(lab: Notebook) -> None:
    """Every question takes its answer and gives its explanation."""
    panel = lab.widget('quiz("01.explain"', ".qlab-quiz")
    for number, item in enumerate(lab_01.EXPLAIN, start=1):
        part = panel.locator(".qlab-part").nth(number - 1)
        match item:
            case Item():
                choose(part, item.right)
            case Number():
                part.locator("input").fill(str(item.right))
            case Ask():
                part.locator("textarea").fill("Its step is the same everywhere.")
        part.locator("button.qlab-answer").click()
        expect(part.locator(".qlab-outcome")).to_contain_text(
            "A model answer" if isinstance(item, Ask) else "Right."
        )


def reads_the_report(lab: Notebook, folder: Path) -> None:
    """The report is one file that holds all of it and asks nobody for anything."""
    lab.widget(REPORT, ".qlab-report")
    lab.click("report-write")
    expect(lab.root.locator(".qlab-written")).to_contain_text("Written:")
    page = App(lab.page.context, lab.server)
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    page.page.goto((folder / "qlab-report-01.html").as_uri())
    text = page.page.locator("main").inner_text()
    for said in (NAME, "42", "Its step is the same everywhere.", "Grids, numbers"):
        assert said in text, said
    for picture in page.page.locator("img").all():
        assert picture.evaluate("(image) => image.complete && image.naturalWidth") > 0
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == 1
    assert page.violations() == []
    assert page.errors == []


PARTS = [
    ('quiz("01.warm-up"', ".qlab-quiz"),
    (PREDICT, ".qlab-predict"),
    (CHECK, ".qlab-verdict"),
    (HINT, ".qlab-hint"),
    (MINE, ".qlab-mine"),
    ('results("01")', ".qlab-course"),
    (HUNT, ".qlab-bughunt"),
    (REPORT, ".qlab-report"),
]


@pytest.mark.timeout(SECONDS)
def test_a_learner_works_through_a_lab_from_the_first_question_to_the_report(
    lab: Notebook, books: Path, tmp_path: Path
) -> None:
    predicts(lab)
    drags(lab)
    has_its_mistake_named(lab)
    sees_it_in_the_instrument(lab)
    takes_a_hint(lab)
    passes(lab, right_code(books))
    finds_the_bug(lab)
    answers_the_quiz(lab)
    reads_the_report(lab, books / "student")
    for cell, css in PARTS:
        lab.widget(cell, css)
        assert lab.violations(css) == [], cell
        assert lab.complaints() == []
    kept = record(tmp_path)
    assert kept["checks"]
    assert lab.errors == []
    assert lab.hosts <= {HOST}
