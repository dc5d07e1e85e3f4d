"""All pictures of an instrument on one sheet, as pixels or as vectors, for a download."""

import io
import re
from collections.abc import Sequence

from PIL import Image

from qlab.live.figure import Figure

GAP = 24  # pixels of paper around each picture


def png_sheet(figures: Sequence[Figure]) -> bytes:
    """Put the shown pictures below one another, two in a row, at twice the density.

    Parameters
    ----------
    figures
        As an instrument lists them.

    Returns
    -------
    bytes
        One PNG file.
    """
    pictures = [Image.open(io.BytesIO(figure.png())).convert("RGB") for figure in figures]
    places, width, height = _places([p.size for p in pictures])
    sheet = Image.new("RGB", (round(width), round(height)), "white")
    for picture, (x, y) in zip(pictures, places, strict=True):
        sheet.paste(picture, (round(x), round(y)))
    out = io.BytesIO()
    sheet.save(out, "PNG", optimize=True)
    return out.getvalue()


def svg_sheet(figures: Sequence[Figure]) -> bytes:
    """Put the shown pictures below one another, two in a row, as one SVG file.

    Parameters
    ----------
    figures
        As an instrument lists them.

    Returns
    -------
    bytes
        One SVG file whose text stays text.
    """
    bodies, sizes = [], []
    for i, figure in enumerate(figures):
        text = figure.svg().decode()
        body = text[text.index("<svg") :]
        found = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', body)
        assert found is not None, "matplotlib writes the size of an SVG in points"
        sizes.append((float(found[1]), float(found[2])))
        for mark in ('id="', 'href="#', "url(#"):  # ids are unique within one file only
            body = body.replace(mark, f"{mark}f{i}-")
        bodies.append(body)
    places, width, height = _places(sizes)
    inner = "".join(
        body.replace("<svg ", f'<svg x="{x:.1f}" y="{y:.1f}" ', 1)
        for body, (x, y) in zip(bodies, places, strict=True)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}">'
        f'<rect width="100%" height="100%" fill="#fff"/>{inner}</svg>'
    ).encode()


def _places(
    sizes: Sequence[tuple[float | int, float | int]],
) -> tuple[list[tuple[float | int, float | int]], float, float]:
    """Lay rectangles out two in a row: their places, and the sheet's width and height."""
    places, width, y = [], 0.0, float(GAP)
    for i in range(0, len(sizes), 2):
        x = float(GAP)
        for w, _ in sizes[i : i + 2]:
            places.append((x, y))
            x += w + GAP
        width, y = max(width, x), y + max(h for _, h in sizes[i : i + 2]) + GAP
    return places, width, y
