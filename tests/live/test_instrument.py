import asyncio
import io
import logging

import numpy as np
import pytest
from PIL import Image

from qlab.live import instrument, worker
from tests.live.driving import (
    assert_control_moves_everything,
    assert_refuses_everything_hostile,
    assert_shown,
    readings,
    run_code,
    send,
)
from tests.live.toy import Toy, ToyState

TRAITS = list(ToyState.settings())


@pytest.fixture
def toy():
    return Toy()


@pytest.mark.parametrize("trait", TRAITS)
def test_every_control_moves_pictures_and_numbers(toy, trait):
    assert_control_moves_everything(toy, trait)


def test_hostile_messages_are_refused_with_one_sentence_and_controls_live(toy):
    assert_refuses_everything_hostile(toy)


def test_a_raised_maximum_does_not_let_a_value_through(toy):
    control = toy.controls["power"]
    message = {"method": "update", "state": {"max": 99, "value": 50}}
    control._handle_msg({"content": {"data": message}})
    assert (toy.state.power, control.value, control.max) == (2, 2, 5)
    assert toy.message == "power: a whole number from 1 to 5 is expected, got 50. It stays 2."


def test_widget_and_state_follow_each_other_both_ways(toy):
    toy.state.power = 5
    assert toy.controls["power"].value == 5
    toy.controls["scale"].value = 10.0
    assert toy.state.scale == 10.0


def test_a_menu_follows_what_the_state_allows(toy):
    send(toy, "part", "right")
    send(toy, "shape", "odd")
    assert [value for _, value in toy.controls["part"].options] == ["left", "far"]
    assert toy.state.part == toy.controls["part"].value == "left"


def test_a_state_seen_before_is_not_computed_again(toy):
    send(toy, "power", 3)
    computed = toy.computed
    send(toy, "power", 2)
    assert toy.computed == computed


def test_idle_work_completes_the_numbers_and_then_speaks(toy):
    assert "total" not in toy.values and toy.page.said == ""
    toy.settle()
    assert toy.values["total"].value == pytest.approx(float(toy.result.y.sum()))
    assert toy.page.said == "Last <y> 0.64, derived."
    assert toy.page.query == toy.state.to_query()
    assert toy.page.alts == {"power": "ends at 1.00"}


def test_the_slider_in_hand_is_computed_ahead(toy):
    send(toy, "power", 3)
    toy.settle()
    computed = toy.computed
    for power in (1, 2, 4, 5):
        send(toy, "power", power)
    assert toy.computed == computed


def test_after_a_menu_the_slider_that_was_in_hand_is_computed_ahead(toy):
    send(toy, "power", 3)
    send(toy, "shape", "odd")
    toy.settle()
    computed, drawn = toy.computed, drawings(toy)
    for power in (1, 2, 4, 5):
        send(toy, "power", power)
    send(toy, "shape", "even")
    assert toy.computed == computed + 1  # at 5; the menu was prepared at 3
    assert drawings(toy) == drawn + 1


def drawings(toy):
    """Count the pictures that are there, or on their way."""
    figure = toy.figures["power"]
    return len(figure._frames) + len(figure._coming)


def test_the_slider_that_a_hand_comes_to_is_prepared_before_all_else(toy):
    send(toy, "shape", "odd")
    toy.page._handle_custom_msg({"do": "near", "name": "power"}, [])
    computed, settled = toy.computed, toy.settled
    while toy.computed < computed + 4:
        toy.worker._step()
    assert not (settled or toy.settled)  # what else the plan holds comes later
    toy.settle()
    assert toy.settled
    computed, drawn = toy.computed, drawings(toy)
    for power in (1, 3, 4, 5, 2):
        send(toy, "power", power)
    assert toy.computed == computed and drawings(toy) == drawn


def test_a_hand_that_set_a_menu_goes_back_to_the_slider_it_had(toy):
    toy.page._handle_custom_msg({"do": "near", "name": ""}, [])
    assert toy.in_hand == ""  # there was none
    send(toy, "power", 3)
    toy.settle()
    send(toy, "shape", "odd")
    toy.page._handle_custom_msg({"do": "near", "name": ""}, [])
    assert toy.in_hand == "power"
    computed = toy.computed
    while toy.computed < computed + 4:
        toy.worker._step()
    assert not toy.settled  # all values of the slider, then the numbers


