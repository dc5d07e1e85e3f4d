"""The pages for those who teach, as the guards read them: tables, links, readings, programs."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.repository.tree import ROOT

LABS = ROOT / "labs"
PAGES = sorted((LABS / "instructors").glob("[0-9][0-9].md"))
DOCUMENTS = [LABS / "README.md", LABS / "glossary.md", *PAGES]

CARD = re.compile(r"\| \*\*Time and level\*\* \| (\d+) minutes, ([\w ]+)[^|]*\|")
APP_LINK = re.compile(
    r"\]\(http://127\.0\.0\.1:8866/voila/render/(\w+)\.ipynb(?:\?([^)\s]*))?\)"
    r"|`(\w+)\(link=\"([^\"]*)\"\)`"
    r"|`(\w+) = ([^`]+)`"
)


@dataclass(frozen=True)
class Card:
    """What a lab's title card says."""

    number: str
    title: str
    minutes: int
    level: str
    needs: frozenset[str]


@dataclass(frozen=True)
class Reading:
    """A number that a page gives for a setting of an instrument."""

    app: str
    query: str
    name: str
    text: str


def labs() -> dict[str, Path]:
    """Return the notebooks by their two digits."""
    return {path.name[:2]: path for path in sorted(LABS.glob("[0-9][0-9]_*.ipynb"))}


def card(path: Path) -> Card:
    """Read a lab's title card."""
    text = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
    title = re.findall(r"^# \d\d · (.+)$", text, re.MULTILINE)[0]
    ((minutes, level),) = CARD.findall(text)
    (needs,) = re.findall(r"\| \*\*You need\*\* \|(.*)\|", text)
    before = frozenset(re.findall(r"\((\d\d)_\w+\.ipynb\)", needs))
    return Card(path.name[:2], title, int(minutes), level.strip(), before)


def without_code(text: str) -> str:
    """Drop the fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def tables(text: str) -> list[list[list[str]]]:
    """Return the rows of each table, the head first, the line below the head dropped."""
    found: list[list[list[str]]] = []
    inside = False
    for line in without_code(text).splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if not inside:
                found.append([])
            found[-1].append(cells)
        inside = line.startswith("|")
    return [[table[0], *table[2:]] for table in found]


def broken_tables(text: str) -> list[str]:
    """Return the lines at which a table is no table."""
    wrong = []
    lines = without_code(text).splitlines()
    for above, line, below in zip(["", *lines], lines, [*lines[1:], ""], strict=False):
        if not line.startswith("|"):
            continue
        width = len(re.findall(r"(?<!\\)\|", line))
        first = not above.startswith("|")
        rule = re.fullmatch(r"\|( :?-+:? \|)+", below) is not None
        wide = not first and width != len(re.findall(r"(?<!\\)\|", above))
        if (first and (above or not rule)) or wide or not line.endswith("|"):
            wrong.append(line)
    return wrong


def links(text: str) -> list[str]:
    """Return the targets of links into the repository."""
    return re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", without_code(text))


def settings(text: str) -> Iterator[tuple[str, str]]:
    """Yield the instrument or app and the query of each preset link."""
    for app, query, maker, link, *_ in APP_LINK.findall(text):
        if app or maker:
            yield (app or maker).lower(), query or link


def readings(text: str) -> Iterator[Reading]:
    """Yield each number in code beside the setting that stands before it in its line."""
    for line in without_code(text).splitlines():
        at: tuple[str, str] | None = None
        for app, query, maker, link, name, said in APP_LINK.findall(line):
            if app or maker:
                at = ((app or maker).lower(), query or link)
            elif at:
                yield Reading(*at, name, said)


def programs(text: str) -> list[tuple[str, str]]:
    """Return each Python block and the text block behind it, empty where there is none."""
    pattern = r"^```python\n(.*?)^```$(?:\n+^```text\n(.*?)^```$)?"
    return re.findall(pattern, text, re.DOTALL | re.MULTILINE)


def percentages(text: str) -> set[str]:
    """Return the measured-looking percentages of a text: those with decimals."""
    return set(re.findall(r"[+-]?\d+\.\d+(?= (?:%|points))", text))
