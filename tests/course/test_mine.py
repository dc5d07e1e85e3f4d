"""A learner's function in the live view: seen, compared, and never able to hurt."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qlab.course.exercises import exercise
from qlab.course.mine import mine
from qlab.live import Instrument, Quantize
from tests.course.benches import MAGNITUDE, QUANTIZE, SOFTEN, bench, fresh
from tests.live.driving import pictures, readings, send

module = sys.modules["qlab.course.mine"]  # the package has the function under this name
PLACES: dict[str, dict[str, list[Any]]] = {
    QUANTIZE: {"bits": [1, 8, 16], "granularity": ["axis", "group"], "symmetric": [True]},
    MAGNITUDE: {"sparsity": [0.0, 0.5, 0.995], "scope": ["global"], "network": ["lenet_5"]},
    SOFTEN: {"temperature": [1.0, 30.0], "scale": ["log"]},
}


def truncating(x: Any, scale: Any, z: Any, low: Any, high: Any) -> Any:
    return np.clip(np.trunc(x / scale) + z, low, high).astype(np.int32)


def signed(W: Any, sparsity: Any) -> Any:
    mask = np.ones(W.size, bool)
    mask[np.argsort(W.ravel(), kind="stable")[: round(sparsity * W.size)]] = False
    return mask.reshape(W.shape)


def cold(logits: Any, temperature: Any) -> Any:
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


WRONG: dict[str, Callable[..., Any]] = {QUANTIZE: truncating, MAGNITUDE: signed, SOFTEN: cold}


@pytest.fixture(autouse=True)
def short_of_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test leaves by the clock but the one about endless loops, which says its own."""
    monkeypatch.setattr(module, "SECONDS", 60.0)
    yield


@pytest.mark.parametrize("name", PLACES)
def test_the_exercises_solution_agrees_with_the_library_at_every_setting(name: str) -> None:
    place = mine(bench(name), name, exercise(name).reference)
    assert (place.state, place.difference) == ("same", None), place.sentences()
    for trait, values in PLACES[name].items():
        for value in values:
            send(place.instrument, trait, value)
            assert place.state == "same", (trait, value, place.sentences())
            assert place.instrument.message == ""


def test_a_code_is_no_error_where_float32_and_float64_take_a_tie_differently() -> None:
    def double(x: Any, scale: Any, z: Any, low: Any, high: Any) -> Any:
        q = np.round(x.astype(np.float64) / scale + z)
        return np.clip(q, low, high).astype(np.int64)

    place = mine(Quantize(bits=16), QUANTIZE, double)
    assert place.state == "same", place.sentences()


@pytest.mark.parametrize("name", PLACES)
def test_both_are_shown_and_the_first_element_that_differs_is_told_and_marked(name: str) -> None:
    instrument = bench(name)
    library = pictures(instrument)
    place = mine(instrument, name, WRONG[name])
    found = place.difference
    assert place.state == "differs"
    assert found is not None
    assert found.reference != found.other
    assert f"The first: {found.place}" in place.sentences()[0]
    assert 'data-state="differs"' in place.said.value
    assert found.place in place.said.value
    both = pictures(instrument)
    marked = {n for n in both if not np.array_equal(both[n], library[n])}
    main = {QUANTIZE: "stairs", MAGNITUDE: "masks", SOFTEN: "answers"}[name]
    assert main in marked
    assert "yours" in instrument.headings[main].value  # the legend is text of the page
    assert any("yours: " in value.note for value in instrument.values.values())
    instrument.standing.marks = False
    unmarked = pictures_of(instrument)
    assert not np.array_equal(unmarked[main], both[main])  # the mark alone is seen


def pictures_of(instrument: Instrument) -> dict[str, np.ndarray]:
    instrument.refresh()
    return pictures(instrument)


def test_the_first_element_is_the_first_and_its_numbers_are_the_functions_own() -> None:
    from qlab import networks

    place = mine(bench(QUANTIZE), QUANTIZE, truncating)
    found, net = place.difference, networks.load("mlp_784_128_10")
    assert found is not None
    q = place.instrument.ranges_of(place.instrument.state)["fc1"]
    W, s, z = net.weights["fc1"], float(q.scale), int(q.zero_point)
    ends = (q.spec.quant_min, q.spec.quant_max)
    right = exercise(QUANTIZE).reference(W, s, z, *ends)
    wrong = truncating(W, s, z, *ends)
    index = tuple(int(i) for i in np.argwhere(right != wrong)[0])
    assert (found.index, found.given) == (index, float(W[index]))
    assert (found.reference, found.other) == (right[index], wrong[index])


@pytest.mark.parametrize("name", PLACES)
def test_my_code_alone_moves_the_numbers_and_the_reference_brings_them_back(name: str) -> None:
    instrument = bench(name)
    before, seen = readings(instrument), pictures(instrument)
    place = mine(instrument, name, WRONG[name])
    assert readings(instrument) == before  # both: the library's, and yours as a note
    place.toggle.value = "mine"
    own = readings(instrument)
    assert own != before
    place.toggle.value = "reference"
    assert place.state == "reference"
    assert readings(instrument) == before
    assert all(np.array_equal(p, seen[n]) for n, p in pictures(instrument).items())
    assert "yours" not in "".join(h.value for h in instrument.headings.values())
    place.toggle.value = "mine"
    assert readings(instrument) == own