def test_what_a_slow_network_has_ready_for_a_hand_ends_after_a_second(toy, monkeypatch):
    monkeypatch.setattr(instrument, "SOON", 0.0)
    send(toy, "shape", "odd")
    computed = toy.computed
    toy.page._handle_custom_msg({"do": "near", "name": "power"}, [])
    while not toy.settled:
        toy.worker._step()
    assert toy.computed == computed  # the numbers of what is shown came first


@pytest.mark.parametrize("name", ["shape", "flip", "nothing", None, ["power"], "in_hand"])
def test_a_hand_that_comes_to_anything_else_changes_nothing(toy, name, caplog):
    toy.settle()
    toy.page._handle_custom_msg({"do": "near", "name": name}, [])
    assert toy.worker.idle and toy.in_hand == ""
    assert "a known request is expected" in caplog.text


@pytest.fixture
def looked_at(toy):
    toy.settle()
    toy.page._handle_custom_msg({"do": "hello", "search": "", "density": 1}, [])
    return toy


def test_the_next_value_in_the_hands_direction_is_ready_while_the_page_paints(looked_at):
    toy, frames = looked_at, looked_at.figures["power"]._frames
    send(toy, "power", 3)  # from 2
    computed = toy.computed
    toy.worker.hurry(lambda: False)
    assert toy.computed == computed + 1 and len(frames) == 3
    send(toy, "power", 4)
    assert toy.computed == computed + 1 and toy.result.key == toy.state.key()
    assert_shown(toy)
    assert len(frames) == 3  # drawn before, too


def test_what_is_known_later_than_the_rest_reaches_what_is_drawn_at_rest(looked_at):
    toy, figure = looked_at, looked_at.figures["power"]
    figure.live = False
    toy.settle()
    toy.improve(toy.state, total=7.0)
    assert figure.result is toy.result and toy.result.total == 7.0


def test_a_hand_in_a_hurry_finds_the_value_that_lies_as_far_on(looked_at):
    toy = looked_at
    send(toy, "power", 5)  # from 2: the slider ends before the next
    toy.worker.hurry(lambda: False)
    send(toy, "power", 3)
    computed = toy.computed
    toy.worker.hurry(lambda: False)
    assert toy.computed == computed + 1
    send(toy, "power", 1)
    assert toy.computed == computed + 1
    assert_shown(toy)


def test_the_word_beside_the_numbers_is_where_the_slider_ends(looked_at):
    toy = looked_at
    for name, value in (("digits", 1), ("power", 3), ("digits", 2), ("digits", 3)):
        send(toy, name, value)
    computed = toy.computed
    toy.worker.hurry(lambda: False)
    assert toy.computed == computed + 1 and toy.message == ""
    send(toy, "digits", "all")
    assert toy.computed == computed + 1 and toy.message == ""
    assert_shown(toy)


def test_what_is_under_way_for_the_next_value_is_finished_not_begun_anew(looked_at):
    toy = looked_at
    send(toy, "power", 3)
    computed = toy.computed
    for _ in range(2):
        toy.worker._step()
    assert toy.computed == computed + 1 and len(toy.results) == 2  # begun, not done
    send(toy, "power", 4)
    assert toy.computed == computed + 1
    assert_shown(toy)


@pytest.mark.parametrize("other", [("power", 2), ("power", 5), ("shift", 0.5), ("flip", True)])
def test_a_hand_that_goes_elsewhere_gets_what_it_asks_for(looked_at, other):
    toy = looked_at
    send(toy, "power", 3)
    for _ in range(2):
        toy.worker._step()
    send(toy, *other)
    assert_shown(toy)
    toy.settle()
    assert toy.result.key == toy.state.key() and toy.message == ""


def test_a_next_value_that_fails_is_told_once_it_is_asked_for(looked_at, monkeypatch):
    toy = looked_at
    steps = toy.steps

    def broken(s):
        if s.power == 4:
            raise OSError("no room")
        return (yield from steps(s))

    monkeypatch.setattr(toy, "steps", broken)
    monkeypatch.setattr(toy, "ahead", lambda s, name: [3, 4, 2])
    send(toy, "power", 3)
    toy.worker.hurry(lambda: False)
    assert toy.message == ""
    send(toy, "power", 4)
    assert toy.message.startswith("no room")


