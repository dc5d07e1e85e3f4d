"""A prediction beside its measurement, as HTML: words first, then a line with both on it."""

import html
from typing import Any

from qlab.course.calibration import figures, hit, missed, within_noise

WIDTH, HEIGHT, EDGE = 420, 64, 16  # of the picture, in pixels


def outcome(predicted: Any, entry: dict[str, Any], calibration: str) -> str:
    """Show what was predicted and what was measured.

    Parameters
    ----------
    predicted
        The learner's answer; None for none.
    entry
        As the record keeps it: ``measured``, ``measured_text``, ``unit``, ``low``, ``high``,
        ``margin``, ``where``, ``n``, ``source``.
    calibration
        One sentence on all predictions so far.

    Returns
    -------
    html
        Everything escaped.
    """
    unit = entry.get("unit", "")
    rows = []
    if predicted is not None:
        said = _said(predicted, entry, unit)
        rows.append(("You said", said))
    where = f", {entry['where']}" if entry.get("where") else ""
    rows.append((f"Measured{where}", _with_source(entry)))
    cells = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(text)}</td></tr>'
        for name, text in rows
    )
    told, well = verdict(predicted, entry)
    css = "qlab-outcome" if well else "qlab-outcome qlab-otherwise"
    line = f'<p class="qlab-verdict"><strong>{html.escape(told)}</strong></p>' if told else ""
    small = f'<p class="qlab-calibration">{html.escape(calibration)}</p>' if calibration else ""
    return (
        f'<div class="{css}"><table class="qlab-beside">{cells}</table>'
        f"{picture(predicted, entry)}{line}{small}</div>"
    )


def verdict(predicted: Any, entry: dict[str, Any]) -> tuple[str, bool]:
    """Say how prediction and measurement compare.

    Parameters
    ----------
    predicted, entry
        As for ``outcome``.

    Returns
    -------
    words, well
        A sentence, and whether it went well.

    Examples
    --------
    >>> verdict(95.0, {"predicted": 95.0, "measured": 83.0, "unit": "%", "optimistic": "high"})
    ('12.0 points too optimistic.', False)
    >>> verdict("rows", {"measured": "columns"})
    ('It turned out otherwise.', False)
    """
    if predicted is None:
        return "", True
    if isinstance(predicted, str):
        right = predicted == entry["measured"]
        return ("That is what was measured." if right else "It turned out otherwise."), right
    words = missed(entry)
    if within_noise(entry):
        return f"{words.capitalize()}: your number lies in the measured interval." if (
            words == "within noise"
        ) else f"{words.capitalize()}.", True
    if hit(entry):
        return f"{words}, within what you gave or took.", True
    return f"{words}.", False


def picture(predicted: Any, entry: dict[str, Any]) -> str:
    """Draw prediction and measurement on one line, or nothing where they are not numbers.

    Parameters
    ----------
    predicted, entry
        As for ``outcome``.

    Returns
    -------
    svg
        A diamond for the prediction, a dot with its interval for the measurement, named in words.
    """
    measured = entry.get("measured")
    if isinstance(predicted, str | None) or isinstance(measured, str | None):
        return ""
    margin, low, high = entry.get("margin") or 0, entry.get("low"), entry.get("high")
    low, high = (measured if low is None else low), (measured if high is None else high)
    least, most = min(predicted - margin, low), max(predicted + margin, high)
    span = (most - least) or abs(most) or 1.0

    def x(value: float | int) -> float:
        return EDGE + (WIDTH - 2 * EDGE) * (0.12 + 0.76 * (value - least) / span)

    def end(value: float | int, name: str, y: int) -> str:
        at = min(max(x(value), 60), WIDTH - 60)
        return f'<text x="{at:.1f}" y="{y}" text-anchor="middle" font-size="12">{name}</text>'

    p, m, up, down = x(predicted), x(measured), 24, 42
    told = f"You said {figures(predicted)}, measured {figures(measured)}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{html.escape(told)}" fill="#1f2933">'
        f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="33" y2="33" stroke="#d5dbe1"/>'
        f'<line x1="{x(predicted - margin):.1f}" x2="{x(predicted + margin):.1f}" y1="{up}" '
        f'y2="{up}" stroke="#a84300" stroke-width="3"/>'
        f'<path d="M{p:.1f} {up - 7}l7 7l-7 7l-7-7z" fill="#a84300"/>'
        f'<line x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{down}" y2="{down}" stroke="#0072b2" '
        f'stroke-width="3"/><circle cx="{m:.1f}" cy="{down}" r="6" fill="#0072b2"/>'
        f"{end(predicted, '◆ you said', 12)}{end(measured, '● measured', 62)}</svg>"
    )


def _said(predicted: Any, entry: dict[str, Any], unit: str) -> str:
    if isinstance(predicted, str):
        return predicted
    said = figures(predicted)
    if entry.get("margin"):
        said += f" ± {figures(entry['margin'])}"
    return f"{said} {unit}".strip()


def _with_source(entry: dict[str, Any]) -> str:
    text = str(entry.get("measured_text", entry.get("measured")))
    n = entry.get("n")
    size = f", n = {n:,}" if isinstance(n, int) and entry.get("source") != "derived" else ""
    return f"{text}; {entry['source']}{size}" if entry.get("source") else text
