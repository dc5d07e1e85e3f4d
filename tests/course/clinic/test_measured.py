"""The committed results of W20 to W25: complete, and their intervals follow from their numbers."""

import json
import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import clinic as command
from qlab.course.clinic import exhibits, measured, protocol
from qlab.course.clinic.robustness import by_class

RESULTS: dict[str, Any] = json.loads(measured.FILE.read_text(encoding="utf-8"))


def t_by_integration(freedom: int, level: float) -> float:
    """Student's quantile from the area under his density: another way than the package's."""
    x = np.linspace(0, 60, 600_001)
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
    y = scale / math.sqrt(freedom * math.pi) * (1 + x * x / freedom) ** (-(freedom + 1) / 2)
    area = 2 * np.concatenate([[0], np.cumsum((y[1:] + y[:-1]) / 2) * x[1]])
    return float(np.interp(level, area, x))


COMPARISONS = [
    (claim, name, row) for claim, rows in RESULTS["intervals"].items() for name, row in rows.items()
]


def differences(claim: str, name: str) -> list[float]:
    """The paired differences that a comparison of the file is about, from its per-seed values."""
    seeds = RESULTS["per_seed"]
    if claim in ("W21", "W22"):
        times = RESULTS["milliseconds"]
        way = name.removeprefix("ln time, ")
        return [math.log(a / b) for a, b in zip(times[way], times["float"], strict=True)]
    *words, bits = name.removesuffix(" bits").replace(",", "").split(" ")
    regime, quantity = "all", " ".join(words) or "clean"
    if claim == "W24":
        quantity, regime = words
    rows = seeds[regime][bits], seeds[regime]["float"]
    values = [
        [a - b for a, b in zip(row["train"], row["clean"], strict=True)]
        if quantity == "gap"
        else row[quantity]
        for row in rows
    ]
    return [a - b for a, b in zip(*values, strict=True)]


def test_there_are_at_least_five_seeds_and_a_number_for_each() -> None:
    k = len(RESULTS["seeds"])
    assert k >= 5
    assert len(set(RESULTS["seeds"])) == k
    rows = [row for regime in RESULTS["per_seed"].values() for row in regime.values()]
    lists = [*(values for row in rows for values in row.values())]
    lists += [*RESULTS["flips"].values(), *RESULTS["milliseconds"].values()]
    assert {len(values) for values in lists} == {k}


def test_recipe_versions_and_date_are_there() -> None:
    assert {"network", "dataset", "plans", "quantized", "command"} <= set(RESULTS["recipe"])
    assert {"qlab", "numpy", "torch", "python"} <= set(RESULTS["versions"])
    assert len(RESULTS["date"]) == 10


def test_the_recipe_is_that_of_the_command() -> None:
    assert RESULTS["recipe"] == command._recipe()
    assert RESULTS["seeds"] == list(command.SEEDS)


def test_all_six_claims_have_comparisons() -> None:
    assert set(RESULTS["intervals"]) == {f"W{k}" for k in range(20, 26)}
    counts = {claim: len(rows) for claim, rows in RESULTS["intervals"].items()}
    assert counts == {"W20": 1, "W21": 2, "W22": 2, "W23": 4, "W24": 16, "W25": 20}


@pytest.mark.parametrize(
    ("claim", "name", "row"), COMPARISONS, ids=[f"{c}-{n}" for c, n, _ in COMPARISONS]
)
def test_an_interval_of_the_file_follows_from_its_seeds(
    claim: str, name: str, row: dict[str, Any]
) -> None:
    d = differences(claim, name)
    assert row["comparisons"] == len(RESULTS["intervals"][claim])
    quantile = t_by_integration(len(d) - 1, 1 - 0.05 / row["comparisons"])
    half = quantile * statistics.stdev(d) / math.sqrt(len(d))
    mean = statistics.fmean(d)
    off = 1e-6 + 1e-6 * half  # the file rounds to six places; so does the integration, relatively
    assert row["mean"] == pytest.approx(mean, abs=1e-6)
    assert (row["low"], row["high"]) == pytest.approx((mean - half, mean + half), abs=off)


@pytest.mark.parametrize(("claim", "name", "row"), COMPARISONS)
def test_a_verdict_says_what_the_interval_says(claim: str, name: str, row: dict[str, Any]) -> None:
    inside = row["low"] <= 0 <= row["high"]
    expected = "no effect seen" if inside else ("higher" if row["mean"] > 0 else "lower")
    assert row["verdict"] == expected


def test_the_file_holds_what_the_code_computes() -> None:
    assert measured.intervals() == RESULTS["intervals"]


