"""Questions with the explanation at once: of every option, of a number, or a model answer.

Nothing is punished: any question can be answered again, and the record keeps each answer.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import ipywidgets as ipw

from qlab.course.calibration import figures
from qlab.course.number import read_number
from qlab.course.panel import Panel, alert, box, button, plain, prose, words
from qlab.course.record import record

LONGEST = 5_000  # characters of a text answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A question with options, each of which has its explanation.

    Parameters
    ----------
    question
        Text; `code` between backticks.
    options
        Option to the explanation of why it holds, or why it does not.
    right
        The option that holds.

    Raises
    ------
    ValueError
        Fewer than two options, an option without explanation, a right one that is none of them.
    """

    KIND: ClassVar[str] = "choice"
    question: str
    options: Mapping[str, str]
    right: str

    def __post_init__(self) -> None:
        if len(self.options) < 2 or not all(text.strip() for text in self.options.values()):
            raise ValueError("Item: at least two options, each with an explanation, are expected.")
        if self.right not in self.options:
            raise ValueError(f"Item: right must be one of the options, got {self.right!r}.")

    def field(self) -> Any:
        """Make the place for the answer."""
        return ipw.RadioButtons(options=[(plain(o), o) for o in self.options], value=None)

    def read(self, given: Any) -> str:
        """Return the option chosen; ValueError if there is none."""
        if given not in self.options:
            raise ValueError("Choose one of the answers first.")
        return given

    def holds(self, answer: Any) -> bool | None:
        """Whether an answer is right."""
        return answer == self.right

    def explained(self, answer: Any) -> str:
        """Return all explanations as HTML, the chosen and the right option named in words."""
        lines = []
        for option, why in self.options.items():
            marks = ["right" if option == self.right else "not this"]
            marks += ["your choice"] if option == answer else []
            lines.append(
                f"<li><strong>{prose(option)}</strong> ({', '.join(marks)}): {prose(why)}</li>"
            )
        return f'<ul class="qlab-options">{"".join(lines)}</ul>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A question whose answer is a number.

    Parameters
    ----------
    question
        Text; `code` between backticks.
    right
        The number.
    tolerance
        How far from it is right too; derived, not guessed.
    unit
        Behind it.
    explanation
        How one gets there, shown after the answer.
    """

    KIND: ClassVar[str] = "number"
    question: str
    right: float | int
    tolerance: float | int = 0.0
    unit: str = ""
    explanation: str = ""

    def field(self) -> Any:
        """Make the place for the answer."""
        return ipw.Text(placeholder=f"a number, {self.unit}" if self.unit else "a number")

    def read(self, given: Any) -> float:
        """Return the number typed; ValueError if there is none."""
        return read_number(str(given), self.unit)

    def holds(self, answer: Any) -> bool | None:
        """Whether an answer is within the tolerance, edge included up to rounding."""
        slack = 1e-9 * max(abs(self.right), abs(self.tolerance))
        return bool(abs(answer - self.right) <= self.tolerance + slack)

    def explained(self, answer: Any) -> str:
        """Return the number and how one gets there as HTML."""
        near = f" ± {figures(self.tolerance)}" if self.tolerance else ""
        right = f"{figures(self.right)}{near} {self.unit}".strip()
        return f"<p>It is <strong>{html.escape(right)}</strong>. {prose(self.explanation)}</p>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A question answered in a sentence or two, with a model answer afterwards.

    Parameters
    ----------
    question
        Text; `code` between backticks.
    model
        What a good answer says.
    """

    KIND: ClassVar[str] = "text"
    question: str
    model: str

    def field(self) -> Any:
        """Make the place for the answer."""
        return ipw.Textarea(placeholder="in your own words", rows=3)

    def read(self, given: Any) -> str:
        """Return the text; ValueError if there is none."""
        text = str(given or "").strip()
        if not text:
            raise ValueError("Write a sentence first; the model answer comes afterwards.")
        return text[:LONGEST]

    def holds(self, answer: Any) -> bool | None:
        """Return None: nobody marks a text but its author, beside the model answer."""
        return None

    def explained(self, answer: Any) -> str:
        """Return the model answer as HTML."""
        return f"<p><strong>A model answer.</strong> {prose(self.model)}</p>"


