"""What the kernel hands over to a page is what the page would be shown, and nothing stale stays."""

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from qlab.live import INSTRUMENTS, Choice, Whole, instrument, worker
from qlab.live import page as live_page
from qlab.live.figure import Figure
from qlab.live.prune import CURVE
from qlab.live.shelf import AROUND, VIEWS, Shelf, View
from qlab.live.worker import finish
from tests.live.driving import send
from tests.live.toy import Toy, ToyState


class Watched:
    """A toy whose page is there; all that it sends is kept."""

    def __init__(self, make=Toy, settle=True, **values):
        self.toy, self.sent = make(**values), []
        self.toy.page.send = lambda message, buffers=None: self.sent.append((message, buffers))
        self.tell(do="hello", search="", density=1)
        if settle:
            self.toy.settle()

    def tell(self, **message):
        self.toy.page._handle_custom_msg(message, [])

    def came(self, do):
        """Take the messages of this kind that came since the last look."""
        taken = [both for both in self.sent if both[0]["do"] == do]
        self.sent = [both for both in self.sent if both[0]["do"] != do]
        return taken

    def move(self, trait, value):
        """Move a control, and return what the page was shown at once."""
        self.came("show")
        send(self.toy, trait, value)
        return self.came("show")


@pytest.fixture
def watched():
    return Watched()


def test_a_slider_that_a_hand_comes_to_is_handed_over_as_it_will_be_shown(watched):
    watched.tell(do="near", name="power")
    watched.toy.worker.flush()
    handed = {m["at"][1]: (m, buffers) for m, buffers in watched.came("keep")}
    assert set(handed) == {1, 2, 3, 4, 5}
    for power, (message, buffers) in handed.items():
        alone = Toy(power=power)
        if power == 2:
            alone.settle()  # where the hand rests all is known
        assert message["at"] == ("power", power)
        assert message["pictures"] == [["power", "webp"]]
        assert buffers == [alone.figures["power"].image.value]
        assert message["numbers"] == {"main": alone.readout.value, "below": alone.below.value}


def test_a_page_that_turned_by_itself_is_told_what_it_has_instead_of_sent_it_again(watched):
    watched.tell(do="near", name="power")
    watched.toy.settle()
    [(message, buffers)] = watched.move("power", 4)
    assert buffers == [] and message["known"] and message["at"] == ("power", 4)
    assert message["numbers"] == {}
    assert message["turn"] == watched.came("keep")[-1][0]["turn"]
    toy, alone = watched.toy, Toy(power=4)
    assert toy.readout.value == alone.readout.value
    assert toy.figures["power"].image.value == alone.figures["power"].image.value
    assert toy.values["last"].value == pytest.approx(alone.values["last"].value)
    toy.settle()
    alone.settle()
    assert toy.readout.value == alone.readout.value and "total" in toy.values


def test_numbers_that_became_known_since_come_with_the_answer(watched):
    toy = watched.toy
    watched.tell(do="near", name="power")
    toy.settle()
    watched.move("power", 4)
    toy.worker.flush()  # the sum of 4 is known now, and handed over
    assert {m["at"][1] for m, _ in watched.came("keep")} == {1, 2, 3, 4, 5}
    toy.improve(toy.state.copy(power=5), total=7.5)  # what another task found meanwhile
    [(message, buffers)] = watched.move("power", 5)
    assert message["known"] and buffers == [] and list(message["numbers"]) == ["main"]
    assert 'data-value="7.5"' in message["numbers"]["main"]


@pytest.mark.parametrize(
    ("name", "slider"),
    [("quantize", "bits"), ("prune", "sparsity"), ("integer", "accumulator_bits")],
)
def test_what_idle_work_draws_is_sent_with_the_value_that_it_belongs_to(name, slider, monkeypatch):
    past = []  # pictures that the page could not hold back once the hand has moved on
    show = Figure.show
    monkeypatch.setattr(Figure, "show", lambda self, r, *how: (past.append(self), show(self, r)))
    watched = Watched(INSTRUMENTS[name], settle=False)
    toy = watched.toy
    past.clear()
    toy.state.offer({slider: toy.ahead(toy.state.copy(), slider)[1]})
    toy.settle(everything=False)
    watched.came("show")
    grown = []
    while len(grown) < 3 and not (toy.worker.idle or past):
        toy.worker.flush(0)
        grown += [m["at"] for m, _ in watched.came("show") if ["curve", "webp"] in m["pictures"]]
    sent = toy.controls[slider].sent(getattr(toy.state, slider))
    assert [figure.name for figure in past] == []
    assert grown == [(slider, sent)] * 3


