import io

import numpy as np
from PIL import Image

from qlab.live import Figure


def slope(key=lambda r: r, **more):
    counts = {"draw": 0, "stage": 0}
    art = {}

    def build(figure):
        art["ax"] = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        (art["line"],) = art["ax"].plot([0, 1], [0, 1], lw=3)
        return [art["line"]]

    def draw(result):
        counts["draw"] += 1
        art["line"].set_data([0, 1], [0, result[1]])

    def stage(result):
        counts["stage"] += 1
        art["ax"].set(xlim=(0, 1), ylim=(0, result[0]))

    figure = Figure(
        "slope",
        "A slope",
        size=(200, 100),
        build=build,
        draw=draw,
        stage=stage,
        key=key,
        scene=lambda r: r[0],
        **more,
    )
    return figure, counts


def pixels(frame):
    return np.asarray(Image.open(io.BytesIO(bytes(frame))).convert("RGB"))


def test_equal_keys_in_two_scenes_are_two_frames():
    figure, _ = slope(key=lambda r: r[1])
    assert figure.frame((1, 0.5)) != figure.frame((2, 0.5))


def test_a_blitted_frame_equals_a_full_redraw():
    figure, _ = slope()
    for result in ((1, 0.2), (1, 0.9), (5, 3.0), (1, 0.5)):
        figure.show(result)
        fresh, _ = slope()
        np.testing.assert_array_equal(pixels(figure.image.value), pixels(fresh.frame(result)))


def test_a_frame_seen_before_is_not_drawn_again():
    figure, counts = slope()
    for result in ((1, 0.2), (1, 0.9), (1, 0.2), (1, 0.9)):
        figure.show(result)
    assert counts == {"draw": 2, "stage": 1}


def test_frames_are_lossless():
    figure, _ = slope()
    figure.show((1, 0.7))
    np.testing.assert_array_equal(pixels(figure.image.value), figure.pixels()[..., :3])


def test_equal_keys_send_nothing():
    figure, _ = slope()
    figure.show((1, 0.7))
    sent = []
    figure.image.observe(sent.append, "value")
    figure.show((1, 0.7))
    assert sent == []


def test_a_sharp_frame_has_twice_the_pixels_and_says_what_it_shows():
    figure, _ = slope(describe=lambda r: f"rises to {r[1]}")
    figure.show((1, 0.7))
    figure.sharpen(2)
    assert pixels(figure.image.value).shape == (200, 400, 3)
    assert figure.alt == "rises to 0.7"
    figure.show((1, 0.8))
    assert pixels(figure.image.value).shape == (100, 200, 3)


def test_downloads_hold_the_moving_part_and_leave_the_view_as_it_was():
    figure, _ = slope()
    figure.show((1, 0.7))
    before = pixels(figure.image.value)
    assert b"A slope" in figure.svg() and figure.png().startswith(b"\x89PNG")
    blue = np.asarray(Image.open(io.BytesIO(figure.png())).convert("RGB"))
    assert ((blue[..., 2] > 150) & (blue[..., 0] < 80)).any()
    np.testing.assert_array_equal(pixels(figure.frame((1, 0.7))), before)
    figure.show((1, 0.4))
    fresh, _ = slope()
    np.testing.assert_array_equal(pixels(figure.image.value), pixels(fresh.frame((1, 0.4))))
