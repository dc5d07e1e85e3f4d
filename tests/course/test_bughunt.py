"""A wrong version at work in the instrument: visible, hidden, explained, recorded."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from qlab.course.bughunt import NOTHING, BugHunt, bughunt, visible
from qlab.course.exercises import exercise
from qlab.course.record import record
from tests.course.benches import MADE, bench, fresh, shown
from tests.live.driving import pictures, readings, send


@pytest.fixture(autouse=True)
def own_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("QLAB_RECORD", str(tmp_path / "record.json"))
    yield


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look up what shows instead of drawing every wrong version again."""
    module = sys.modules["qlab.course.bughunt"]  # the package has the function under this name
    monkeypatch.setattr(module, "visible", lambda asked, instrument: shown(asked.name))


def sentence(hunt: BugHunt, name: str) -> str:
    return next(one.sentence for one in hunt.exercise.mutants if one.name == name)


@pytest.mark.parametrize("name", MADE)
def test_only_versions_that_show_are_hidden(name: str) -> None:
    """What is drawn with each differs from what the reference draws; data, not only names."""
    asked, instrument = exercise(name), bench(name)
    seen = visible(asked, instrument)
    assert len(seen) >= 4
    assert instrument.standing is None
    library = instrument.result
    fields = {
        "affine.quantize": ("stairs", "level_counts", "error_counts"),
        "pruning.magnitude": ("layers",),
        "distillation.soft_targets": ("teacher", "student"),
    }[name]
    for one in asked.mutants:
        if one.name not in seen:
            continue
        instrument.stand_in(name, one.function, show="mine", marks=False)
        wrong = instrument.result
        pairs = [(getattr(wrong, field), getattr(library, field)) for field in fields]
        if name == "pruning.magnitude":
            pairs = [(x.kept, y.kept) for a, b in pairs for x, y in zip(a, b, strict=True)]
        assert any(not np.array_equal(a, b) for a, b in pairs), one.name


def test_a_version_that_errs_only_at_ties_does_not_show_in_trained_weights(known: None) -> None:
    instrument = bench("affine.quantize")
    assert "half_up" not in shown("affine.quantize")
    with pytest.raises(ValueError, match="half_up cannot be seen at this setting"):
        bughunt("affine.quantize", instrument, mutant="half_up")


@pytest.mark.parametrize("name", MADE)
def test_the_seed_hides_one_that_shows_and_nothing_gives_it_away(name: str) -> None:
    instrument, other = bench(name), fresh(name)
    before = readings(instrument)
    hunt = bughunt(name, instrument, seed=3)
    again = bughunt(name, other, seed=3)
    assert (hunt._hidden, hunt.choices) == (again._hidden, again.choices)
    assert hunt._hidden in hunt._shown
    assert sorted(hunt.choices) == sorted([m.sentence for m in hunt.exercise.mutants] + [NOTHING])
    assert hunt._hidden not in hunt.in_words()
    assert instrument.result.beside.difference is None  # no mark
    assert not any("yours" in heading.value for heading in instrument.headings.values())
    hunt.toggle.value = "reference"
    assert readings(instrument) == before


def test_another_seed_hides_another_one_and_shuffles_anew(known: None) -> None:
    hunts = [bughunt("affine.quantize", bench("affine.quantize"), seed=s) for s in range(6)]
    assert len({hunt._hidden for hunt in hunts}) > 1
    assert len({tuple(hunt.choices) for hunt in hunts}) > 1


def test_the_suspect_is_at_work_and_follows_the_controls(known: None) -> None:
    instrument = bench("affine.quantize")
    before, seen = readings(instrument), pictures(instrument)
    bughunt("affine.quantize", instrument, mutant="truncated")
    assert readings(instrument) != before
    assert any(not np.array_equal(p, seen[n]) for n, p in pictures(instrument).items())
    send(instrument, "bits", 4)
    other = fresh("affine.quantize")
    send(other, "bits", 4)
    assert readings(instrument)["sqnr"] < readings(other)["sqnr"]
    instrument.stand_in("affine.quantize", None)
    assert readings(instrument) == readings(other)


def test_right_and_wrong_answers_are_explained_by_the_versions_sentence_and_kept(
    known: None,
) -> None:
    hunt = bughunt("affine.quantize", bench("affine.quantize"), mutant="truncated")
    truth, other = sentence(hunt, "truncated"), sentence(hunt, "floor")
    hunt.button.click()
    assert "Choose one of the answers first." in hunt.note.value
    assert record().answers == []
    hunt.field.value = other
    hunt.button.click()
    assert "Not this one." in hunt.explanation.value
    assert "the fraction off" in hunt.explanation.value
    assert not hunt.solved
    hunt.answer(truth)
    assert "Right: that is the bug." in hunt.explanation.value
    assert hunt.solved
    kept = [(a["key"], a["answer"], a["right"]) for a in record().answers]
    key = "bughunt.affine.quantize"
    assert kept == [(key, other, False), (key, truth, True)]


def test_two_that_look_alike_here_are_said_to(known: None) -> None:
    hunt = bughunt("affine.quantize", bench("affine.quantize"), mutant="no_scale")
    hunt._shown = {
        **hunt._shown,
        "times_scale": hunt._shown["no_scale"],
    }  # the pictures of small weights
    hunt.answer(sentence(hunt, "times_scale"))
    assert "It would look just like this here." in hunt.explanation.value
    assert not hunt.solved


def test_nothing_wrong_can_be_the_answer(known: None) -> None:
    name = "distillation.soft_targets"
    hunt = bughunt(name, bench(name), mutant="reference")
    hunt.answer(NOTHING)
    assert hunt.solved


def test_a_hunt_needs_a_known_version_and_a_setting_that_uses_the_function() -> None:
    prune = bench("pruning.magnitude")
    with pytest.raises(ValueError, match=r"mutant must be one of signed, .* got 'nobody'"):
        bughunt("pruning.magnitude", prune, mutant="nobody")
    send(prune, "method", "random")
    with pytest.raises(ValueError, match="not used at this setting"):
        bughunt("pruning.magnitude", prune)
    assert prune.standing is None


def test_a_version_that_writes_into_its_argument_leaves_the_networks_weights_alone() -> None:
    from qlab import networks

    weights = networks.load("mlp_784_128_10").weights
    before = {name: W.copy() for name, W in weights.items()}
    visible(exercise("affine.quantize"), bench("affine.quantize"))
    assert all(np.array_equal(weights[name], W) for name, W in before.items())


def test_a_whole_hunt_without_a_page_is_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QLAB_HEADLESS", "1")
    name = "distillation.soft_targets"
    hunt = bughunt(name, bench(name))
    assert list(hunt._repr_mimebundle_()) == ["text/plain"]