@pytest.mark.parametrize("name", PLACES)
def test_nothing_that_the_function_gave_is_kept_as_the_librarys(name: str) -> None:
    instrument, other = bench(name), fresh(name)
    place = mine(instrument, name, WRONG[name])
    trait, values = next(iter(PLACES[name].items()))
    for side in ("both", "mine"):
        place.toggle.value = side
        for value in values:
            send(instrument, trait, value)
    instrument.settle(everything=False)
    instrument.stand_in(name, None)
    for value in values:
        for one in (instrument, other):
            send(one, trait, value)
            one.settle(everything=False)
        timeless = [
            {k: v for k, v in readings(one).items() if not k.startswith("latency")}
            for one in (instrument, other)
        ]
        assert timeless[0] == timeless[1]
        for figure, own in zip(instrument.figures.values(), other.figures.values(), strict=True):
            if figure.live and figure.name != "curve":  # knows more points by now
                assert figure.frame(instrument.result) == own.frame(other.result), figure.name


@pytest.mark.parametrize("name", [QUANTIZE, MAGNITUDE])
def test_at_rest_both_are_measured_on_the_same_images(name: str) -> None:
    place = mine(bench(name), name, WRONG[name])
    place.instrument.settle(everything=False)
    accuracy = place.instrument.values["accuracy"]
    assert (accuracy.source, accuracy.n) == ("measured", 10_000)
    assert "yours: " in accuracy.note
    assert "n =" not in accuracy.note  # else it would say on how many
    place.toggle.value = "mine"
    assert place.instrument.values["accuracy"].n == 10_000


def raises(x: Any, *rest: Any) -> Any:
    y = x[:1]
    return y @ np.zeros((5, 5))


def leaves(*args: Any) -> Any:
    os._exit(3)


def exits(*args: Any) -> Any:
    sys.exit()


def overwrites(x: Any, scale: Any, z: Any, low: Any, high: Any) -> Any:
    x /= scale
    return np.clip(np.rint(x) + z, low, high).astype(np.int32)


def unwritten(*args: Any) -> Any:
    raise NotImplementedError