def test_a_callback_that_raises_shows_one_sentence_and_controls_live(toy, monkeypatch, caplog):
    before = readings(toy)

    def broken(s):
        raise ValueError("toy: a good file is expected, got /secret/place/data.gz.\n  more")
        yield

    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR, "qlab.live"):
        patched.setattr(toy, "steps", broken)
        send(toy, "power", 4)
    assert toy.message.startswith("toy: a good file is expected, got data.gz. What is shown")
    assert "/secret" not in toy._messages.value and "Traceback" not in toy._messages.value
    assert caplog.records[-1].exc_info is not None
    assert readings(toy) == before
    send(toy, "power", 5)
    assert_shown(toy)
    assert readings(toy) != before


def test_an_unforeseen_exception_is_named_but_not_quoted(toy, monkeypatch):
    def broken(s):
        raise KeyError("internal")
        yield

    monkeypatch.setattr(toy, "steps", broken)
    send(toy, "power", 4)
    assert "KeyError" in toy.message and "internal" not in toy.message


def test_a_failing_idle_task_says_so_and_the_others_go_on(toy, monkeypatch):
    def broken(s):
        yield
        raise OSError("no room")

    monkeypatch.setattr(toy, "add_up", broken)
    send(toy, "power", 4)
    toy.settle()
    assert toy.message.startswith("no room")
    assert toy.page.said != ""


def test_reset_sets_every_control_back(toy):
    start = toy.state.values()
    toy.state.from_query("power=5&scale=2&shape=odd&flip=true&digits=1")
    toy.reset_button.click()
    assert toy.state.values() == start
    assert toy.controls["power"].value == 2


def test_a_preset_sets_its_values_over_the_defaults_and_teaches(toy):
    send(toy, "scale", 10.0)
    cube = toy.PRESETS[0]
    toy.presets.value = cube
    assert toy.state.power == 3 and toy.state.scale == 1.0
    assert cube.lesson in toy._lesson.value
    send(toy, "power", 4)
    assert toy.presets.value == "" and toy._lesson.value == ""
    toy.presets.value = cube
    toy.presets.value = toy.PRESETS[1]
    assert toy.state.power == 1 and toy.PRESETS[1].lesson in toy._lesson.value
    assert toy.presets.value is toy.PRESETS[1]


def test_a_preset_menu_refuses_what_it_does_not_offer(toy):
    for index in (None, 99, -1, "x", True):
        toy.presets._handle_msg(
            {"content": {"data": {"method": "update", "state": {"index": index}}}}
        )
    assert toy.presets.value == ""


def test_a_link_sets_what_it_can_and_says_what_it_cannot():
    toy = Toy(link="?power=4&scale=99&theme=%3Cscript%3E")
    assert toy.state.power == 4 and toy.state.scale == 1.0
    assert toy.message.startswith("scale: a number from 0.1 to 10 is expected, got 99.0.")
    assert "<script>" not in toy._messages.value


def test_a_link_is_taken_from_the_page_once_and_in_an_app_only(toy):
    def hello(search):
        toy.page._handle_custom_msg({"do": "hello", "search": search, "density": 2}, [])

    hello("?power=4")
    assert toy.state.power == 2  # JupyterLab: its address says nothing about us
    toy.page.app = True
    hello("?power=4")
    hello("?power=5")
    assert toy.state.power == 4 and toy.page.density == 2.0


def test_pictures_at_rest_have_the_density_of_the_screen(toy):
    def width():
        return Image.open(io.BytesIO(toy.figures["power"].image.value)).width

    toy.settle()
    assert width() == 200
    toy.page._handle_custom_msg({"do": "hello", "search": "", "density": 2}, [])
    toy.settle()
    assert width() == 400
    send(toy, "power", 4)
    assert width() == 200  # quick while the hand moves
    toy.settle()
    assert width() == 400


def test_a_state_come_back_to_is_sharpened_again(toy, monkeypatch):
    sent = []
    toy.page._handle_custom_msg({"do": "hello", "search": "", "density": 2}, [])
    toy.settle()
    monkeypatch.setattr(toy.page, "show", lambda frames, *_, **__: sent.extend(frames.values()))
    send(toy, "power", 4)
    send(toy, "power", 2)  # no rest at 4: the model holds the sharp picture of 2 all the time
    toy.settle()
    assert Image.open(io.BytesIO(sent[-1][1])).width == 400


def test_the_page_cannot_set_what_only_the_kernel_says(toy):
    toy.page.set_state({"_esm": "alert(1)", "query": "x"})
    assert toy.page.query != "x" and "alert(1)" not in toy.page._esm


