"""Quantize in the browser: what stands on the page is what the library computes."""

import functools

import pytest

from qlab import core, data, metrics, networks, ptq, ranges
from tests.e2e.conftest import Visit
from tests.e2e.harness import until


def test_after_a_drag_the_page_shows_the_librarys_accuracy_with_its_interval(visit: Visit) -> None:
    app = visit("quantize", "bits=8&method=mse&granularity=axis")
    app.drag("bits", 0.14)
    bits = int(app.slider("bits"))
    assert 1 < bits < 8
    spec = core.QuantSpec(bits=bits, granularity=core.PerAxis(0))
    small = networks.quantize_weights(networks.load("lenet_300_100"), spec, ranges.mse)
    expected = metrics.accuracy(small.network, data.load("mnist").test)
    assert app.measured() == pytest.approx(expected.value, abs=1e-9)
    shown = app.output("accuracy")
    assert float(shown["low"]) == pytest.approx(expected.low, abs=1e-9)
    assert float(shown["high"]) == pytest.approx(expected.high, abs=1e-9)
    packed = metrics.bytes_packed(small.network, small.qparams).total
    assert app.value("bytes") == packed


def test_an_estimate_is_called_one_and_then_replaced_by_all_images(visit: Visit) -> None:
    app = visit("quantize", "bits=8")
    app.measured()
    app.page.evaluate("""() => {
      window.sources = [];
      new MutationObserver(() => {
        const shown = document.querySelector('output[data-name="accuracy"]').dataset;
        sources.push([shown.source, Number(shown.n)]);
      }).observe(document.querySelector(".qlab-readout"), { subtree: true, attributes: true });
    }""")
    app.choose("rounding", "Down (floor)")
    until(lambda: app.page.evaluate("window.sources.length") > 0)
    app.measured()
    sources = app.page.evaluate("window.sources")
    assert sources[0][0] == "estimated"
    assert 250 <= sources[0][1] < 10_000
    assert sources[-1] == ["measured", 10_000]


def test_fewer_bits_cost_accuracy_and_save_bytes(visit: Visit) -> None:
    app = visit("quantize", "bits=8")
    at_eight, bytes_at_eight = app.measured(), app.value("bytes")
    app.drag("bits", 0.0)
    until(lambda: app.value("bytes") < bytes_at_eight)
    assert app.measured() < at_eight
    assert "beyond noise" in app.page.locator(".qlab-readout").first.inner_text()
    app.is_clean()


def test_a_table_and_a_repair_are_computed_beside_a_page_that_stays_alive(visit: Visit) -> None:
    app = visit("quantize", "layer=fc2&bits=2&method=mse")
    app.page.evaluate("""() => {
      window.told = [];
      const waits = document.querySelector(".qlab-waits");
      const note = () => told.push(waits.textContent);
      new MutationObserver(note).observe(waits, { subtree: true, childList: true });
    }""")
    app.choose("repair", "AdaRound")
    until(lambda: "AdaRound is being computed" in "".join(app.page.evaluate("told")))
    waiting = app.value("bytes")
    app.drag("bits", 0.5)  # the hand moves on, and is answered
    until(lambda: app.value("bytes") > waiting)
    app.drag("bits", 0.067)
    until(lambda: app.value("bytes") == waiting)
    told = app.page.locator(".qlab-waits")
    until(lambda: told.inner_text() == "", 60, "the repair is there")
    method = functools.partial(ptq.adaround, iterations=100)
    net, mnist = networks.load("lenet_300_100"), data.load("mnist")
    bits = core.QuantSpec(bits=2)
    small = networks.repair(net, bits, method, mnist.calibration[:256], ["fc2"])
    assert app.measured() == pytest.approx(metrics.accuracy(small.network, mnist.test).value)
    app.choose("repair", "None")
    app.choose("grid", "Ternary, optimum")
    until(lambda: not app.control("bits").is_visible(), what="two bits are its own")
    assert not app.control("repair").is_visible()
    until(lambda: told.inner_text() == "", 60, "the table is there")
    app.is_clean()


def test_a_range_for_each_image_beats_the_calibrated_one_and_the_whole_model_has_its_bytes(
    visit: Visit,
) -> None:
    app = visit("quantize", "bits=8")
    menu = app.control("input_range")
    assert not menu.is_visible()
    style = "(s) => getComputedStyle(s).backgroundImage"
    assert "url(" in app.control("network").locator("select").evaluate(style)  # a menu's arrow
    app.press("activation_bits", "Home")
    app.press("activation_bits", "ArrowRight")
    until(menu.is_visible, what="the range of activations can be chosen")
    calibrated = app.measured()
    picture = app.page.locator("img.qlab-figure-strips")
    before = picture.screenshot()
    app.choose("input_range", "Per image (dynamic, per row)")
    until(lambda: picture.screenshot() != before, what="the levels move")
    net, mnist = networks.load("lenet_300_100"), data.load("mnist")
    small = networks.quantize_weights(net, core.QuantSpec(bits=8))
    rows = core.QuantSpec(bits=2, signed=False, symmetric=False, granularity=core.PerAxis(0))
    expected = metrics.accuracy(networks.quantize_dynamically(small.network, rows), mnist.test)
    until(lambda: app.measured() == pytest.approx(expected.value, abs=1e-9), 60, "the accuracy")
    assert 1 - calibrated > 4 * (1 - expected.value)
    at_floats = app.value("bytes")
    app.control("whole").locator("input").click()
    until(app.control("bias_bits").is_visible, what="biases have bits")
    codes = networks.bytes_biases(net, core.QuantSpec(bits=8))
    until(lambda: app.value("bytes") == at_floats - small.bytes.biases + codes, what="bytes")
    app.is_clean()
