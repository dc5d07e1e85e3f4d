"""What the pages for those who teach claim: minutes, presets, and every number they give."""

import contextlib
import functools
import io
import re
from pathlib import Path
from typing import Any

import pytest

from qlab import live
from qlab.course.books import points
from qlab.course.exercises import all_exercises
from tests.repository import teaching
from tests.repository.tree import ROOT
from tests.strategies import unchecked

INSTRUMENTS = {**live.INSTRUMENTS, "distil": live.Distil}  # the class; the app is distill.ipynb
SECTIONS = ["Plan", "Prepare", "On the projector", "Misconceptions", "Discussion", "Exercises"]
SECTIONS += ["Rubric"]

every_page = pytest.mark.parametrize("page", teaching.PAGES, ids=lambda page: page.stem)
every_document = pytest.mark.parametrize("path", teaching.DOCUMENTS, ids=lambda path: path.name)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    (found,) = re.findall(rf"^## {title}$(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return found


@functools.cache
def bench(kind: type[live.Instrument]) -> live.Instrument:
    return kind()


@functools.cache
def measured(app: str, query: str) -> dict[str, Any]:
    """Set an instrument by a link, wait until its numbers are complete, and return them."""
    with unchecked():  # what types it hands on is what tests of its own see: here the numbers
        instrument = bench(INSTRUMENTS[app])
        instrument.reset()
        assert instrument.state.from_query(query) == []
        instrument.settle(everything=False)
    return dict(instrument.values)


def differs(reading: teaching.Reading) -> str | None:
    """Say how a page's number differs from the instrument's; None if it does not.

    Another processor adds in another order: a tie between two digits may fall differently, so a
    share of n images may differ by two of them, and after a repair, whose every choice follows from
    those before it, by half its interval. What is written is rounded: one of the last digit.
    """
    value = measured(reading.app, reading.query)[reading.name]
    said, _, note = reading.text.partition(", ")
    number = re.search(r"[−-]?[\d,]*\.?\d+(?:e-\d+)?", said)
    shown = re.search(r"[−-]?[\d,]*\.?\d+(?:e-\d+)?", value.text)
    if number is None or shown is None or said.replace(number[0], shown[0]) != value.text:
        return f"{reading}: the instrument says {value.text}"
    a, b = (float(found[0].replace("−", "-").replace(",", "")) for found in (number, shown))
    decimals = len(number[0].partition("e")[0].partition(".")[2])
    exponent = int(number[0].partition("e")[2] or 0)
    slack = 0.0 if value.form in ("count", "bytes") else 10.0 ** (exponent - decimals)
    if value.form in ("percent", "points") and value.n:
        slack += 200 / value.n
        if "repair=" in reading.query and value.low is not None and value.high is not None:
            slack += 50 * (value.high - value.low)
    if abs(a - b) > slack * (1 + 1e-9) or (note and note != value.note):
        return f"{reading}: the instrument says {value.text}, {value.note}"
    return None


def test_every_lab_has_its_page_and_every_page_its_lab() -> None:
    assert [page.stem for page in teaching.PAGES] == list(teaching.labs())


@every_document
def test_every_link_of_the_course_leads_somewhere(path: Path) -> None:
    targets = teaching.links(text_of(path))
    assert [target for target in targets if not (path.parent / target).exists()] == []


@every_document
def test_every_table_is_one(path: Path) -> None:
    text = text_of(path)
    assert teaching.tables(text)
    assert teaching.broken_tables(text) == []


@pytest.mark.parametrize("line", ["| a |", "| a | b | c |", "| a | b"])
def test_the_guard_sees_a_broken_row(line: str) -> None:
    assert teaching.broken_tables(f"| x | y |\n| --- | --- |\n{line}\n") != []


@every_document
def test_every_preset_link_is_taken_without_a_refusal(path: Path) -> None:
    for app, query in teaching.settings(text_of(path)):
        assert INSTRUMENTS[app].STATE().from_query(query) == [], query


def test_the_guard_sees_a_link_that_is_refused() -> None:
    ((app, query),) = teaching.settings('`Quantize(link="bits=17")`')
    assert INSTRUMENTS[app].STATE().from_query(query) != []


@every_page
def test_a_page_has_its_sections_in_order(page: Path) -> None:
    found = re.findall(r"^## (.+)$", text_of(page), re.MULTILINE)
    assert [title for title in found if title in SECTIONS] == SECTIONS


@every_page
def test_a_page_begins_with_what_the_title_card_says(page: Path) -> None:
    lab = teaching.card(path := teaching.labs()[page.stem])
    head = text_of(page).partition("\n## ")[0]
    assert f"# {lab.number} · {lab.title}" in head
    assert f"]({Path('..') / path.name}), {lab.minutes} minutes, {lab.level}." in head


@every_page
def test_a_plan_adds_up_to_the_class(page: Path) -> None:
    (total,) = re.findall(r"\*\*Class\.\*\* (\d+) minutes", text_of(page))
    rows = teaching.tables(section(text_of(page), "Plan"))[0][1:]
    assert sum(int(row[0]) for row in rows) == int(total)


@every_page
def test_every_exercise_of_a_lab_is_listed_with_its_tags(page: Path) -> None:
    tables = teaching.tables(section(text_of(page), "Exercises"))
    listed = [tuple(row[:5]) for row in tables[0][1:]] if tables else []
    there = [
        (f"`{e.name}`", e.difficulty, e.importance, str(e.minutes), str(points(e)))
        for e in all_exercises().values()
        if e.lab == page.stem
    ]
    assert sorted(listed) == sorted(there)


@every_page
def test_a_page_has_three_misconceptions_each_with_a_picture(page: Path) -> None:
    rows = teaching.tables(section(text_of(page), "Misconceptions"))[0][1:]
    assert len(rows) >= 3
    pictures = [
        list(teaching.settings(row[1])) or re.findall(r"`[\w.]+\(.+\)`", row[1]) for row in rows
    ]
    assert all(pictures)


@every_page
def test_a_rubric_has_three_graded_samples(page: Path) -> None:
    samples = teaching.tables(section(text_of(page), "Rubric"))[-1]
    assert samples[0] == ["Sample answer", "Grade", "Why"]
    grades = [row[1] for row in samples[1:]]
    assert len(grades) >= 3
    assert len(set(grades)) >= 3


@every_page
def test_every_number_read_from_an_instrument_is_what_it_shows(page: Path) -> None:
    found = list(teaching.readings(text_of(page)))
    assert [said for reading in found if (said := differs(reading))] == []


def test_the_guard_sees_a_number_that_the_instrument_does_not_show() -> None:
    right = teaching.Reading("grids", "bits=8", "levels", "256")
    wrong = teaching.Reading("grids", "bits=8", "levels", "255")
    assert differs(right) is None
    assert differs(wrong) is not None


@every_document
def test_every_program_of_a_page_prints_what_stands_below_it(path: Path, tmp_path: Path) -> None:
    for code, output in teaching.programs(text_of(path)):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.chdir(tmp_path):
            exec(compile(code, str(path), "exec"), {})
        assert printed.getvalue() == output


@every_page
def test_every_percentage_in_prose_is_measured_on_the_page(page: Path) -> None:
    text = text_of(page).replace("−", "-")
    sources = " ".join(reading.text for reading in teaching.readings(text))
    sources += " ".join(output for _, output in teaching.programs(text))
    known = set(re.findall(r"[+-]?\d+\.\d+", sources))
    assert teaching.percentages(teaching.without_code(text)) - known == set()


def test_the_readme_has_every_lab_with_the_minutes_and_needs_of_its_title_card() -> None:
    (table,) = [
        t for t in teaching.tables(text_of(teaching.LABS / "README.md")) if t[0][0] == "Lab"
    ]
    said = {row[0][:2]: row for row in table[1:]}
    for number, path in teaching.labs().items():
        lab, row = teaching.card(path), said[number]
        assert f"({path.name})" in row[1]
        assert row[2:5] == [" ".join(sorted(lab.needs)) or "–", str(lab.minutes), lab.level]
        assert f"(instructors/{number}.md)" in row[5]
    planned = [row for number, row in said.items() if number not in teaching.labs()]
    assert all(row[3:] == ["planned", "", ""] for row in planned)
    assert list(said) == [f"{k:02}" for k in range(24)]


def test_no_lab_needs_one_that_comes_later() -> None:
    cards = [teaching.card(path) for path in teaching.labs().values()]
    assert all(max(lab.needs, default="") < lab.number for lab in cards)


def test_the_tracks_add_up() -> None:
    tracks = [
        t for t in teaching.tables(text_of(teaching.LABS / "README.md")) if t[0][0] == "Minutes"
    ]
    assert len(tracks) >= 3
    for table in tracks:
        *rows, (total, *_) = table[1:]
        assert sum(int(row[0]) for row in rows) == int(total.strip("*"))


def test_the_readme_of_the_repository_names_every_lab() -> None:
    readme = text_of(ROOT / "README.md")
    assert [p.name for p in teaching.labs().values() if f"(labs/{p.name})" not in readme] == []
