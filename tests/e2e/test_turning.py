"""The page turns by itself to what it has at hand, never to anything stale.

First ``page.js`` alone, in an empty page, with a kernel that the test plays: messages come in every
order in which they can.  Then a whole app whose kernel stands still while the hand moves.
"""

import base64
import io
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from qlab.live import page as live_page
from tests.e2e.conftest import Visit
from tests.e2e.harness import until

SCRIPT = Path(live_page.__file__).with_name("page.js")
STAGE = """
<div class="qlab-instrument">
  <div class="noUi-handle" tabindex="0">handle</div><button>Copy code</button>
  <img class="qlab-figure-a" src="data:,a0"><img class="qlab-figure-b" src="data:,b0">
  <div class="qlab-readout-main"><div class="widget-html-content">m0</div></div>
  <div class="qlab-readout-below"><div class="widget-html-content">n0</div></div>
  <div id="el"></div>
</div>"""
ALONE = """async (script) => {
  window.sent = [];
  const emitter = (values) => ({
    values, heard: {},
    save_changes() { sent.push(this.values.value ?? this.values.index); },
    get(name) { return this.values[name]; },
    on(what, call) { (this.heard[what] ??= []).push(call); },
    off(what, call) { this.heard[what] = this.heard[what].filter((one) => one !== call); },
    tell(what, ...how) { (this.heard[what] ?? []).forEach((call) => call(...how)); },
    set(name, value, how) {
      this.values[name] = value;
      this.tell("change:" + name, this, value, how);
      if (how.updated_view) this.save_changes(); // as a view does
    },
  });
  window.controls = { bits: emitter({ value: 4 }), other: emitter({ index: 0 }) };
  window.model = Object.assign(
    emitter({
      app: true, query: "", alts: {}, picks: {},
      sliders: ["bits"], controls: { bits: "1", other: "2" },
    }),
    { send() {}, widget_manager: { get_model: async (id) => Object.values(controls)[id - 1] } },
  );
  const { default: widget } = await import("data:text/javascript;base64," + script);
  window.leave = widget.render({ model, el: document.getElementById("el") });
  await new Promise((done) => setTimeout(done, 20));
}"""
SHOWN = """() => [
  ...[..."ab"].map((name) => document.querySelector(".qlab-figure-" + name).src)
    .map((src) => src.includes("base64") ? atob(src.split(",")[1]) : src.split(",")[1]),
  ...["main", "below"].map((name) => document.querySelector(`.qlab-readout-${name} div`).innerHTML),
]"""


