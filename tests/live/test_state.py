import math

import numpy as np
import pytest
import traitlets as tl
from hypothesis import given
from hypothesis import strategies as st

from tests.live.toy import ToyState


class Broken:
    """A learner's own object: whatever is asked of it raises."""

    def __index__(self):
        raise ZeroDivisionError

    __float__ = __repr__ = __index__


HOSTILE = (
    None,
    "x",
    math.nan,
    math.inf,
    1e9,
    0,
    17,
    "%00",
    True,
    [],
    {},
    b"1",
    10**400,
    "9" * 60_000,
    10**5_000,  # more digits than Python writes
    [10**5_000],
    np.array([4, 5]),
    np.array([4]),
    np.array(17),
    np.array(np.nan),
    np.array([4.0]),
    np.True_,
    np.array(True),
    np.array("4"),
    np.complex64(4),
    bytearray(b"4"),
    Broken(),
)


@pytest.mark.parametrize(
    "value", [*HOSTILE, np.array(4.0), np.float32(4)], ids=range(len(HOSTILE) + 2)
)
def test_a_bad_value_leaves_the_old_one_and_yields_one_sentence(value):
    state = ToyState()
    (sentence,) = state.offer({"power": value})
    assert state.power == 2
    assert sentence.startswith("power: a whole number from 1 to 5 is expected, got ")
    assert sentence.endswith(" It stays 2.") and len(sentence) < 150 and sentence.isprintable()


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    ("name", "words"), [("scale", "a number from 0.1 to 10"), ("flip", "true")]
)
def test_a_bad_number_or_flag_leaves_the_old_one_and_yields_one_sentence(name, words, value):
    if name == "flip" and value is True:  # the one that is a flag
        value = 1
    state = ToyState(scale=2.0)
    (sentence,) = state.offer({name: value})
    assert (state.scale, state.flip) == (2.0, False)
    assert sentence.startswith(f"{name}: {words}") and "is expected, got " in sentence
    assert len(sentence) < 150 and sentence.isprintable()


def test_numbers_of_numpy_are_taken_as_pythons_own():
    state = ToyState()
    for value in (np.int8(4), np.array(4)):
        state.reset()
        assert state.offer({"power": value, "digits": np.uint8(3)}) == []
        assert type(state.power) is int and (state.power, state.digits) == (4, 3)
    for value in (np.float32(0.5), np.array(0.5), np.float64(0.5)):
        state.reset()
        assert state.offer({"scale": value, "shift": value}) == []
        assert type(state.scale) is float and (state.scale, state.shift) == (0.5, 0.5)
    assert ToyState().from_json(state.to_json()) == []


def test_code_that_sets_a_bad_value_gets_the_sentence_as_an_error():
    with pytest.raises(
        tl.TraitError, match=r"power: a whole number from 1 to 5 is expected, got 9"
    ):
        ToyState().power = 9
    with pytest.raises(tl.TraitError, match="is expected"):
        ToyState(power=9)


def test_good_values_beside_bad_ones_are_taken():
    state = ToyState()
    assert len(state.offer({"power": 99, "flip": True, "nonsense": 1, 7: 2})) == 3
    assert (state.power, state.flip) == (2, True)


def test_listeners_hear_one_call_for_one_offer_and_none_for_nothing():
    state, heard = ToyState(), []
    state.listen(heard.append)
    state.offer({"power": 3, "flip": True, "scale": 2})
    state.offer({"power": 3, "shift": 99})
    state.power = 4
    assert heard == [{"power", "flip", "scale"}, {"power"}]


@given(st.text(max_size=300))
def test_no_link_whatever_raises_or_leaves_an_invalid_state(text):
    state = ToyState()
    sentences = state.from_query(text)
    assert all(isinstance(s, str) and "\n" not in s for s in sentences) and len(sentences) <= 4
    assert ToyState(**state.values()).values() == state.values()


@given(st.text(max_size=100))
def test_no_json_whatever_raises(text):
    assert isinstance(ToyState().from_json(text), list)


@given(
    st.builds(
        dict,
        power=st.integers(1, 5),
        scale=st.floats(0.1, 10.0),
        shift=st.floats(-1.0, 1.0),
        digits=st.sampled_from([1, 2, 3, "all"]),
        flip=st.booleans(),
    )
)
def test_link_and_json_bring_every_state_back(values):
    state = ToyState(**values)
    by_link, by_json = ToyState(), ToyState()
    assert by_link.from_query(state.to_query()) == []
    assert by_json.from_json(state.to_json()) == []
    assert by_link.key() == by_json.key() == state.key()


def test_a_copy_differs_in_what_was_asked_and_hears_nothing():
    state, heard = ToyState(), []
    state.listen(heard.append)
    other = state.copy(power=4)
    assert (other.power, state.power, other.scale) == (4, 2, 1.0) and heard == []
    with pytest.raises(ValueError):
        state.copy(power=99)


def test_reset_brings_the_defaults_back():
    state = ToyState(power=5, flip=True)
    state.reset()
    assert state.values() == ToyState().values()


def test_settings_are_named_in_the_order_of_the_class_and_explained():
    settings = ToyState.settings()
    assert list(settings)[:3] == ["power", "scale", "shift"]
    assert all(s.label and s.help for s in settings.values())


def test_values_near_a_slider_are_its_own_steps():
    near = ToyState.settings()["shift"].near(0.0, count=2)
    assert near == [0.0, -0.1, 0.1, -0.2, 0.2]
    assert all(0.1 <= v <= 10 for v in ToyState.settings()["scale"].near(9.9))
