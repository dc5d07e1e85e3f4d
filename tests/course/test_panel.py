"""What the widgets of the course are made of."""

import re

import pytest

from qlab.course.panel import CSS, Panel, alert, box, button, prose, table, words

EVIL = "<script>alert(1)</script>"


def luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_a_panel_brings_its_looks_and_its_hooks() -> None:
    panel = Panel("qlab-mine", [words("qlab-a")])
    assert {"qlab-course", "qlab-mine"} <= set(panel._dom_classes)
    assert "qlab-course" in str(panel.hand._css) and "qlab-primary" in str(panel.hand._esm)


def test_a_button_says_what_it_does_and_does_it() -> None:
    pressed: list[int] = []
    made = button("Do it", "qlab-do", lambda: pressed.append(1), primary=True)
    made.click()
    assert pressed == [1]
    assert made.tooltip == "Do it" and set(made._dom_classes) == {"qlab-do", "qlab-primary"}


def test_text_from_outside_is_escaped_everywhere() -> None:
    for page in (alert(EVIL), prose(EVIL), prose(f"`{EVIL}`"), table(EVIL, [EVIL], [[EVIL]])):
        assert "<script" not in page and "&lt;script&gt;" in page


def test_a_table_names_its_columns_and_rows() -> None:
    page = table("Sizes", ["net", "bytes"], [["a", 3]])
    assert '<th scope="col">bytes</th>' in page and '<th scope="row">a</th><td>3</td>' in page


def test_a_box_has_its_class() -> None:
    assert set(box("qlab-b", [], row=True)._dom_classes) == {"qlab-b", "qlab-row"}


@pytest.mark.parametrize("name", ["ink", "grey", "blue", "deep", "red", "green"])
def test_text_colours_have_enough_contrast_on_every_ground(name: str) -> None:
    style = CSS.read_text(encoding="utf-8")
    found = re.search(rf"--{name}: (#\w{{6}})", style)
    assert found is not None
    for ground in ("#ffffff", "#f4f6f8"):
        bright, dark = luminance(ground), luminance(found[1])
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, (name, ground)