def test_a_link_opens_what_is_set_now_and_not_what_was_at_the_last_rest(toy, monkeypatch):
    sent = []
    monkeypatch.setattr(toy.page, "send", lambda message, buffers=None: sent.append(message))
    toy.settle()
    send(toy, "power", 5)
    toy.page._handle_custom_msg({"do": "copy", "name": "link"}, [])
    assert sent == [{"do": "copy", "name": "link", "text": toy.state.to_query()}]
    assert sent[0]["text"].startswith("power=5&")


def test_copies_and_files_reach_the_page(toy, monkeypatch):
    sent = []
    monkeypatch.setattr(
        toy.page, "send", lambda message, buffers=None: sent.append((message, buffers))
    )
    toy.page._handle_custom_msg({"do": "copy", "name": "code"}, [])
    for name in ("csv", "png", "svg", "json"):
        toy.page._handle_custom_msg({"do": "save", "name": name}, [])
    for nonsense in (None, "x", {"do": "save", "name": "passwd"}, {"do": ["copy"], "name": {}}):
        toy.page._handle_custom_msg(nonsense, [])
    assert sent[0][0]["text"] == toy.code()
    names = [message["filename"] for message, _ in sent[1:]]
    assert names == ["qlab-toy.csv", "qlab-toy.png", "qlab-toy.svg", "qlab-toy.json"]
    csv, png, svg, settings = (buffers[0] for _, buffers in sent[1:])
    assert csv.decode().splitlines()[:2] == ["setting,value", "power,2"]
    assert png.startswith(b"\x89PNG") and svg.startswith(b"<svg") and b"</svg>" in svg
    assert b"A toy" not in svg and b"Power" in svg
    send(toy, "power", 5)
    toy.page._handle_custom_msg({"do": "open", "text": settings.decode()}, [])
    assert toy.state.power == 2 and toy.message == ""
    for text in ('{"power": 99}', "[1]", "{", "x" * 60_000, "\x00"):
        toy.page._handle_custom_msg({"do": "open", "text": text}, [])
        assert toy.state.power == 2 and "expected" in toy.message


def test_copied_code_prints_the_number_on_screen(toy):
    send(toy, "power", 3)
    assert run_code(toy)["last"] == pytest.approx(toy.values["last"].value)


def test_everything_in_the_page_is_escaped(toy):
    assert "Last &lt;y&gt;" in toy.readout.value
    assert "It &lt;draws&gt; powers." in toy.children[0].value


def test_hooks_of_the_page_are_there(toy):
    for trait, control in toy.controls.items():
        assert f"qlab-{trait}" in control._dom_classes
        assert control.description and control.tooltip
    assert "qlab-reset" in toy.reset_button._dom_classes
    assert "qlab-figure" in toy.figures["power"].image._dom_classes
    assert 'class="qlab-value"' in toy.readout.value


def test_idle_work_runs_by_itself_on_a_loop_once_the_hand_rests(monkeypatch):
    monkeypatch.setattr(worker, "REST", 3600)  # a hand that does not come to rest

    async def visit():
        toy = Toy()
        for power in (3, 4, 5, 3):
            send(toy, "power", power)
            await asyncio.sleep(0.03)
            assert "total" not in toy.values
        monkeypatch.undo()
        toy.worker.release()
        while not toy.worker.idle:
            await asyncio.sleep(0.01)
        return toy

    toy = asyncio.run(asyncio.wait_for(visit(), 60))
    assert toy.values["total"].value == pytest.approx(float(toy.result.y.sum()))


def test_drawn_data_are_the_results_data(toy):
    send(toy, "power", 5)
    np.testing.assert_array_equal(toy.line.get_ydata(), toy.result.y)


def test_the_pictures_of_one_event_share_one_message_and_the_models_follow_at_rest(
    toy, monkeypatch
):
    toy.settle()
    sent, synced = [], []
    image = toy.figures["power"].image
    monkeypatch.setattr(toy.page, "send", lambda message, buffers=None: sent.append(buffers))
    monkeypatch.setattr(image, "send_state", lambda key=None: synced.append(key))
    send(toy, "power", 3)
    assert synced == ["value"] and sent == []  # nobody looks: the model alone is told
    toy.page._handle_custom_msg({"do": "hello", "search": "", "density": 1}, [])
    send(toy, "power", 5)
    assert sent == [[image.value]] and synced == ["value"]
    toy.settle()
    assert synced == ["value", "value"]  # a view that opens later sees the same
    toy.settle()
    assert synced == ["value", "value"]
