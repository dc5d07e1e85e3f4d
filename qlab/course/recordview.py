"""The learner's file on show: where it is, what is in it, and two buttons."""

import html
import json
from typing import TYPE_CHECKING, Any

from qlab.course.calibration import figures
from qlab.course.panel import Panel, alert, box, button, table, words

if TYPE_CHECKING:
    from qlab.course.record import Record


class RecordView(Panel):
    """Path, tables, download, delete with a second question; made by ``Record.show``.

    Parameters
    ----------
    record
        Whose file.
    """

    def __init__(self, record: "Record") -> None:
        self.record = record
        self.note, self.content = words("qlab-note"), words("qlab-content")
        self.download_button = button("Download", "qlab-download", self.download)
        self.refresh_button = button("Refresh", "qlab-refresh", self.refresh)
        self.delete_button = button("Delete …", "qlab-delete", self._ask)
        self.sure_button = button("Yes, delete my record", "qlab-delete-sure", self.delete)
        self.keep_button = button("Keep it", "qlab-keep", self.refresh)
        asked = [self.delete_button, self.sure_button, self.keep_button]
        row = box("qlab-buttons", [self.download_button, self.refresh_button, *asked], row=True)
        super().__init__("qlab-record", [self.content, row, self.note])
        self.refresh()

    def refresh(self) -> None:
        """Show the file as it is now."""
        self.content.value = tables(self.record)
        self.note.value = alert(self.record.notice)
        self._doubt(False)

    def download(self) -> None:
        """Hand the file to the page."""
        text = json.dumps(self.record.content, indent=2, ensure_ascii=False)
        self.hand.save(self.record.path.name, "application/json", text.encode())

    def delete(self) -> None:
        """Delete the file: the second of two clicks."""
        self.record.delete()
        self.refresh()
        if not self.record.notice:
            self.hand.said = "Your record is deleted."

    def in_words(self) -> str:
        """Return path and counts."""
        return f"Your record: {self.record.path} ({self.record.summary()})"

    def _ask(self) -> None:
        sentence = f"Delete {self.record.path.name} and all that is in it? This cannot be undone."
        self.note.value = alert(sentence)
        self._doubt(True)

    def _doubt(self, asking: bool) -> None:
        self.delete_button.disabled = asking
        for widget in (self.sure_button, self.keep_button):
            widget.disabled = not asking
            widget.layout.display = None if asking else "none"


def tables(record: "Record") -> str:
    """Return a record's path and content as HTML.

    Parameters
    ----------
    record
        Read now; everything in it is escaped.
    """
    content = record.content
    kept = (
        "Nobody else sees it; nothing is sent. You may move it or delete it."
        if record.kept
        else "Nothing is written now: entries end with this notebook."
    )
    parts = [
        f"<h3>Your record</h3><p><code>{html.escape(str(record.path))}</code><br>{kept}</p>",
        f"<p>{html.escape(record.summary())}. {html.escape(str(record.calibration()))}</p>",
        table("Checks", ["Exercise", "State", "Tries", "When"], check_rows(content)),
        table("Predictions", ["Question", "You said", "Measured"], prediction_rows(content)),
        table("Answers", ["Question", "Your answer", "Right"], answer_rows(content)),
        table(
            "Hints opened",
            ["Exercise", "What", "Times"],
            [[e.get("name"), e.get("opened"), e.get("times")] for e in content.get("hints", [])],
        ),
    ]
    return "".join(parts)


def check_rows(content: dict[str, Any]) -> list[list[Any]]:
    """List exercises with the state of their last check.

    Parameters
    ----------
    content
        Of a record.

    Returns
    -------
    rows
        Name, state, tries, when.
    """
    rows = []
    for name, e in content.get("checks", {}).items():
        state = str(e.get("state", ""))
        if e.get("first_passed") and not e.get("passed"):
            state += ", passed before"
        rows.append([name, state, e.get("tries", ""), e.get("when", "")])
    return rows


def prediction_rows(content: dict[str, Any]) -> list[list[Any]]:
    """List predictions beside their measurements.

    Parameters
    ----------
    content
        Of a record.

    Returns
    -------
    rows
        Question with its settings, what was said, what was measured.
    """
    rows = []
    for e in content.get("predictions", []):
        where = f" ({e['where']})" if e.get("where") else ""
        margin = f" ± {_number(e['margin'])}" if e.get("margin") else ""
        unit = f" {e['unit']}" if e.get("unit") and not isinstance(e.get("predicted"), str) else ""
        measured = e.get("measured_text", e.get("measured", ""))
        said = f"{_number(e.get('predicted', ''))}{margin}{unit}"
        rows.append([f"{e.get('question', e.get('key', ''))}{where}", said, measured])
    return rows


def _number(value: Any) -> str:
    return figures(value) if type(value) in (int, float) else str(value)


def answer_rows(content: dict[str, Any]) -> list[list[Any]]:
    """List answers to questions.

    Parameters
    ----------
    content
        Of a record.

    Returns
    -------
    rows
        Question, answer, and "yes" or "not yet" where there is right and wrong.
    """
    said = {True: "yes", False: "not yet"}
    return [
        [
            e.get("question", e.get("key", "")),
            _number(e.get("answer", "")),
            said.get(e.get("right"), ""),
        ]
        if isinstance(e.get("right"), bool | None)
        else [e.get("question", ""), e.get("answer", ""), ""]
        for e in content.get("answers", [])
    ]
