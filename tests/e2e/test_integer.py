"""The Integer page in Chromium: neurons end where the layer does, and the five steps follow."""

from tests.e2e.conftest import Visit
from tests.e2e.harness import until


def test_a_sum_is_followed_in_every_layer_with_its_five_steps(visit: Visit) -> None:
    app = visit("integer", "network=mlp_784_128_10&layer=fc2&neuron=9&accumulator_bits=20")
    steps = app.page.locator(".qlab-steps")
    handle = app.control("neuron").locator(".noUi-handle").first
    until(lambda: "The five steps of output 9 of fc2" in steps.inner_text())
    assert float(handle.get_attribute("aria-valuemax") or 0) == 9
    app.choose("layer", "fc1")
    until(lambda: "of fc1" in steps.inner_text(), what="the steps follow the layer")
    until(lambda: float(handle.get_attribute("aria-valuemax") or 0) == 127, what="so do neurons")
    app.drag("neuron", 1.0)
    until(lambda: "output 127 of fc1" in steps.inner_text())
    register = app.output("accumulator")["value"]
    assert f"{int(register):,}".replace("-", "−") in steps.inner_text()
    assert app.output("floats")["value"] == "0"
    app.is_clean()


def test_the_end_keys_reach_the_ends_of_a_slider_that_grew(visit: Visit) -> None:
    app = visit("integer", "network=mlp_784_128_10&layer=fc2&neuron=5")
    app.settle()
    for layer, key, neuron in (("fc2", "End", 9), ("fc1", "End", 127), ("fc1", "Home", 0)):
        app.choose("layer", layer)
        app.settle()
        app.press("neuron", key)
        until(lambda at=neuron: app.slider("neuron") == at, what=f"{key} of {layer}")
        steps = app.page.locator(".qlab-steps", has_text=f"output {neuron} of {layer}")
        steps.wait_for()
    app.is_clean()
