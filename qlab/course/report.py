"""The report: one HTML file with all that a learner did, to print, to keep or to hand in.

Nothing in it asks another file or address for anything: pictures stand inside as data.
"""

import base64
import html
import io
import os
import platform
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

import qlab
from qlab.course.panel import Panel, alert, box, button, table, words
from qlab.course.record import record
from qlab.course.recordfile import write_atomically
from qlab.course.recordview import answer_rows, check_rows, prediction_rows
from qlab.course.results import columns
from qlab.live import Instrument

NAME = "qlab-report.html"
STYLE = Path(__file__).with_name("report.css")


def report(
    *figures: Any, path: str | os.PathLike[str] = NAME, title: str = "What I did in the lab"
) -> "Report":
    """Offer the report behind a button.

    Parameters
    ----------
    *figures
        Instruments and matplotlib figures whose pictures belong in it.
    path
        Where the file is written.
    title
        Of the report.

    Returns
    -------
    report
        A widget; ``write()`` does what its button does.
    """
    return Report(list(figures), Path(path), title)


class Report(Panel):
    """A button that writes the report and offers it for download; made by ``report``.

    Parameters
    ----------
    figures
        Instruments and matplotlib figures.
    path
        Of the file.
    title
        Of the report.
    """

    def __init__(self, figures: list[Any], path: Path, title: str) -> None:
        self.figures, self.path, self.title = figures, path, title
        self.note, self.told = words("qlab-note"), words("qlab-written")
        hint = "One HTML file with predictions, checks, answers, results and pictures"
        self.button = button("Write my report", "qlab-report-write", self.write, hint, primary=True)
        self.save_button = button("Download", "qlab-report-download", self.download)
        self.save_button.disabled = True
        head = words(
            "qlab-head",
            "<h3>Your report</h3><p>One file to keep, print or hand in: what you predicted, "
            "checked, answered and measured.</p>",
        )
        row = box("qlab-buttons", [self.button, self.save_button], row=True)
        super().__init__("qlab-report", [head, row, self.told, self.note])

    def write(self) -> None:
        """Write the file, and say where it is."""
        self.told.value = self.note.value = ""
        try:
            written = write_report(self.path, *self.figures, title=self.title)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self.note.value = alert(f"{self.path.name} could not be written: {reason}.")
            return
        size = f"{written.stat().st_size / 1000:,.0f} kB"
        self.told.value = f"<p>Written: <code>{html.escape(str(written))}</code>, {size}.</p>"
        self.hand.said = f"{written.name} is written."
        self.save_button.disabled = False

    def download(self) -> None:
        """Hand the written file to the page."""
        self.hand.save(self.path.name, "text/html", self.path.read_bytes())

    def in_words(self) -> str:
        """Return where the report goes."""
        return f"Report: {self.path} ({record().summary()})"


def write_report(
    path: str | os.PathLike[str] = NAME, *figures: Any, title: str = "What I did in the lab"
) -> Path:
    """Write the report of the record as one self-contained HTML file.

    Parameters
    ----------
    path
        Of the file; replaced in one step.
    *figures
        Instruments and matplotlib figures.
    title
        Of the report.

    Returns
    -------
    path
        Absolute.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    target = Path(path).expanduser().absolute()
    write_atomically(target, report_html(*figures, title=title))
    return target


def report_html(*figures: Any, title: str) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    *figures
        Instruments and matplotlib figures.
    title
        Of the report.

    Returns
    -------
    html
        Everything from outside escaped; pictures as ``data:``.
    """
    content = record().content
    date = datetime.now().astimezone().strftime("%d %B %Y, %H:%M %Z").strip()
    parts = [
        f'<h1>{html.escape(title)}</h1><p class="quiet">{html.escape(date)}<br>'
        f"{html.escape(versions())}</p>",
        _section("Checks", table("", ["Exercise", "State", "Tries", "When"], check_rows(content))),
        _section(
            "Predictions beside measurements",
            table("", ["Question", "Predicted", "Measured"], prediction_rows(content)),
            f"<p>{html.escape(str(record().calibration()))}</p>",
        ),
        _section("Answers", table("", ["Question", "Answer", "Right"], answer_rows(content))),
        _section("Results", _results(content.get("results", []))),
        _section("Pictures and numbers", "".join(_pictures(f) for f in figures)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def versions() -> str:
    """Return the versions and the machine in words, without anybody's name.

    Returns
    -------
    words
        "qlab 0.1.0, NumPy 2.2.0, Python 3.11.9; Linux on x86_64, 2 cores".
    """
    cores = os.cpu_count() or 1
    return (
        f"qlab {qlab.__version__}, NumPy {np.__version__}, Python {platform.python_version()}; "
        f"{platform.system()} on {platform.machine()}, {cores} core{'' if cores == 1 else 's'}"
    )


def _section(title: str, body: str, more: str = "") -> str:
    shown = body.replace("<caption></caption>", "") or '<p class="quiet">Nothing yet.</p>'
    return f"<section><h2>{title}</h2>{shown}{more if body else ''}</section>"


def _results(entries: Sequence[dict[str, Any]]) -> str:
    tables: dict[str, dict[str, Any]] = {}
    for e in entries:
        if isinstance(e.get("values"), dict):
            tables.setdefault(str(e.get("table", "")), {})[str(e.get("name"))] = e["values"]
    return "".join(table(name, *columns(rows)) for name, rows in tables.items())


def _pictures(shown: Any) -> str:
    if isinstance(shown, Instrument):
        return _instrument(shown)
    out = io.BytesIO()
    shown.savefig(out, format="png", dpi=150, bbox_inches="tight")
    titles = [axes.get_title() for axes in shown.axes if axes.get_title()]
    alt = str(shown.get_label() or "; ".join(titles) or "A figure")
    return _picture(alt, alt, out.getvalue())


def _instrument(instrument: Instrument) -> str:
    instrument.settle(everything=False)
    settings = instrument.state.values().items()
    where = ", ".join(
        f"{instrument.state.settings()[name].label}: {value}" for name, value in settings
    )
    parts = [f'<h3>{html.escape(instrument.TITLE)}</h3><p class="quiet">{html.escape(where)}</p>']
    for figure in instrument.figures.values():
        parts.append(_picture(figure.title, figure.alt, figure.png()))
    rows = [[v.label, v.text, v.interval, v.provenance, v.note] for v in instrument.values.values()]
    header = ["Number", "Value", "Interval", "Source", "Note"]
    return "".join(parts) + table(f"{instrument.TITLE}, numbers", header, rows)


def _picture(caption: str, alt: str, png: bytes) -> str:
    data = base64.b64encode(png).decode("ascii")
    return (
        f'<figure><img alt="{html.escape(alt)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )
