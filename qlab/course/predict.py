"""Predict first, then see: a question that stands before an instrument.

The instrument's controls and results stay closed until the question is answered, or passed with
"Show anyway". Then the instrument goes to the settings asked about, measures with all its images,
and the prediction stands beside the measurement with its interval. Nobody looks: nothing blocks.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as ipw

from qlab.course.beside import outcome
from qlab.course.calibration import hit
from qlab.course.headless import headless
from qlab.course.lock import lock_of
from qlab.course.measurement import SCALES, Measurement, measurement
from qlab.course.number import read_number
from qlab.course.panel import Panel, alert, box, button, plain, prose, words
from qlab.course.record import record
from qlab.live import Choice, Flag, Instrument, Real, Whole

Reads = str | Callable[[Any], Any]
Limits = tuple[float | int, float | int]


def predict(
    key: str,
    question: str,
    instrument: Instrument,
    *,
    at: Mapping[str, Any] | None = None,
    reads: Reads = "accuracy",
    choices: Sequence[str] | None = None,
    unit: str = "",
    between: Limits | None = None,
    optimistic: str | None = None,
    where: str | None = None,
) -> "Prediction":
    """Ask before the instrument opens.

    Parameters
    ----------
    key
        Names the question in the record: "02.three-bits".
    question
        One or two sentences; `code` between backticks.
    instrument
        Closed until the answer, or "Show anyway".
    at
        The settings that are asked about; the others stay as they are.
    reads
        Name of one of the instrument's numbers, or a function of the instrument that returns a
        number, a ``Value`` or a ``Measured``; with ``choices`` one that returns which holds.
    choices
        The answers to choose from; None asks for a number.
    unit
        Behind the number; that of the instrument's number if nothing is said.
    between
        Least and greatest number that make sense; 0 to 100 for a percentage.
    optimistic
        "high" where too high a number is too optimistic (accuracy), "low" for the opposite,
        "" for neither.
    where
        The settings in words; written from ``at`` if nothing is said.

    Returns
    -------
    prediction
        A widget; ``answer(…)`` and ``show_anyway()`` do what its buttons do.

    Raises
    ------
    ValueError
        Settings that the instrument does not have, a number it does not show, choices without
        a function that finds the right one.
    """
    _check(instrument, dict(at or {}), reads, choices)
    if isinstance(reads, str):
        unit = unit or SCALES.get(instrument.values[reads].form, (1.0, ""))[1]
    if optimistic is None:
        optimistic = "high" if reads == "accuracy" else ""
    if between is None:
        between = (0, 100) if unit == "%" else (-math.inf, math.inf)
    where = _where(instrument, dict(at or {})) if where is None else where
    asked: dict[str, Any] = {
        "key": key,
        "question": question,
        "unit": unit,
        "optimistic": optimistic,
    }
    asked |= {"at": dict(at or {}), "where": where}
    return Prediction(instrument, asked, reads, None if choices is None else [*choices], between)


class Prediction(Panel):
    """A question with its answer and what was measured; made by ``predict``.

    Parameters
    ----------
    instrument
        That measures.
    asked
        What the record keeps of the question.
    reads
        Name of a number, or a function of the instrument.
    choices
        None for a number.
    between
        Limits of the number.
    """

    def __init__(
        self,
        instrument: Instrument,
        asked: dict[str, Any],
        reads: Reads,
        choices: list[str] | None,
        between: Limits,
    ) -> None:
        self.instrument, self.choices = instrument, choices
        self._asked, self._reads, self._between = asked, reads, between
        self.entry: dict[str, Any] | None = None  # the answer on show
        self._seen = False  # the measurement was on show before this answer
        self.note, self.outcome = words("qlab-note"), words("qlab-told")
        self.fields = self._fields()
        self.answer_button = button("Answer", "qlab-answer", self._submit, primary=True)
        self.show_button = button(
            "Show anyway", "qlab-show-anyway", self.show_anyway, "Open without an answer"
        )
        self.again_button = button(
            "Answer again", "qlab-again", self.again, "Your first answer stays in the record"
        )
        buttons = [self.answer_button, self.show_button, self.again_button]
        head = words("qlab-question", f"<h3>Predict</h3><p>{prose(asked['question'])}</p>")
        row = box("qlab-fields", self.fields, row=choices is None)
        parts = [head, row, box("qlab-buttons", buttons, row=True), self.note, self.outcome]
        names = {"qlab-predicted": "Your prediction", "qlab-margin": "Give or take, if you like"}
        super().__init__("qlab-predict", parts, names | {"qlab-choice": asked["question"]})
        self._begin()

    # -- what a learner does ---------------------------------------------------------

    def answer(self, value: str | float | int, margin: str | float | int = "") -> None:
        """Answer, measure, show both, and keep them.

        Parameters
        ----------
        value
            One of the choices, or the number as typed.
        margin
            What the learner gives or takes; nothing for none.
        """
        self.note.value = ""
        try:
            given = self._given(str(value), str(margin))
            found = self._measured()
        except ValueError as error:
            self.note.value = alert(str(error))
            return
        self.entry = {**self._asked, **given, **found.fields(), "seen": self._seen}
        if self.choices is not None:
            self.entry["right"] = given["predicted"] == found.value
        else:
            self.entry["hit"] = hit(self.entry)
        fields = {name: value for name, value in self.entry.items() if name != "key"}
        record().add_prediction(self._asked["key"], **fields)
        self._open()

    def show_anyway(self) -> None:
        """Open the instrument and show the measurement without an answer."""
        self.note.value = ""
        try:
            found = self._measured()
        except ValueError as error:
            self.note.value = alert(str(error))
        else:
            self.outcome.value = outcome(None, {**self._asked, **found.fields()}, "")
            self.hand.said = f"Measured: {found.text}."
        self._seen = True
        self.show_button.disabled = True
        lock_of(self.instrument).release(self._asked["key"])

    def again(self) -> None:
        """Ask once more; the answers given stay in the record."""
        self.entry, self._seen = None, True
        self.outcome.value = self.note.value = ""
        self._enable(True)
        self.show_button.disabled = True

    @property
    def answered(self) -> bool:
        """True while an answer is on show."""
        return self.entry is not None

    def in_words(self) -> str:
        """Return question, answer and measurement as plain text."""
        question = self._asked["question"]
        if self.entry is None:
            return f"Predict: {question} (not answered)"
        e = self.entry
        measured = e.get("measured_text", e.get("measured"))
        return f"Predict: {question} You said {e['predicted']}, measured: {measured}."

    # -- inside ----------------------------------------------------------------------

    def _fields(self) -> list[Any]:
        if self.choices is not None:
            self.choice: Any = ipw.RadioButtons(
                options=[(plain(c), c) for c in self.choices], value=None
            )
            self.choice.add_class("qlab-choice")
            return [self.choice]
        self.number: Any = ipw.Text(placeholder="your number")
        self.margin: Any = ipw.Text(placeholder="optional")
        self.number.add_class("qlab-predicted")
        self.margin.add_class("qlab-margin")
        unit = words("qlab-unit", prose(self._asked["unit"]))
        return [self.number, unit, words("qlab-give-or-take", "give or take"), self.margin]

    def _begin(self) -> None:
        """Close the instrument, unless nobody looks or this question was answered before."""
        self._enable(True)
        key, question = self._asked["key"], self._asked["question"]
        lock_of(self.instrument).release(key)
        if headless():
            return
        before = [
            e
            for e in record().predictions
            if (e.get("key"), e.get("question"), e.get("where")) == (key, question, self._where)
            and _whole(e, str if self.choices is not None else float)
        ]
        if before:
            self.entry = before[-1]
            self._open()
        else:
            lock_of(self.instrument).hold(key, question)

    @property
    def _where(self) -> str:
        return self._asked["where"]

    def _submit(self) -> None:
        if self.choices is None:
            self.answer(self.number.value, self.margin.value)
        else:
            self.answer(self.choice.value or "")

    def _given(self, value: str, margin: str) -> dict[str, Any]:
        if self.choices is not None:
            if value not in self.choices:
                raise ValueError("Choose one of the answers first.")
            return {"predicted": value}
        unit = self._asked["unit"]
        number = read_number(value, unit, self._between, example=_example(self._between))
        if not margin.strip():
            return {"predicted": number}
        return {"predicted": number, "margin": read_number(margin, unit, (0, math.inf), 2)}

    def _measured(self) -> Measurement:
        """Set the instrument to what is asked about, and measure there with everything it has."""
        instrument = self.instrument
        refused = instrument.state.offer(self._asked["at"])
        if refused:
            raise ValueError(" ".join(refused))
        instrument.settle(everything=False)
        if not instrument.settled:
            raise ValueError(instrument.message or "The instrument could not measure this.")
        try:
            if isinstance(self._reads, str):
                found = measurement(instrument.values[self._reads], self._asked["unit"])
            else:
                found = measurement(self._reads(instrument), self._asked["unit"])
        except Exception as error:
            raise ValueError(
                f"This could not be measured ({type(error).__name__}: {error})."
            ) from error
        if self.choices is not None and found.value not in self.choices:
            raise ValueError(f"The measurement fits none of the answers: {found.text}.")
        return found

    def _open(self) -> None:
        """Show the answer beside the measurement, and let go of the instrument."""
        assert self.entry is not None
        calibration = str(record().calibration())
        self.outcome.value = outcome(self.entry["predicted"], self.entry, calibration)
        self.hand.said = f"{self.in_words()} {calibration}"
        self.note.value = alert(record().notice)
        self._enable(False)
        lock_of(self.instrument).release(self._asked["key"])

    def _enable(self, open_: bool) -> None:
        fields = [self.choice] if self.choices is not None else [self.number, self.margin]
        for widget in (*fields, self.answer_button, self.show_button):
            widget.disabled = not open_
        self.again_button.disabled = open_


def _check(
    instrument: Instrument, at: dict[str, Any], reads: Reads, choices: Sequence[str] | None
) -> None:
    settings = instrument.state.settings()
    for name, value in at.items():
        if name not in settings:
            raise ValueError(
                f"predict: at must name settings of the instrument, got {name!r}. "
                f"There are {', '.join(settings)}."
            )
        try:
            settings[name].accepts(value)
        except ValueError:
            raise ValueError(
                f"predict: {name} must be {settings[name].expected}, got {value!r}."
            ) from None
    if isinstance(reads, str) and choices is not None:
        raise ValueError(
            f"predict: with choices, reads must be a function that returns one, got {reads!r}."
        )
    if isinstance(reads, str) and reads not in instrument.values:
        raise ValueError(
            f"predict: reads must name a number of the instrument, got {reads!r}. "
            f"There are {', '.join(instrument.values)}."
        )


def _where(instrument: Instrument, at: dict[str, Any]) -> str:
    """Say settings in words: "3 bits", "sparsity 0.9, random"."""
    said = []
    for name, value in at.items():
        setting = instrument.state.settings()[name]
        match setting:
            case Whole() if name == "bits":
                said.append(f"{value} bit{'' if value == 1 else 's'}")
            case Whole() | Real():
                said.append(f"{setting.label} {value}{getattr(setting, 'unit', '')}")
            case Choice():
                said.append(f"{setting.label}: {setting.options[value]}")
            case Flag():
                said.append(setting.label if value else f"not {setting.label}")
    return ", ".join(said)


def _whole(entry: dict[str, Any], kind: type) -> bool:
    """Whether an entry of the record, which anybody may have edited, can be shown."""
    needed: list[Any] = [entry.get("predicted"), entry.get("measured")]
    if kind is str:
        return all(isinstance(value, str) for value in needed)
    needed += [entry[name] for name in ("low", "high", "margin", "n") if name in entry]
    return all(type(value) in (int, float) and math.isfinite(value) for value in needed)


def _example(between: Limits) -> float | int:
    low, high = between
    if math.isfinite(low) and math.isfinite(high):
        return round(low + 0.42 * (high - low), 1)
    return 12.5