def test_a_picture_that_became_better_since_comes_when_the_hand_rests(watched):
    toy = watched.toy
    watched.tell(do="near", name="power")
    toy.settle()
    figure = toy.figures["power"]
    draw = figure._draw
    figure._key, figure._draw = lambda r: (r.key, "better"), lambda r: (draw(r), toy.line.set_lw(5))
    [(message, buffers)] = watched.move("power", 5)
    assert message["known"] and buffers == []
    toy.settle()
    shown = [buffers for message, buffers in watched.came("show") if message["pictures"]]
    assert shown == [[figure._encode(figure.pixels())]] != [[]]


@pytest.mark.parametrize(
    "change",
    [
        lambda toy: send(toy, "flip", True),
        lambda toy: send(toy, "shift", 0.5),
        lambda toy: toy.state.offer({"power": 3, "scale": 2.0}),
        lambda toy: toy.state.from_query("power=3&flip=true"),
        lambda toy: toy.refresh(),  # what is behind the settings changed: a training, a stand-in
        lambda toy: toy.page._handle_custom_msg({"do": "hello", "search": "", "density": 1}, []),
    ],
)
def test_when_anything_else_changes_nothing_stays_at_hand(watched, change):
    toy = watched.toy
    watched.tell(do="near", name="power")
    toy.settle()
    turn = watched.came("keep")[-1][0]["turn"]
    assert len(toy.shelf.views) == 5
    watched.came("show")
    change(toy)
    assert set(toy.shelf.views) <= {toy.state.key()} and toy.shelf.turn > turn
    [*_, (message, _)] = watched.move("power", 4)
    assert not message["known"] and message["turn"] == toy.shelf.turn  # the page drops the others


def test_each_change_of_something_else_begins_another_turn(watched):
    turns = [
        watched.move(trait, value)[-1][0]["turn"]
        for trait, value in (("flip", True), ("flip", False), ("part", "right"), ("power", 3))
    ]
    assert turns == sorted(set(turns))  # the page, closed since, learns that the kernel knows
    assert watched.move("power", 4)[-1][0]["turn"] == turns[-1]


def test_a_change_that_shows_nothing_new_empties_the_page_as_well(watched):
    toy = watched.toy
    watched.tell(do="near", name="power")
    toy.settle()
    watched.came("show")
    toy.refresh()
    assert [m["turn"] for m, _ in watched.came("show")] == [toy.shelf.turn]


@pytest.mark.parametrize(
    ("trait", "value", "sent"),
    [("digits", 2, 1), ("shift", 0.3, 0.3), ("scale", 10**0.01, 1.02329299)],
)
def test_a_value_is_named_as_the_page_sends_it(watched, trait, value, sent):
    toy = watched.toy
    watched.tell(do="near", name=trait)
    toy.settle()
    assert (trait, sent) in [m["at"] for m, _ in watched.came("keep")]
    [(message, _)] = watched.move(trait, value)
    assert message["at"] == (trait, sent)


def test_what_was_shown_is_at_hand_when_the_hand_comes_back(watched):
    toy = watched.toy
    [(first, _)] = watched.move("power", 3)
    [(message, buffers)] = watched.move("power", 4)
    assert first["whole"] == message["whole"] == (["power"], ["main", "below"])
    assert not message["known"] and len(buffers) == 1
    [(message, buffers)] = watched.move("power", 3)
    assert message["known"] and buffers == [] and message["whole"] is None
    assert toy.readout.value == Toy(power=3).readout.value


