"""The theatre in Chromium: a pointer in the picture and the slider beside it are one control."""

from tests.e2e.conftest import Visit
from tests.e2e.harness import until


def test_dragging_over_the_histogram_moves_the_clip_point_and_keys_go_on_from_there(
    visit: Visit,
) -> None:
    app = visit("calibrate", "bits=2&method=mse")
    app.settle()
    picture = app.page.locator("img.qlab-figure-theatre")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    assert box
    before, mouse, y = app.value("clip"), app.page.mouse, box["y"] + 0.15 * box["height"]
    mouse.move(box["x"] + 0.9 * box["width"], y)
    mouse.down()
    for share in (0.8, 0.7, 0.6):
        mouse.move(box["x"] + share * box["width"], y, steps=3)
    mouse.up()
    percent = round(100 * (0.6 - 0.235) / 0.735 * 1.03)  # where the axes begin, and how far they go
    handle = app.control("clip").locator(".noUi-handle")  # on the page: the choice is by hand now
    until(lambda: handle.is_visible() and abs(app.slider("clip") - percent) <= 1, what="slider")
    until(lambda: app.value("clip") != before and app.value("clipping") > 0, what="numbers")
    dragged = app.value("clip")
    app.press("clip", "ArrowLeft", 3)
    until(lambda: app.value("clip") < dragged, what="keys")
    app.is_clean()