TROUBLES = {
    "raises": (raises, "Your function stopped with ValueError", "trouble"),
    "line": (raises, "return y @ np.zeros((5, 5))", "trouble"),
    "leaves": (leaves, "Your function ended Python", "trouble"),
    "exits": (exits, "Your function ended Python", "trouble"),
    "overwrites": (overwrites, "Your function writes into x,", "trouble"),
    "shape": (
        lambda x, *rest: np.zeros(3, np.int32),
        "Your function returned shape (3,)",
        "trouble",
    ),
    "dtype": (lambda x, *rest: x, "Your function returned float32; codes are integers", "trouble"),
    "list": (lambda x, *rest: [1, 2], "Your function returned a list", "trouble"),
    "nothing": (lambda *args: None, "Your function returned nothing", "trouble"),
    "object": (lambda *args: object(), "Your function returned object", "trouble"),
    "unwritten": (unwritten, "Not started", "not started"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_goes_wrong_in_it_is_told_as_the_learners_in_one_place(trouble: str) -> None:
    function, said, state = TROUBLES[trouble]
    instrument = bench(QUANTIZE)
    before, seen = readings(instrument), pictures(instrument)
    place = mine(instrument, QUANTIZE, function)
    assert place.state == state
    assert said in " ".join(place.sentences())
    assert instrument.message == ""  # not in the instrument's place too
    assert readings(instrument) == before
    assert all(np.array_equal(p, seen[n]) for n, p in pictures(instrument).items())
    send(instrument, "bits", 5)  # alive
    assert instrument.result.bits == 5
    assert place.state == state


def test_an_endless_loop_is_ended_and_not_tried_again_until_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.3)

    def endless(*args: Any) -> Any:
        while True:
            pass

    place = mine(bench(QUANTIZE), QUANTIZE, endless)
    assert "did not come back within 0.3 s" in place.sentences()[0]
    assert place.sentences()[0].endswith("It rests until you run it again.")
    asked = []
    monkeypatch.setattr(module.guard, "run", lambda *args, **how: asked.append(args))
    send(place.instrument, "bits", 7)
    assert asked == []
    assert place.instrument.result.bits == 7
    monkeypatch.undo()
    monkeypatch.setattr(module, "SECONDS", 0.3)
    start = time.monotonic()
    place.again.click()
    assert time.monotonic() - start >= 0.3
    assert place.state == "trouble"


def test_what_a_function_says_is_escaped_and_what_it_prints_is_told() -> None:
    def hostile(x: Any, *rest: Any) -> Any:
        raise ValueError("<script>alert(1)</script>")

    def chatty(x: Any, *rest: Any) -> Any:
        print("<b>hello</b>")
        return exercise(QUANTIZE).reference(x, *rest)

    place = mine(bench(QUANTIZE), QUANTIZE, hostile)
    assert "&lt;script&gt;" in place.said.value
    assert "<script>" not in place.said.value
    place = mine(bench(QUANTIZE), QUANTIZE, chatty)
    assert place.state == "same"
    assert "It prints: <b>hello</b>" in " ".join(place.sentences())
    assert "<b>hello" not in place.said.value


def test_codes_that_are_none_of_these_bits_are_shown_all_the_same() -> None:
    def unclipped(x: Any, scale: Any, z: Any, low: Any, high: Any) -> Any:
        return (np.rint(x / scale) + 1000 * z + 10**9).astype(np.int64)

    place = mine(bench(QUANTIZE), QUANTIZE, unclipped)
    assert place.state == "differs"
    assert place.instrument.message == ""
    for side in ("mine", "both"):
        place.toggle.value = side
        assert place.instrument.message == ""


def test_it_says_that_codes_differ_beyond_the_weights() -> None:
    def unclipped(x: Any, scale: Any, z: Any, low: Any, high: Any) -> Any:
        return (np.rint(x / scale) + z).astype(np.int32)

    place = mine(Quantize(bits=3), QUANTIZE, unclipped)
    assert place.difference is not None
    assert "staircase" in place.difference.place


def test_answers_that_are_no_distribution_have_no_entropy() -> None:
    place = mine(bench(SOFTEN), SOFTEN, lambda z, T: np.exp(z / T))
    notes = {name: value.note for name, value in place.instrument.values.items()}
    assert "yours: not defined" in notes["entropy_teacher"]
    place.toggle.value = "mine"
    assert place.instrument.message == ""
    assert np.isnan(place.instrument.values["kl"].value)


def test_a_setting_in_which_it_has_nothing_to_do_says_so() -> None:
    place = mine(bench(MAGNITUDE), MAGNITUDE, signed)
    send(place.instrument, "method", "random")
    assert place.state == "not used"
    assert "by lot" in place.sentences()[0]
    send(place.instrument, "method", "magnitude")
    assert place.state == "differs"
    place = mine(bench(QUANTIZE), QUANTIZE, exercise(QUANTIZE).reference)
    send(place.instrument, "rounding", "floor")
    assert place.state == "differs"
    assert "the menu Rounding is for the library's" in " ".join(place.sentences())


def test_of_two_cells_the_one_touched_last_is_at_work() -> None:
    instrument = bench(QUANTIZE)
    first = mine(instrument, QUANTIZE, truncating)
    second = mine(instrument, QUANTIZE, exercise(QUANTIZE).reference)
    assert (second.state, instrument.standing) == ("same", second.standing)
    first.toggle.value = "mine"
    assert instrument.standing is first.standing
    assert first.state == "differs"
    second.toggle.value = "mine"
    assert instrument.standing is second.standing


def test_without_a_page_it_is_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QLAB_HEADLESS", "1")
    place = mine(bench(SOFTEN), SOFTEN, cold)
    bundle = place._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert "My code in Distil" in bundle["text/plain"]


def test_it_refuses_what_is_no_function_and_instruments_without_the_place() -> None:
    with pytest.raises(TypeError, match="mine: a function is expected, got int"):
        mine(bench(SOFTEN), SOFTEN, 3)
    with pytest.raises(ValueError, match=r"one of distillation\.soft_targets expected"):
        mine(bench(SOFTEN), QUANTIZE, truncating)


@pytest.mark.parametrize("served", [{"SERVER_SOFTWARE": "voila/0.5"}, {"VOILA_PREHEAT": "True"}])
def test_an_app_never_runs_a_visitors_code(
    served: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    instrument = bench(SOFTEN)
    for name, value in served.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="an app never runs a function of its visitors"):
        mine(instrument, SOFTEN, cold)
    assert instrument.standing is None


def test_no_link_control_or_settings_file_puts_a_function_in() -> None:
    instrument = bench(QUANTIZE)
    names = ("stand_in", "standing", "STAND_INS", QUANTIZE, "function", "at_work")
    assert not set(names) & set(instrument.state.settings())
    for name in names:
        instrument.state.from_query(f"{name}=print")
        settings = json.loads(instrument.state.to_json())
        instrument.state.from_json(json.dumps({**settings, name: "print"}))
        instrument.page._hear(None, {"do": name, "name": QUANTIZE, "text": "print"}, [])
        instrument.set_state({name: "print"})
        assert (instrument.standing, instrument.at_work) == (None, None)


def test_no_app_imports_the_course_or_a_stand_in() -> None:
    apps = Path(__file__).parents[2] / "apps"
    for notebook in apps.glob("*.ipynb"):
        source = "".join("".join(c["source"]) for c in json.loads(notebook.read_text())["cells"])
        assert "qlab.course" not in source
        assert "stand_in" not in source