def test_pictures_that_the_page_got_from_their_models_are_not_at_hand(watched):
    toy = watched.toy
    [(message, _)] = watched.move("power", 3)
    assert message["whole"]
    toy.figures["power"].catch_up()
    toy.figures["power"].catch_up()
    toy.improve(toy.state, total=1.0)  # a number alone
    assert [m["whole"] for m, _ in watched.came("show")] == [None]


def test_a_slider_that_moves_its_stops_keeps_them_to_itself():
    watched = Watched(INSTRUMENTS["pack"], settle=False)
    toy = watched.toy
    name = next(n for n, s in toy.state.settings().items() if getattr(s, "stops", ()))
    stops = toy.state.settings()[name].stops
    assert toy.controls[name].sent(stops[1]) == 1
    toy.state.offer({name: (stops[0] + 2 * stops[1]) / 3})
    assert toy.controls[name].sent(stops[1]) is None  # its place is another one afterwards


def test_nobody_looks_nothing_is_handed_over():
    toy = Toy()
    toy._near("power")
    toy.settle()
    assert not toy.shelf.views


def test_what_waits_for_something_is_not_handed_over(watched):
    toy = watched.toy
    type(toy.result).waiting = True
    try:
        watched.tell(do="near", name="power")
        toy.settle()
        assert watched.came("keep") == []
    finally:
        del type(toy.result).waiting


class Limited(Toy):
    class STATE(ToyState):
        kind = Choice("any", ["any", "small"], label="Kind", help="Of powers.")

        def allowed(self, name):
            if name == "kind":
                return ["any", "small"] if self.power < 4 else ["any"]
            return super().allowed(name)


def test_a_value_beside_which_another_setting_would_change_is_not_handed_over():
    watched = Watched(Limited, kind="small")
    watched.tell(do="near", name="power")
    watched.toy.settle()
    assert {m["at"][1] for m, _ in watched.came("keep")} == {1, 2, 3}
    [(message, _)] = watched.move("power", 5)
    assert not message["known"] and watched.toy.state.kind == "any"


class Wide(Toy):
    class STATE(ToyState):
        power = Whole(100, 1, 200, label="Power", help="Exponent.")


def test_of_many_values_the_nearest_are_handed_over():
    watched = Watched(Wide)
    watched.tell(do="near", name="power")
    watched.toy.settle()
    handed = [m["at"][1] for m, _ in watched.came("keep")]
    assert len(handed) == AROUND and max(abs(power - 100) for power in handed) <= AROUND // 2
    assert len(watched.toy.shelf.views) <= VIEWS


def test_what_the_page_lacks_is_handed_over_before_what_it_could_have_better(watched):
    toy = watched.toy
    watched.tell(do="near", name="power")
    toy.settle()
    watched.came("keep")
    far = toy.state.copy(power=5)  # no other value is further away
    del toy.shelf.views[far.key()]
    figure = toy.figures["power"]
    key = figure._key
    figure._key = lambda r: (key(r), "better")
    finish(toy._ahead_task(toy.state.copy()))
    assert [m["at"][1] for m, _ in watched.came("keep")] == [5, 2, 1, 3, 4]


@pytest.mark.parametrize(("network", "quick"), [("lenet_300_100", True), ("lenet_5", False)])
def test_pictures_at_hand_show_the_whole_curve_if_it_is_quick(network, quick):
    watched = Watched(INSTRUMENTS["prune"], settle=False, network=network)
    toy = watched.toy
    toy.results.clear()
    watched.came("keep")
    watched.tell(do="near", name="sparsity")
    while not (came := watched.came("keep")):
        toy.worker._step()
    known = {s.sparsity for s in toy._sketched(toy.state) if s.key() in toy.results}
    assert (known == set(CURVE)) is quick and came


def test_before_a_hand_whose_page_turns_by_itself_more_is_handed_over(monkeypatch):
    monkeypatch.setattr(worker, "REST", 3600)  # idle work stays away

    async def drag():
        watched = Watched(Wide)
        watched.tell(do="near", name="power")
        watched.toy.worker.flush()
        views, handed = watched.toy.shelf.views, len(watched.came("keep"))
        far = max(m for (m, *_) in views)
        for power in range(101, far - 3):
            assert [m["known"] for m, _ in watched.move("power", power)] == [True]
        await asyncio.sleep(0.3)
        assert handed == AROUND
        return far, [m["at"][1] for m, _ in watched.came("keep")]

    far, more = asyncio.run(drag())
    assert more[:3] == [far + 1, far + 2, far + 3]


