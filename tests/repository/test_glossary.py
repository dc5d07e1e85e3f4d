"""The glossary: every term once, in two languages, by a name that exists; the articles' words."""

import importlib
import json
import re
from typing import Any

import pytest

from qlab import codebooks, core, pruning, ptq, ranges
from tests.repository import teaching

GLOSSARY = (teaching.LABS / "glossary.md").read_text(encoding="utf-8")
HEAD = ["English", "中文", "Meaning", "含义", "In code", "In the articles"]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
WORD = re.compile(r"([\u4e00-\u9fff]+) \((00[0-4](?: 00[0-4])*)\)")
ROWS = [row for table in teaching.tables(GLOSSARY) if table[0] == HEAD for row in table[1:]]
CLEAR = {
    "线性量化",
    "计算复杂度",
    "模型精度",
    "运行速度",
    "误差平方和",
    "权值",
    "量化区间",
}  # as they are
NAMED = next(t for t in teaching.tables(GLOSSARY) if t[0][0] == "No.")[1:]
OF_QUANTIZATION = [1, 2, 3, 5, 9, 10, 11, 12, 13, 14, 16, 17, 18, 20, 21, 22]
MENUS = {"codebooks": codebooks.METHODS, "core": core.ROUNDINGS, "ptq": ptq.METHODS}
MENUS |= {"pruning": pruning.METHODS, "ranges": ranges.METHODS}
THEIRS = next(t for t in teaching.tables(GLOSSARY) if t[0][0] == "They write")[1:]


def found(name: str) -> Any:
    """Import `core.QParams.scale` and its like."""
    words = ["qlab", *name.split(".")]
    for cut in range(len(words), 0, -1):
        try:
            thing: Any = importlib.import_module(".".join(words[:cut]))
        except ModuleNotFoundError:
            continue
        for word in words[cut:]:
            fields = getattr(thing, "__dataclass_fields__", {})
            thing = fields[word] if word in fields else getattr(thing, word)
        return thing
    raise LookupError(name)


def test_every_term_stands_once_and_its_rows_are_full() -> None:
    terms = [row[0] for row in ROWS]
    assert len(terms) == len(set(terms)) >= 80
    assert [row for row in ROWS if not all(row)] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_term_has_a_sentence_in_each_language(row: list[str]) -> None:
    english, chinese, meaning, explained, *_ = row
    assert not CHINESE.search(english + meaning)
    assert CHINESE.search(chinese)
    assert meaning.endswith(".")
    assert explained.endswith("。")
    assert CHINESE.search(explained)


def test_every_name_in_code_exists() -> None:
    names = re.findall(r"`([a-z_]+(?:\.\w+)+)`", " ".join(row[4] for row in ROWS))
    assert len(names) > 50
    for name in names:
        assert found(name) is not None


def test_every_method_that_a_menu_offers_has_a_term() -> None:
    said = set(re.findall(r"`([a-z_]+\.\w+)`", " ".join(row[4] for row in ROWS)))
    offered = {f"{room}.{name}" for room, methods in MENUS.items() for name in methods}
    assert len(offered) > 30
    assert offered - said == set()


@pytest.mark.parametrize("row", NAMED, ids=lambda row: row[0])
def test_what_the_articles_name_is_named_in_its_labs(row: list[str]) -> None:
    number, _, chinese, files, labs = row
    assert CHINESE.search(chinese) and re.fullmatch(r"00[0-4]( 00[0-4])*", files)
    for lab in labs.split():
        cells = json.loads(teaching.labs()[lab].read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        assert re.search(rf"\([^()]*\b{number}\b", text), (number, lab)


def test_all_that_the_articles_name_of_quantization_is_there() -> None:
    assert [row[0] for row in NAMED] == [f"S{number}" for number in OF_QUANTIZATION]


def test_the_guard_sees_a_name_that_does_not_exist() -> None:
    with pytest.raises((LookupError, AttributeError)):
        found("core.quantise")


def test_every_word_of_an_article_is_a_word_with_its_file() -> None:
    for row in ROWS:
        rest = WORD.sub("", row[5]).replace(",", "").strip()
        assert rest == ("" if WORD.search(row[5]) else "–"), row


def test_every_word_of_an_article_that_stands_beside_a_term_is_explained() -> None:
    explained = {row[0] for row in THEIRS}
    beside = {word for row in ROWS for word, _ in WORD.findall(row[5])}
    assert beside - explained - CLEAR == set()


def test_the_articles_words_lead_to_terms() -> None:
    terms = {row[0] for row in ROWS}
    assert [row for row in THEIRS if row[2] not in terms] == []
    assert all(re.fullmatch(r"00[0-4]", row[1]) and CHINESE.search(row[3]) for row in THEIRS)
    assert len({row[0] for row in THEIRS}) == len(THEIRS)
