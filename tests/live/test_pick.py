"""A pointer on a picture: a place on the page becomes a place in the data, or nothing."""

import logging

import numpy as np
import pytest

from qlab.live import Figure
from tests.live.toy import Toy


def clicked(*, drags=False):
    """A picture of two axes, the left one 0 … 10 by 0 … result; what was picked is kept."""
    seen, art = [], {}

    def build(figure):
        art["left"] = figure.add_axes((0.1, 0.2, 0.4, 0.6))
        right = figure.add_axes((0.6, 0.2, 0.4, 0.6))
        right.set(xlim=(100, 200), ylim=(0, 1))
        (art["line"],) = art["left"].plot([], [])
        return [art["line"]]

    figure = Figure(
        "pair",
        "A pair",
        size=(200, 100),
        build=build,
        draw=lambda r: None,
        key=lambda r: r,
        scene=lambda r: r,
        stage=lambda r: art["left"].set(xlim=(0, 10), ylim=(0, r)),
        on_pick=lambda r, x, y: seen.append((r, x, y)),
        drags=drags,
    )
    return figure, seen


def test_a_place_on_the_picture_is_a_place_in_the_axes_under_it():
    figure, seen = clicked()
    figure.show(5)
    figure.pick(0.3, 0.5)  # the middle of the left axes
    figure.pick(0.1, 0.2)  # its upper left corner: the page counts from the top
    figure.pick(0.8, 0.65)  # in the right one
    assert seen == [
        pytest.approx((5, 5.0, 2.5)),
        pytest.approx((5, 0.0, 5.0)),
        pytest.approx((5, 150.0, 0.25)),
    ]


def test_the_limits_are_those_of_the_picture_shown_and_not_of_one_drawn_ahead():
    figure, seen = clicked()
    figure.show(5)
    figure.frame(80)  # another scene
    figure.pick(0.3, 0.5)
    assert seen == [pytest.approx((5, 5.0, 2.5))]
    np.testing.assert_array_equal(figure.pixels(), clicked()[0].pixels(5))


def test_a_click_beside_the_axes_means_nothing_and_a_drag_stays_at_their_border():
    for drags, picked in ((False, []), (True, [pytest.approx((5, 0.0, 2.5))])):
        figure, seen = clicked(drags=drags)
        figure.show(5)
        figure.pick(0.0, 0.5)
        assert seen == picked
        assert figure.pickable == ("drag" if drags else "click")


def test_a_picture_that_shows_nothing_yet_or_takes_no_click_ignores_one():
    figure, seen = clicked()
    figure.pick(0.3, 0.5)
    assert seen == []
    silent = Figure(
        "line", "A line", size=(20, 20), build=lambda f: f.add_axes((0, 0, 1, 1)).plot([], []),
        draw=lambda r: None, key=lambda r: r,
    )  # fmt: skip
    silent.show(1)
    silent.pick(0.5, 0.5)
    assert silent.pickable == ""


@pytest.fixture
def toy(monkeypatch):
    instrument = Toy()
    figure = instrument.figures["power"]
    figure._on_pick = lambda r, x, y: instrument.state.offer({"shift": round(x, 1)})
    instrument.page.picks = {"power": figure.pickable}
    sent = []
    monkeypatch.setattr(instrument.page, "send", lambda message, *_: sent.append(message))
    return instrument, sent


def press(instrument, **message):
    instrument.page._handle_custom_msg({"do": "pick", **message}, [])


def test_the_page_says_where_and_hears_that_it_was_taken(toy):
    instrument, sent = toy
    press(instrument, name="power", x=0.15 + 0.8 * 0.75, y=0.5)
    assert instrument.state.shift == 0.5
    assert sent[-1] == {"do": "picked"}
    press(instrument, name="power", x=0.15 + 0.8 * 0.25, y=1 / 2)
    assert instrument.state.shift == -0.5


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"name": "power"},
        {"name": "power", "x": 0.5},
        {"name": "power", "x": 0.5, "y": 1.1},
        {"name": "power", "x": -0.1, "y": 0.5},
        {"name": "power", "x": float("nan"), "y": 0.5},
        {"name": "power", "x": float("inf"), "y": 0.5},
        {"name": "power", "x": True, "y": 0.5},
        {"name": "power", "x": "0.5", "y": 0.5},
        {"name": "power", "x": [0.5], "y": {}},
        {"name": "other", "x": 0.5, "y": 0.5},
        {"name": ["power"], "x": 0.5, "y": 0.5},
        {"name": "<script>", "x": 0.5, "y": 0.5},
    ],
)
def test_whatever_else_the_wire_brings_moves_nothing(toy, message, caplog):
    instrument, sent = toy
    before = instrument.state.values()
    with caplog.at_level(logging.WARNING):
        press(instrument, **message)
    assert instrument.state.values() == before
    assert sent == []
    assert "known request" in caplog.text


def test_a_pick_that_fails_is_one_sentence_and_the_page_may_go_on(toy):
    instrument, sent = toy

    def fails(result, x, y):
        raise ValueError("pick: a row is expected, got none.")

    instrument.figures["power"]._on_pick = fails
    press(instrument, name="power", x=0.5, y=0.5)
    assert instrument.message.startswith("pick: a row is expected")
    assert sent[-1] == {"do": "picked"}


def test_the_page_cannot_say_which_pictures_take_a_pointer(toy):
    instrument, _ = toy
    before = instrument.page.picks
    instrument.page.set_state({"picks": {"power": "drag", "x": "click"}})
    assert instrument.page.picks == before