@pytest.mark.parametrize(("power", "ready"), [(3, {2, 4}), (5, {3, 4})])
def test_after_a_menu_the_slider_s_next_places_are_ready_at_once(power, ready, monkeypatch):
    monkeypatch.setattr(worker, "REST", 3600)  # idle work stays away

    async def choose():
        watched = Watched()
        watched.move("power", power)
        watched.toy.worker.stop()
        watched.came("keep")
        watched.toy.state.shape = "odd"
        await asyncio.sleep(0.3)
        return [m["at"][1] for m, _ in watched.came("keep")]

    assert set(asyncio.run(choose())) == ready


def test_a_hand_that_the_page_tells_of_seldom_does_not_seem_to_rest():
    script = Path(live_page.__file__).with_name("page.js").read_text()
    [seldom] = re.findall(r"SELDOM = (\d+)", script)
    assert int(seldom) / 1000 < worker.REST


def test_what_a_stand_in_gives_is_not_handed_over(watched):
    toy = watched.toy
    watched.move("power", 3)
    watched.came("keep")
    list(toy.prepare(toy.state.copy(power=4)))
    toy.standing = SimpleNamespace(numbers=toy.numbers)
    list(toy.hand_over(toy.state.copy(), 4))
    assert watched.came("keep") == []
    toy.standing = None
    list(toy.hand_over(toy.state.copy(), 4))
    assert len(watched.came("keep")) == 1


def test_what_goes_on_before_the_hand_is_not_begun_anew_at_each_of_its_steps(watched):
    toy = watched.toy
    one, two, three = (toy.state.copy(power=power) for power in (1, 2, 3))
    begun = toy._onward.task(two, one, True)
    toy.worker.plan((), begun)
    assert toy._onward.task(three, two, True) is begun
    assert toy._onward.task(three, two, False) is not begun  # the page waits for this very value


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_what_lies_at_hand_is_what_the_library_gives_there(name, monkeypatch):
    monkeypatch.setattr(instrument, "NEAR", 5)
    watched, random = Watched(INSTRUMENTS[name], settle=False), np.random.default_rng(0)
    toy = watched.toy
    watched.came("keep")
    alone, tried = INSTRUMENTS[name](), 0
    for trait in toy.page.sliders:
        toy.in_hand = ""
        watched.tell(do="near", name=trait)
        until_laid(toy)
        here, views = toy.state.copy(), dict(toy.shelf.views)
        for key in [list(views)[int(i)] for i in random.permutation(len(views))[:2]]:
            view, result = views[key], toy.results[key]
            tried += key != here.key()
            for figure in (toy.figures[name] for name in view.frames):
                assert figure._encode(figure._pixels(result, 1.0)) == view.frames[figure.name][1]
            alone.state.offer(dict(zip(toy.state.settings(), key, strict=False)))
            assert alone.state.key() == key and alone.message == ""
            assert view.numbers == {r.name: r.value for r in alone.readouts}, (trait, key)
    assert tried


def until_laid(toy):
    """Run the idle work until what comes first of all is at hand."""
    for _ in range(100_000):
        if toy.worker.idle or (toy.worker._task is None and toy.shelf.views):
            break
        toy.worker._step()


def test_a_shelf_holds_the_latest_views_of_one_slider():
    shelf, view = Shelf(), View({"a": ((1,), b"frame")}, {"main": "1"})
    assert shelf.lay("bits", (1,), view) and not shelf.lay("bits", (1,), view)
    assert shelf.lay("bits", (1,), View({"a": ((2,), b"frame")}, {"main": "1"}))
    assert shelf.lay("alpha", (1,), view) and shelf.slider == "alpha" and shelf.turn == 1
    for i in range(VIEWS + 5):
        shelf.lay("alpha", (i,), view)
    assert len(shelf.views) == VIEWS and (1,) not in shelf.views
    shelf.empty()
    assert not shelf.views and shelf.turn == 2
