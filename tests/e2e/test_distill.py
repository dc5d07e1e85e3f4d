"""Distil in the browser: what stands on the page is what the library computes."""

import math
from urllib.parse import parse_qs, urlsplit

import pytest

from qlab import data, networks
from qlab.distillation import entropy, soft_targets
from tests.e2e.conftest import Visit
from tests.e2e.harness import until

NEARING = """() => {
  window.heard = [];
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (frame) {
    const text = typeof frame === "string" ? frame : new TextDecoder().decode(frame);
    if (text.includes('"do":"near"')) heard.push(text.match(/"name":"(\\w*)"/)[1]);
    return send.call(this, frame);
  };
}"""


def test_after_a_drag_the_page_shows_the_librarys_entropy(visit: Visit) -> None:
    app = visit("distill", "temperature=1&image=3")
    before = app.value("entropy_teacher")
    app.drag("temperature", 0.6)
    until(lambda: app.value("entropy_teacher") > before)
    app.settle(rest=1)  # then the address holds the state
    T = float(parse_qs(urlsplit(app.page.url).query)["temperature"][0])
    assert 2 < T < 30
    image = data.load("mnist").test.images[3:4]
    logits = networks.load("teacher_1200").predict(image)
    bits = float(entropy(soft_targets(logits, T))[0]) / math.log(2)
    assert app.value("entropy_teacher") == pytest.approx(bits, rel=1e-6)


def test_the_error_of_a_student_was_measured_on_all_test_images(visit: Visit) -> None:
    app = visit("distill")
    app.settle()
    shown = app.output("error")
    assert shown["source"] in ("measured", "cited")  # here, or by the grid of the zoo
    assert int(shown["n"]) % 10_000 == 0
    assert float(shown["low"]) < float(shown["value"]) < float(shown["high"])


def test_the_page_says_to_which_slider_a_hand_comes_and_nothing_while_it_drags(
    visit: Visit,
) -> None:
    app = visit("distill")
    app.settle()
    app.page.evaluate(NEARING)
    app.control("temperature").hover()
    app.control("temperature").locator(".widget-label").hover()  # still the same control
    app.control("alpha").locator(".noUi-handle").focus()
    app.control("student").hover()  # a menu
    app.control("alpha").hover()
    app.control("alpha").locator(".noUi-handle").hover()
    app.page.mouse.down()
    app.control("temperature").locator(".widget-label").hover(force=True)
    app.control("alpha").locator(".widget-label").hover(force=True)
    app.page.mouse.up()
    assert app.page.evaluate("heard.splice(0)") == ["temperature", "alpha", "alpha"]
    app.settle()
    menu = app.control("student").locator("select")
    menu.select_option(index=1)
    app.page.locator(".qlab-figures").first.hover()  # to look at what it did
    assert app.page.evaluate("heard") == []
    app.control("student").locator(".widget-label").hover()  # back among the controls
    app.control("student").locator("select").hover()
    assert app.page.evaluate("heard") == [""]
    app.settle()
    assert not app.errors
