"""A click on a picture, in Chromium: the kernel learns where, and shows that weight."""

from tests.e2e.conftest import Visit
from tests.e2e.harness import until


def test_a_click_on_a_cell_looks_at_that_weight_and_the_keys_go_on_from_there(
    visit: Visit,
) -> None:
    app = visit("microscope", "granularity=row&bits=3")
    app.settle()
    before = app.value("value")
    picture = app.page.locator("img.qlab-figure-cells")
    box = picture.bounding_box()
    assert box
    # the picture is 408 × 308: cells of 11 pixels begin 50 to the right and 10 down
    x, y = (50 + 11 * 3.5) / 408, (10 + 11 * 2.5) / 308
    picture.click(position={"x": box["width"] * x, "y": box["height"] * y})
    until(lambda: app.value("value") != before)
    at = (24 + 2, 192 + 3)
    until(lambda: (app.slider("row"), app.slider("column")) == at, what="the sliders follow")
    until(lambda: "fc1[26, 195]" in app.page.locator(".qlab-readout-main").inner_text())
    app.press("column", "ArrowRight")
    until(lambda: "fc1[26, 196]" in app.page.locator(".qlab-readout-main").inner_text())
    app.is_clean()