def test_accuracies_are_counts_of_ten_thousand_images() -> None:
    for row in RESULTS["per_seed"]["all"].values():
        for name in ("clean", *measured.STRESSES):
            assert all(float(10_000 * a).is_integer() or
                       abs(10_000 * a - round(10_000 * a)) < 1e-6 for a in row[name])  # fmt: skip


def test_the_conditions_measured_are_those_of_the_protocol() -> None:
    assert tuple(protocol.conditions()) == measured.STRESSES
    assert tuple(map(str, protocol.BITS)) == measured.LADDER


# The sentences that the exhibits call true have to be what was measured.


def verdicts(claim: str) -> dict[str, str]:
    return {name: row["verdict"] for name, row in RESULTS["intervals"][claim].items()}


def test_a_loss_of_accuracy_depends_on_the_bits() -> None:
    assert verdicts("W23")["8 bits"] == "no effect seen"
    assert verdicts("W23")["2 bits"] == "lower"


def test_no_gain_on_the_test_images_was_seen_and_the_gap_closes_only_with_a_loss() -> None:
    found = verdicts("W24")
    assert not [name for name in found if name.startswith("clean") and found[name] == "higher"]
    closed = [name for name in found if name.startswith("gap") and found[name] == "lower"]
    assert closed
    assert all(found[name.replace("gap", "clean")] == "lower" for name in closed)


def test_no_gain_in_robustness_was_seen_and_at_few_bits_a_loss() -> None:
    found = verdicts("W25")
    stressed = {name: said for name, said in found.items() if not name.startswith("ece")}
    assert "higher" not in stressed.values()
    assert all(found[f"{name}, 2 bits"] == "lower" for name in measured.STRESSES)


def test_some_classes_flip_more_than_others() -> None:
    shares = by_class("3")
    lowest = min(shares, key=lambda s: s.value)
    highest = max(shares, key=lambda s: s.value)
    assert highest.low > lowest.high


def test_rounding_saves_no_byte_and_packing_three_quarters() -> None:
    sizes = RESULTS["bytes"]
    assert sizes["rounded"] == sizes["float"] == 4 * 101_770
    assert sizes["packed"] == 101_632 + 4 * 138 + 4 * 2


def test_unpacking_and_numpys_integers_take_longer() -> None:
    assert verdicts("W21")["ln time, unpacked"] == "higher"
    assert verdicts("W22")["ln time, integers"] == "higher"


@pytest.mark.parametrize(
    ("claim", "name", "controls", "shown"),
    [
        ("W20", "8 bits", {}, "difference"),
        ("W23", "4 bits", {"bits": "4"}, "difference"),
        ("W24", "gap, few, 2 bits", {"bits": "2", "regime": "few"}, "difference"),
        ("W24", "clean, all, 3 bits", {"bits": "3", "regime": "all"}, "test"),
        ("W25", "shift 2, 3 bits", {"bits": "3", "stress": "shift 2"}, "difference"),
        ("W25", "ece, 8 bits", {"bits": "8"}, "ece"),
    ],
)
def test_exhibits_show_what_the_file_says(
    claim: str, name: str, controls: dict[str, str], shown: str
) -> None:
    row = RESULTS["intervals"][claim][name]
    (value,) = [v for v in exhibits()[claim].measure(**controls).values if v.name == shown]
    assert (value.value, value.low, value.high) == pytest.approx(
        (row["mean"], row["low"], row["high"]), abs=1e-6
    )
    assert (value.source, value.n) == ("cited", len(RESULTS["seeds"]))
    assert row["verdict"] in value.note


@pytest.mark.parametrize(
    ("claim", "way", "shown"),
    [
        ("W21", "rounded", "ratio"),
        ("W21", "unpacked", "unpacked_ratio"),
        ("W22", "simulated", "ratio"),
        ("W22", "integers", "integer_ratio"),
    ],
)
def test_times_are_shown_as_factors(claim: str, way: str, shown: str) -> None:
    row = RESULTS["intervals"][claim][f"ln time, {way}"]
    (value,) = [v for v in exhibits()[claim].measure(images="1").values if v.name == shown]
    assert math.log(value.value) == pytest.approx(row["mean"], abs=1e-6)
    assert math.log(value.low) == pytest.approx(row["low"], abs=1e-6)


def test_a_missing_or_damaged_file_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured, "FILE", tmp_path / "measured.json")
    measured.measured.cache_clear()
    try:
        with pytest.raises(FileNotFoundError, match="to measure again"):
            measured.measured()
        measured.FILE.write_text("{}")
        with pytest.raises(ValueError, match="is damaged"):
            measured.measured()
    finally:
        measured.measured.cache_clear()
