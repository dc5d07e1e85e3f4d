"""The keys to a picture's marks, as HTML for its caption; a word beside each says the same."""

HOLLOW = (
    '<p class="qlab-caption">Here a point stays hollow until you stop at it: all 10,000 images at '
    "every point would take too long.</p>"
)


def swatch(
    color: str,
    *,
    thin: bool = False,
    round: bool = False,
    ring: bool = False,
    hatched: bool = False,
) -> str:
    """Draw a small square, bar, dot or ring of a colour.

    Examples
    --------
    >>> swatch("#000", thin=True)
    '<span class="qlab-key" style="width:0.25em;background:#000" aria-hidden="true"></span>'
    """
    look = f"border:2px solid {color}" if ring else f"background:{color}"
    if hatched:
        look = f"background:repeating-linear-gradient(135deg,{color} 0 2px,#fff 2px 3px)"
    if round or ring:
        look += ";border-radius:50%"
    width = "width:0.25em;" if thin else ""
    return f'<span class="qlab-key" style="{width}{look}" aria-hidden="true"></span>'


def line(color: str, style: str) -> str:
    """Draw a short line: ``style`` is "solid", "dashed" or "dotted"."""
    return (
        f'<span style="display:inline-block;width:1.6em;border-top:2.5px {style} {color};'
        'vertical-align:0.25em;margin-right:0.3em"></span>'
    )


def mark(color: str, character: str) -> str:
    """Write a character in a colour."""
    return f'<span style="color:{color};font-weight:700" aria-hidden="true">{character}</span> '
