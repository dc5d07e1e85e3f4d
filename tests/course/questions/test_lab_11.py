"""What the questions and the text of lab 11 hold for right is computed here."""

import json
from pathlib import Path

import numpy as np
import pytest

from qlab import codebooks, coding, core, metrics, networks, ranges
from qlab.core import QuantSpec
from qlab.course import Ask, Item, Number
from qlab.course.exercises import exercise
from qlab.course.questions.lab_11 import EXPLAIN, WARM_UP

LAB = Path(__file__).parents[3] / "labs" / "11_packing_and_entropy_coding.ipynb"
W = networks.load("lenet_300_100").weights["fc2"]


def number(question: object) -> Number:
    assert isinstance(question, Number)
    return question


def text() -> str:
    cells = json.loads(LAB.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def words(codes: np.ndarray) -> float:
    counts = np.unique(codes, return_counts=True)[1]
    return float(counts @ coding.huffman_lengths(counts) / codes.size)


def even(bits: int) -> np.ndarray:
    return core.quantize(W, ranges.minmax(W, QuantSpec(bits=bits)))


def test_eleven_codes_of_three_bits() -> None:
    asked = number(WARM_UP[0])
    assert asked.holds(core.packed_bytes(11, 3)) and not asked.holds(4)


def test_a_rounded_array_is_as_long_as_before() -> None:
    rounded = core.fake_quantize(W, ranges.minmax(W, QuantSpec(bits=4)))
    assert rounded.nbytes == W.nbytes
    assert isinstance(WARM_UP[1], Item) and WARM_UP[1].right == "As long as it was."


def test_four_symbols_of_powers_of_two() -> None:
    counts = np.array([4, 2, 1, 1])
    assert number(WARM_UP[2]).holds(coding.entropy(counts))
    assert coding.huffman_lengths(counts).tolist() == [1, 2, 3, 3]


def test_one_level_that_holds_99_of_a_hundred() -> None:
    counts = np.array([5, 990, 5])
    asked = number(EXPLAIN[0])
    assert asked.holds(float(counts @ coding.huffman_lengths(counts)) / 1000)
    assert f"{coding.entropy(counts):.4f}" in asked.explanation


def test_a_table_leaves_words_less_to_gain() -> None:
    item = EXPLAIN[1]
    assert isinstance(item, Item)
    table = codebooks.kmeans(W, bits=4)
    said = item.options[item.right]
    assert f"{words(table.codes):.2f} bits of 4" in said and f"{words(even(5)):.2f} of 5" in said
    assert table.bytes.levels == 64
    packed = coding.sizes(table.codes, 4, meaning=64, zero=None)["huffman"].total
    assert packed == pytest.approx(13_000, rel=0.06)
    a_bit = 20 * np.log10(2)
    best = metrics.sqnr(W, table.dequantize())
    other = metrics.sqnr(W, core.dequantize(even(5), ranges.minmax(W, QuantSpec(bits=5))))
    assert best > other - a_bit  # packed: four bits against five
    assert best < other + a_bit * (words(table.codes) - words(even(5)))


def test_a_mask_of_99_zeros_in_a_hundred() -> None:
    codes = np.zeros(100_000, int)
    codes[::100] = 5
    size = coding.sizes(codes, 4)["bitmap"]
    assert number(EXPLAIN[2]).holds(100 * size.index / size.total)


def test_the_short_text_asks_for_five_numbers() -> None:
    asked = EXPLAIN[3]
    assert isinstance(asked, Ask)
    for meter in ("memory", "packed", "entropy-coded", "operations", "time"):
        assert meter in asked.model


def test_what_the_predictions_tell_beforehand_is_so() -> None:
    counts = np.unique(even(8), return_counts=True)[1]
    assert f"take {words(even(8)):.2f} bits a weight" in text()
    assert f"entropy is {coding.entropy(counts):.2f}." in text()
    few = np.unique(even(2), return_counts=True)[1]
    assert len(few) == 3 and round(coding.entropy(few), 2) == 0.06


def test_the_table_by_hand_is_right() -> None:
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in text().splitlines()
            if line.startswith("| ")}  # fmt: skip
    counts = np.array([int(n) for n in rows["count"]])
    lengths = coding.huffman_lengths(counts)
    made = exercise("packing.canonical_codes").reference(lengths)
    assert [word.strip() for word in rows["word"]] == made
    assert counts.sum() == 25 and counts @ lengths == 63
    assert f"{coding.entropy(counts):.2f}" in text()
    assert coding.huffman_bytes(counts) == (10, 8)


def test_the_rows_of_the_paper_do_not_close() -> None:
    assert f"{100 * 0.08 * (4.4 + 3.7) / 32:.3f}" == "2.025"
    assert "is 2.03 %" in text() and "2.32 %" in text()
    assert round(1070 / 27) == 40