Question = Item | Number | Ask


def quiz(key: str, items: Sequence[Question]) -> "Quiz":
    """Ask a few questions.

    Parameters
    ----------
    key
        Names the quiz in the record: "02.warm-up".
    items
        ``Item``, ``Number`` or ``Ask``; two or three are enough at a time.

    Returns
    -------
    quiz
        A widget; ``parts[i].answer(…)`` answers as its button does.

    Raises
    ------
    ValueError
        No items.
    """
    if not items:
        raise ValueError("quiz: at least one item is expected, got none.")
    return Quiz(key, list(items))


class Quiz(Panel):
    """Questions below one another; made by ``quiz``.

    Parameters
    ----------
    key
        In the record; the items are ``KEY.1``, ``KEY.2`` …
    items
        The questions.
    """

    def __init__(self, key: str, items: Sequence[Question]) -> None:
        self.parts = [Part(f"{key}.{i}", i, item) for i, item in enumerate(items, start=1)]
        super().__init__("qlab-quiz", [part.view for part in self.parts])
        self.hand.names = {f"qlab-item-{p.number}": p.item.question for p in self.parts}
        for part in self.parts:
            part.told = self._tell

    def in_words(self) -> str:
        """Return the questions, and how far they are answered."""
        done = sum(part.answered for part in self.parts)
        asked = " ".join(f"{p.number}. {p.item.question}" for p in self.parts)
        return f"Quiz, {done} of {len(self.parts)} answered: {asked}"

    def _tell(self, sentence: str) -> None:
        self.hand.said = sentence


class Part:
    """One question of a quiz: field, button, explanation.

    Parameters
    ----------
    key
        In the record.
    number
        From 1.
    item
        The question.
    """

    def __init__(self, key: str, number: int, item: Question) -> None:
        self.key, self.number, self.item = key, number, item
        self.answered = False
        self.told: Any = lambda sentence: None
        self.field = item.field()
        self.field.add_class(f"qlab-item-{number}")
        self.field.add_class(f"qlab-answer-{item.KIND}")
        self.note, self.explanation = words("qlab-note"), words("qlab-explanation")
        self.button = button("Answer", "qlab-answer", self._submit, primary=True)
        unit = (
            f" <span>(in {prose(item.unit)})</span>"
            if isinstance(item, Number) and item.unit
            else ""
        )
        asked = f"<p><strong>{number}.</strong> {prose(item.question)}{unit}</p>"
        question = words("qlab-question", asked)
        parts = [question, self.field, self.button, self.note, self.explanation]
        self.view = box("qlab-part", parts)

    def answer(self, given: Any) -> None:
        """Answer, see the explanation, keep the answer.

        Parameters
        ----------
        given
            As typed or chosen.
        """
        try:
            answer = self.item.read(given)
        except ValueError as error:
            self.note.value = alert(str(error))
            return
        self.answered = True
        right = self.item.holds(answer)
        fields = {} if right is None else {"right": right}
        record().add_answer(
            self.key, kind=self.item.KIND, question=self.item.question, answer=answer, **fields
        )
        self.note.value = alert(record().notice)
        said = {True: "Right.", False: "Not yet: read why, and try again.", None: ""}[right]
        css = "qlab-outcome qlab-otherwise" if right is False else "qlab-outcome"
        told = f"<p><strong>{said}</strong></p>" if said else ""
        self.explanation.value = f'<div class="{css}">{told}{self.item.explained(answer)}</div>'
        self.button.description = "Answer again"
        self.told(f"Question {self.number}: {said or 'kept; a model answer is shown.'}")

    def _submit(self) -> None:
        self.answer(self.field.value)