class Alone:
    """A page without a kernel: the test is the kernel, and the hand."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.set_content(STAGE)
        page.evaluate(ALONE, base64.b64encode(SCRIPT.read_bytes()).decode())

    def tell(self, do: str, pictures: str, numbers: str, **more: Any) -> None:
        """Say something as the kernel: ``pictures`` "a4 b4", ``numbers`` "m4 n4"."""
        names = {"a": "a", "b": "b", "m": "main", "n": "below"}
        message = {
            "do": do,
            "pictures": [[names[word[0]], "webp"] for word in pictures.split()],
            "numbers": {names[word[0]]: word for word in numbers.split()},
            **more,
        }
        self.page.evaluate(
            """([message, words]) => model.tell("msg:custom", message,
                 words.map((word) => new DataView(new TextEncoder().encode(word).buffer)))""",
            [message, pictures.split()],
        )

    def keep(self, bits: float, turn: int = 0) -> None:
        """Hand over what a value will show."""
        self.tell("keep", f"a{bits} b{bits}", f"m{bits} n{bits}", at=["bits", bits], turn=turn)

    def show(self, bits: float, pictures: str = "", numbers: str = "", **more: Any) -> None:
        """Answer to a value."""
        more = {"turn": 0, "known": False, "whole": None} | more
        self.tell("show", pictures, numbers, at=["bits", bits], **more)

    def move(self, bits: float, by_hand: bool = True, control: str = "bits") -> None:
        """Move a control, by hand or because the kernel said so."""
        self.page.evaluate(
            "([name, value, how]) => controls[name].set('value' in controls[name].values"
            " ? 'value' : 'index', value, how)",
            [control, bits, {"updated_view": {}} if by_hand else {}],
        )

    def stop_the_clock(self) -> None:
        """Let time pass only by ``page.clock.run_for``."""
        self.page.clock.install()
        self.page.clock.pause_at(self.page.evaluate("Date.now()") + 1000)

    @property
    def heard(self) -> list[float]:
        """The values that the kernel was told since it was asked last."""
        return self.page.evaluate("sent.splice(0)")

    @property
    def shown(self) -> str:
        """What stands on the page: two pictures, two readouts."""
        return " ".join(self.page.evaluate(SHOWN))


@pytest.fixture
def alone(browser: Browser) -> Iterator[Alone]:
    page = browser.new_page()
    yield Alone(page)
    page.close()


def test_a_value_at_hand_is_shown_at_once_and_its_answer_changes_nothing(alone: Alone) -> None:
    for bits in (4, 5, 6):
        alone.keep(bits)
    assert alone.shown == "a0 b0 m0 n0"
    alone.move(5)
    assert alone.shown == "a5 b5 m5 n5"
    alone.move(6)
    alone.show(5, known=True)  # comes late, for a value that the hand has left
    assert alone.shown == "a6 b6 m6 n6"
    alone.show(6, known=True)
    assert alone.shown == "a6 b6 m6 n6"
    alone.show(6, "a6+", "m6+")  # what the rest brings
    assert alone.shown == "a6+ b6 m6+ n6"


def test_numbers_that_became_known_since_come_with_the_answer(alone: Alone) -> None:
    alone.keep(5)
    alone.move(5)
    alone.show(5, numbers="m5+", known=True)
    assert alone.shown == "a5 b5 m5+ n5"


def test_a_kernel_that_left_out_a_value_builds_on_its_own_last_word(alone: Alone) -> None:
    alone.show(4, "a4 b4", "m4 n4")
    alone.keep(5)
    alone.keep(6)
    alone.move(5)
    alone.move(6)
    alone.move(7)  # not at hand: 6 stays until 7 is there
    assert alone.shown == "a6 b6 m6 n6"
    alone.show(7, "a7", "m7")  # to the kernel b and n are as they were at 4
    assert alone.shown == "a7 b4 m7 n4"


def test_an_answer_to_a_value_before_builds_up_what_comes_after(alone: Alone) -> None:
    alone.show(4, "a4 b4", "m4 n4")
    alone.keep(7)
    alone.move(6)
    alone.move(7)
    alone.show(6, "a6", "n6")  # the page is at 7 already
    assert alone.shown == "a7 b7 m7 n7"
    alone.move(8)
    alone.show(8, "b8", "m8")  # the kernel never heard of 7
    assert alone.shown == "a6 b8 m8 n6"


def test_back_where_the_kernel_is_the_page_shows_what_it_found_meanwhile(alone: Alone) -> None:
    alone.keep(4)
    alone.keep(5)
    alone.move(4)
    alone.show(4, known=True)
    alone.move(5)
    alone.show(4, "a4+", "m4+")  # all images; the kernel has not heard of 5 yet
    assert alone.shown == "a5 b5 m5 n5"
    alone.move(4)  # nor will it: to the kernel nothing changes, and it says nothing
    assert alone.shown == "a4+ b4 m4+ n4"
    alone.move(5)
    alone.show(5, known=True)
    assert alone.shown == "a5 b5 m5 n5"


def test_a_picture_at_hand_is_there_in_the_moment_in_which_the_page_turns(alone: Alone) -> None:
    """Each load would cost a frame of its own, after the one that shows the numbers."""
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2)).save(buffer, "PNG")
    message = {
        "do": "keep",
        "pictures": [["a", "png"]],
        "numbers": {},
        "at": ["bits", 5],
        "turn": 0,
    }
    alone.page.evaluate(
        """async ([message, png]) => {
          const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
          model.tell("msg:custom", message, [new DataView(bytes.buffer)]);
          await new Promise((done) => setTimeout(done, 500));
        }""",
        [message, base64.b64encode(buffer.getvalue()).decode()],
    )
    wide = alone.page.evaluate(
        """() => {
          controls.bits.set("value", 5, { updated_view: {} });
          const picture = document.querySelector(".qlab-figure-a");
          return picture.complete && picture.naturalWidth;
        }"""
    )
    assert wide == 3


ALL = [["a", "b"], ["main", "below"]]


def test_what_was_shown_is_at_hand_when_the_hand_comes_back(alone: Alone) -> None:
    alone.show(4, "a4 b4", "m4 n4", whole=ALL)
    alone.move(5)
    alone.show(5, "a5", "m5", whole=ALL)
    assert alone.shown == "a5 b4 m5 n4"
    alone.move(4)
    assert alone.shown == "a4 b4 m4 n4"
    alone.move(5)
    assert alone.shown == "a5 b4 m5 n4"


def test_what_the_hand_left_before_it_came_is_at_hand_as_well(alone: Alone) -> None:
    alone.show(4, "a4 b4", "m4 n4")
    alone.keep(6)
    alone.move(5)
    alone.move(6)
    alone.show(5, "a5", "m5", whole=ALL)  # the page is at 6 already
    assert alone.shown == "a6 b6 m6 n6"
    alone.move(5)
    assert alone.shown == "a5 b4 m5 n4"


def test_a_view_that_comes_after_the_hand_is_shown_by_the_answer(alone: Alone) -> None:
    alone.move(5)
    alone.keep(5)
    assert alone.shown == "a0 b0 m0 n0"
    alone.show(5, known=True)
    assert alone.shown == "a5 b5 m5 n5"


def test_what_the_kernel_moves_is_shown_when_the_kernel_shows_it(alone: Alone) -> None:
    alone.keep(5)
    alone.move(5, by_hand=False)  # Reset: other settings may follow
    assert alone.shown == "a0 b0 m0 n0"
    alone.show(5, "a9", "m9", turn=1)
    assert alone.shown == "a9 b0 m9 n0"


def test_before_any_slider_moved_the_kernel_shows_what_it_has(alone: Alone) -> None:
    alone.tell("show", "a1", "m1", at=None, turn=0, known=False, whole=None)
    assert alone.shown == "a1 b0 m1 n0"


def test_a_slider_moved_while_its_first_view_is_on_its_way_turns_by_itself(alone: Alone) -> None:
    alone.show(4, "a4 b4", "m4 n4", turn=1)
    alone.move(5)
    alone.keep(5, turn=1)  # the kernel had begun to hand over: to it nothing else has moved
    alone.keep(6, turn=1)
    alone.show(5, known=True, turn=1)
    alone.move(6)
    assert alone.shown == "a6 b6 m6 n6"


def test_a_slider_moved_before_anything_is_at_hand_turns_by_itself_later(alone: Alone) -> None:
    alone.show(4, "a4 b4", "m4 n4")
    alone.move(5)
    alone.show(5, "a5 b5", "m5 n5", turn=1, whole=ALL)
    alone.keep(6, turn=1)
    alone.move(6)
    alone.move(5)
    assert alone.shown == "a5 b5 m5 n5"


@pytest.mark.parametrize("by_hand", [True, False])
def test_once_another_control_moved_nothing_at_hand_is_shown(alone: Alone, by_hand: bool) -> None:
    alone.keep(5)
    alone.keep(6)
    alone.move(1, by_hand, control="other")
    alone.move(5)
    assert alone.shown == "a0 b0 m0 n0"
    alone.show(6, known=True)  # an answer to the time before still means what it meant
    assert alone.shown == "a6 b6 m6 n6"
    alone.keep(5, turn=1)
    alone.move(5)
    assert alone.shown == "a5 b5 m5 n5"


def test_an_emptied_shelf_is_empty_here_too(alone: Alone) -> None:
    alone.keep(5)
    alone.show(4, turn=1)
    alone.move(5)
    assert alone.shown == "a0 b0 m0 n0"
    alone.keep(6, turn=1)
    alone.keep(6, turn=2)
    alone.keep(7, turn=2)
    alone.move(7)
    alone.move(5)
    assert alone.shown == "a7 b7 m7 n7"


WORDS = (
    '<p class="x">98.3<b title="measured" data-value="98.3">%</b></p>',
    '<p class="x">97.1<b title="estimated" data-value="97.1">%</b></p>',
    '<p>97.1<b data-value="97.1" hidden="">%</b></p>',
    '<p>97.1<i>%</i></p>',
    '<p>97.1<i>%</i></p><p>2</p>',
    '97.1<p>2</p>',
    '',
)  # fmt: skip


def test_numbers_are_what_the_kernel_wrote_and_parts_that_stay_are_not_made_anew(
    alone: Alone,
) -> None:
    box = "document.querySelector('.qlab-readout-main div')"

    def written(html: str) -> bool:
        return alone.page.evaluate(
            """(html) => {
              const message = { do: "show", pictures: [], numbers: { main: html }, turn: 0 };
              model.tell("msg:custom", message, []);
              const now = document.querySelector(".qlab-readout-main div");
              const due = document.createElement("div");
              due.innerHTML = html;
              due.className = now.className;
              return now.isEqualNode(due);
            }""",
            html,
        )

    for html in (*WORDS, *WORDS[::-1]):
        assert written(html), html
    assert written(WORDS[0])
    alone.page.evaluate(f"window.part = {box}.querySelector('b')")
    assert written(WORDS[1])
    assert alone.page.evaluate(f"part === {box}.querySelector('b')")


def test_numbers_that_somebody_else_wrote_are_written_over(alone: Alone) -> None:
    alone.show(4, "", "m4")
    alone.page.evaluate("document.querySelector('.qlab-readout-main div').innerHTML = 'mx'")
    alone.show(4, "", "m4")
    assert alone.shown == "a0 b0 m4 n0"


def test_once_the_kernel_has_answered_only_what_is_new_is_written(alone: Alone) -> None:
    alone.keep(5)
    alone.move(5)
    alone.show(5, known=True)
    alone.page.evaluate("document.querySelector('.qlab-readout-below div').innerHTML = 'nx'")
    alone.show(5, "a5+", "m5+")
    assert alone.shown == "a5+ b5 m5+ nx"


def test_a_number_is_found_however_it_was_rounded_on_its_way(alone: Alone) -> None:
    alone.keep(1.02329299)
    alone.move(10**0.01)
    assert alone.shown.startswith("a1.02329299")
    alone.show(1.02329299, "a9")
    assert alone.shown.startswith("a9")


def test_a_view_of_the_page_that_closes_listens_no_longer(alone: Alone) -> None:
    alone.keep(5)
    alone.page.evaluate("leave()")
    assert alone.page.evaluate(
        "Object.values(controls).every((one) => Object.values(one.heard).every((l) => !l.length))"
    )


def test_before_a_page_that_turns_by_itself_the_kernel_hears_of_the_hand_now_and_then(
    alone: Alone,
) -> None:
    for bits in (4, 5, 6, 7):
        alone.keep(bits)
    alone.stop_the_clock()
    for bits in (4, 5, 6, 7, 6, 5, 4):  # every 20 ms
        alone.move(bits)
        assert alone.shown == f"a{bits} b{bits} m{bits} n{bits}"
        alone.page.clock.run_for(20)
    assert alone.heard == [6]  # the first is heard 90 ms after it, as the hand stands then
    alone.page.clock.run_for(19)
    assert alone.heard == []
    alone.page.clock.run_for(1)  # it has rested for 40 ms
    assert alone.heard == [4]
    alone.page.clock.run_for(1000)
    assert alone.heard == []


def test_a_value_that_is_not_at_hand_is_told_at_once(alone: Alone) -> None:
    alone.keep(5)
    alone.stop_the_clock()
    alone.move(5)
    assert alone.heard == []
    alone.move(6)
    assert alone.heard == [6]
    alone.show(6, "a6")
    alone.move(7)
    assert alone.heard == [7]
    alone.move(5)
    alone.move(1, control="other")
    assert alone.heard == [1]
    alone.page.clock.run_for(1000)
    assert alone.heard == [5]
    alone.page.clock.run_for(1000)
    assert alone.heard == []


@pytest.mark.parametrize(
    ("at", "event"),
    [
        ("button", "new PointerEvent('pointerdown', {bubbles: true})"),
        ("button", "new MouseEvent('click', {bubbles: true})"),
        ("button", "new FocusEvent('focusin', {bubbles: true})"),
        ("button", "new Event('change', {bubbles: true})"),
        ("button", "new KeyboardEvent('keydown', {bubbles: true})"),
        (".noUi-handle", "new PointerEvent('pointerdown', {bubbles: true})"),
        (".noUi-handle", "new KeyboardEvent('keydown', {altKey: true, bubbles: true})"),
    ],
)
def test_before_anything_else_the_kernel_hears_where_the_slider_is(
    alone: Alone, at: str, event: str
) -> None:
    alone.keep(5)
    alone.page.evaluate("void (model.send = (message) => sent.push(message.do))")
    alone.stop_the_clock()
    alone.move(5)
    happens = "document.querySelector('{}').dispatchEvent({})"
    held = "new KeyboardEvent('keydown', {bubbles: true})"
    alone.page.evaluate(happens.format(".noUi-handle", held))
    assert alone.heard == []
    alone.page.evaluate(happens.format(at, event))
    assert alone.heard[0] == 5
    alone.page.clock.run_for(1000)
    assert 5 not in alone.heard


def test_a_view_that_closes_holds_nothing_back(alone: Alone) -> None:
    alone.keep(5)
    alone.move(5)
    alone.page.evaluate("leave()")
    assert alone.heard == [5]
    alone.move(4)
    assert alone.heard == [4]


def test_the_picture_follows_the_hand_while_the_kernel_stands_still(visit: Visit) -> None:
    app = visit("quantize", "bits=4")
    app.measured()
    app.control("bits").locator(".noUi-handle").first.hover()
    app.settle(rest=1)
    accuracy, known = app.value("accuracy"), {}
    pictures = "[...document.querySelectorAll('img.qlab-figure')].map((i) => i.src).join()"
    kernel = app.server.kernels()[app.kernel]
    kernel.send_signal(signal.SIGSTOP)
    try:
        for key in ("ArrowLeft", "ArrowLeft"):
            before = app.page.evaluate(pictures)
            app.press("bits", key)
            until(lambda: app.page.evaluate(pictures) != before, 5)  # noqa: B023
            known[int(app.slider("bits"))] = app.value("accuracy")
        app.choose("rounding", "Down (floor)")
        before = app.page.evaluate(pictures)
        app.press("bits", "ArrowRight")
        app.page.wait_for_timeout(100)
        assert app.page.evaluate(pictures) == before  # nothing of the other rounding
    finally:
        kernel.send_signal(signal.SIGCONT)
    app.settle(rest=1)
    app.choose("rounding", "To nearest, ties to even")
    for bits in (2, 3):
        app.press("bits", "ArrowLeft" if bits == 2 else "ArrowRight")
        assert app.slider("bits") == bits
        assert app.measured() == pytest.approx(known[bits], abs=0.03)  # on 1,000 images, on all
    assert accuracy > known[2]
    app.is_clean()
