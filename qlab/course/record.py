"""What a learner predicted, checked and answered: one file that belongs to the learner.

It stands beside the labs as ``qlab-record.json``, or where ``QLAB_RECORD`` says. It can be read,
moved and deleted; nothing in it is sent anywhere. A first prediction is never taken away: the
calibration counts it, and later ones for the same question stand beside it.
"""

import json
import math
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from qlab.course.calibration import Calibration
from qlab.course.headless import headless
from qlab.course.recordfile import FORMAT, Content, RecordFile

NAME = "qlab-record.json"
ABOUT = "What you predicted, checked and answered in the labs. Yours to read, move or delete."

_open: dict[tuple[Path, bool], "Record"] = {}


def record() -> "Record":
    """Return the learner's record: the file that ``QLAB_RECORD`` names, or one in this folder.

    Without a page (``QLAB_HEADLESS=1``) nothing is written unless ``QLAB_RECORD`` names a file.
    """
    named = os.environ.get("QLAB_RECORD", "").strip()
    path = Path(named or NAME).expanduser().absolute()
    path = path / NAME if path.is_dir() else path
    key = (path, bool(named) or not headless())
    return _open.setdefault(key, Record(path, keep=key[1]))


class Record:
    """Predictions, checks, answers, hints and results of one learner.

    Parameters
    ----------
    path
        The JSON file; made with the first entry.
    keep
        False keeps everything in memory.

    Examples
    --------
    >>> mine = Record(Path("nowhere.json"), keep=False)
    >>> mine.add_check("affine.quantize", {"state": "failed", "passed": False})
    >>> mine.add_check("affine.quantize", {"state": "passed", "passed": True})
    >>> mine.checks["affine.quantize"]["tries"], mine.checks["affine.quantize"]["passed"]
    (2, True)
    """

    def __init__(self, path: Path, *, keep: bool = True) -> None:
        self._file = RecordFile(path, keep=keep)

    def __repr__(self) -> str:
        return f"Record({str(self.path)!r}): {self.summary()}"

    @property
    def path(self) -> Path:
        """Where the file is, or would be."""
        return self._file.path

    @property
    def kept(self) -> bool:
        """True where entries go to the file, False where they end with the notebook."""
        return self._file.keep

    @property
    def notice(self) -> str:
        """The last sentence about the file that a learner should read, or nothing."""
        return self._file.notice

    @property
    def content(self) -> Content:
        """Everything, as the file holds it."""
        return self._file.read()

    @property
    def predictions(self) -> list[dict[str, Any]]:
        """All predictions, oldest first."""
        return self.content.get("predictions", [])

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        """The last state of each exercise's check, with the tries and the first success."""
        return self.content.get("checks", {})

    @property
    def answers(self) -> list[dict[str, Any]]:
        """All answers to questions, oldest first."""
        return self.content.get("answers", [])

    @property
    def hints(self) -> list[dict[str, Any]]:
        """The hints and solutions that were opened, each counted."""
        return self.content.get("hints", [])

    @property
    def results(self) -> list[dict[str, Any]]:
        """The rows of the learner's own results."""
        return self.content.get("results", [])

    def calibration(self) -> Calibration:
        """Compare the first prediction for each question with what was measured."""
        return Calibration.of(self.predictions)

    def summary(self) -> str:
        """Count what is there, in words."""
        content = self.content
        passed = sum(1 for entry in content.get("checks", {}).values() if entry.get("passed"))
        return (
            f"{_count(len(content.get('predictions', [])), 'prediction')}, "
            f"{_count(passed, 'check')} passed, "
            f"{_count(len(content.get('answers', [])), 'answer')}"
        )

    def add_check(self, name: str, verdict_json: Any) -> None:
        """Keep how a check ended: one entry an exercise, tries counted.

        Parameters
        ----------
        name
            Of the exercise.
        verdict_json
            What ``Verdict.to_json()`` gives: an object or its text, with ``state``, ``passed``
            and, where a known mistake was recognised, ``mistake``.
        """
        if isinstance(verdict_json, str):
            verdict_json = json.loads(verdict_json)
        fields = {k: plain(verdict_json.get(k)) for k in ("state", "passed", "mistake")}
        when = now()

        def edit(content: Content) -> None:
            entry = _section(content, "checks", {}).setdefault(name, {})
            entry.update(fields, when=when)
            entry["tries"] = _whole(entry.get("tries", 0)) + (fields["state"] != "not started")
            if fields["passed"]:
                entry.setdefault("first_passed", when)

        self._file.change(edit)

    def add_prediction(self, key: str, **fields: Any) -> None:
        """Keep a prediction; earlier ones of the same key stay.

        Parameters
        ----------
        key
            Names the question: "02.bits".
        **fields
            ``question``, ``predicted``, ``measured`` and what ``Calibration.of`` reads.
        """
        self._append("predictions", {"key": key, **fields})

    def add_answer(self, key: str, **fields: Any) -> None:
        """Keep an answer; earlier ones stay.

        Parameters
        ----------
        key
            Names the question: "02.warm-up.1".
        **fields
            ``question``, ``answer``, and ``right`` where there is right and wrong.
        """
        self._append("answers", {"key": key, **fields})

    def add_hint(self, name: str, opened: str) -> None:
        """Count that a hint was opened.

        Parameters
        ----------
        name
            Of the exercise.
        opened
            "hint 1" … "hint 3" or "solution".
        """
        when = now()

        def edit(content: Content) -> None:
            hints = _section(content, "hints", [])
            for entry in hints:
                if (entry.get("name"), entry.get("opened")) == (name, opened):
                    entry.update(times=_whole(entry.get("times", 1)) + 1, when=when)
                    return
            hints.append({"name": name, "opened": opened, "times": 1, "when": when})

        self._file.change(edit)

    def add_result(self, table: str, name: str, values: Mapping[str, Any]) -> None:
        """Keep a row of results; a row of the same table and name is replaced where it stands.

        Parameters
        ----------
        table, name
            Of the row.
        values
            Column to value.
        """
        row = {"table": table, "name": name, "values": plain(dict(values)), "when": now()}

        def edit(content: Content) -> None:
            rows = _section(content, "results", [])
            for entry in rows:
                if (entry.get("table"), entry.get("name")) == (table, name):
                    entry.update(row)
                    return
            rows.append(dict(row))

        self._file.change(edit)

    def delete(self) -> None:
        """Delete the file and everything in it."""
        self._file.delete()

    def show(self) -> Any:
        """Return a widget: where the file is, what is in it, download, delete."""
        from qlab.course.recordview import RecordView

        return RecordView(self)

    def _append(self, section: str, entry: dict[str, Any]) -> None:
        entry = plain({**entry, "when": now()})
        self._file.change(lambda content: _section(content, section, []).append(dict(entry)))


def _section(content: Content, name: str, empty: Any) -> Any:
    content.setdefault("about", ABOUT)
    content.setdefault("format", FORMAT)
    return content.setdefault(name, empty)


def _whole(value: Any) -> int:
    return value if type(value) is int else 0  # a person may have edited it


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def now() -> str:
    """Return this moment as the file writes it."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def plain(value: Any) -> Any:
    """Turn a value into what JSON can say: NumPy's numbers too, the rest as text.

    Parameters
    ----------
    value
        Anything.

    Returns
    -------
    plain
        Dictionaries, lists, text, finite numbers, booleans, None.

    Examples
    --------
    >>> import numpy as np
    >>> plain({"a": np.float32(0.5), 3: (np.arange(2), float("nan"))})
    {'a': 0.5, '3': [[0, 1], 'nan']}
    """
    if hasattr(value, "tolist"):  # a NumPy number or array
        value = value.tolist()
    match value:
        case dict():
            return {str(name): plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case float() if not math.isfinite(value):
            return str(value)
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)
