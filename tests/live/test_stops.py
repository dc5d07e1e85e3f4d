import pytest
import traitlets as tl

from qlab.live import Real, State
from qlab.live.controls import control


class Dial(State):
    heat = Real(4.0, 1.0, 30.0, 0.1, label="Heat", help="T.", stops=(1.0, 2.0, 4.0, 8.0, 30.0))


def hand(slider, index):
    slider._handle_msg({"content": {"data": {"method": "update", "state": {"index": index}}}})


def test_the_slider_goes_from_stop_to_stop():
    dial, said = Dial(), []
    slider = control(dial, "heat", said.append)
    for index, heat in enumerate((1.0, 2.0, 4.0, 8.0, 30.0)):
        hand(slider, index)
        assert (dial.heat, slider.value) == (heat, heat)
    assert said == []


def test_another_number_becomes_a_stop_while_it_holds():
    dial = Dial()
    slider = control(dial, "heat", print)
    dial.heat = 3.3
    slider.sync()
    assert [text for text, _ in slider.options] == ["1", "2", "3.3", "4", "8", "30"]
    assert slider.value == dial.heat == 3.3
    hand(slider, 3)
    assert dial.heat == 4.0
    assert [text for text, _ in slider.options] == ["1", "2", "4", "8", "30"]


@pytest.mark.parametrize("sent", [-1, 5, 99, None, True, "2", 1.5, [], float("nan")])
def test_an_index_that_is_no_stop_is_refused_in_one_sentence(sent):
    dial, said = Dial(), []
    slider = control(dial, "heat", said.append)
    hand(slider, sent)
    assert (dial.heat, slider.value) == (4.0, 4.0)
    assert len(said) == 1 and said[0].startswith("heat: ")


def test_limits_hold_for_code_as_for_any_number():
    with pytest.raises(tl.TraitError, match="a number from 1 to 30 is expected, got 31"):
        Dial().heat = 31.0


def test_the_stops_around_the_hand_are_listed_nearest_first():
    setting = Dial.settings()["heat"]
    assert isinstance(setting, Real)
    assert setting.near(4.0, count=1) == [4.0, 2.0, 8.0]
    assert setting.near(3.3, count=1) == [4.0, 2.0, 8.0]
