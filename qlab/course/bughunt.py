"""A bug hunt: a known wrong version at work in the instrument, and its symptom the only clue.

Only versions that show are used: those whose pictures differ from the reference's at the setting
in which the hunt begins. Nothing marks where they differ; a look at the reference is allowed.
"""

import html
import zlib
from typing import Any

import ipywidgets as ipw
import numpy as np

from qlab.course.exercise import Exercise, Function
from qlab.course.exercises import exercise
from qlab.course.panel import Panel, alert, box, button, plain, prose, words
from qlab.course.record import record
from qlab.live.instrument import Instrument

NOTHING = "Nothing is wrong here: it does what it should."
REFERENCE = "reference"
SIDES = {"The suspect": "mine", "Reference": "reference"}
STEP = 48  # of 255 by which a pixel must change to be seen
FEWEST = 24  # such pixels: about as many as a letter has

Pixels = dict[str, np.ndarray]


def bughunt(
    name: str, instrument: Instrument, *, mutant: str | None = None, seed: int = 0
) -> "BugHunt":
    """Hide a wrong version in an instrument; the learner names it by what it does.

    Parameters
    ----------
    name
        Of the exercise, for instance "affine.quantize".
    instrument
        At a setting where the bug can show; its controls stay open.
    mutant
        Name of the wrong version; "reference" hides none. None lets the seed choose among those
        that show.
    seed
        Chooses the version and the order of the choices.

    Returns
    -------
    hunt
        A widget; ``answer(sentence)`` answers as its button does.

    Raises
    ------
    ValueError
        No such exercise or version, an instrument without a place for it, or a version that
        cannot be seen at this setting.

    Examples
    --------
    >>> from qlab.live import Distil
    >>> hunt = bughunt("distillation.soft_targets", Distil(temperature=8.0))
    >>> NOTHING in hunt.choices, hunt.solved
    (True, False)
    """
    asked = exercise(name)
    known = [one.name for one in asked.mutants]
    if mutant is not None and mutant not in (*known, REFERENCE):
        raise ValueError(f"bughunt: mutant must be one of {', '.join(known)}, got {mutant!r}.")
    shown = visible(asked, instrument)
    if mutant is None and not shown:
        raise ValueError(
            f"bughunt: no wrong version of {name} shows at this setting. Begin at another one."
        )
    if mutant is not None and mutant not in (*shown, REFERENCE):
        raise ValueError(
            f"bughunt: {mutant} cannot be seen at this setting. It shows: "
            f"{', '.join(shown) or 'none'}."
        )
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    hidden = mutant or str(rng.choice(list(shown)))
    sentences = [one.sentence for one in asked.mutants] + [NOTHING]
    choices = [sentences[i] for i in rng.permutation(len(sentences))]
    return BugHunt(asked, instrument, hidden, choices, shown)


class BugHunt(Panel):
    """The question, the choices, the instrument; made by ``bughunt``.

    Parameters
    ----------
    asked
        The exercise.
    instrument
        Where the suspect works.
    hidden
        Its name.
    choices
        Sentences, in the order shown.
    shown
        What each version that shows looks like.
    """

    def __init__(
        self,
        asked: Exercise,
        instrument: Instrument,
        hidden: str,
        choices: list[str],
        shown: dict[str, Pixels],
    ) -> None:
        self.exercise, self.instrument, self.choices = asked, instrument, choices
        self.solved = False
        self._hidden, self._shown = hidden, shown
        self._sentences = {one.sentence: one.name for one in asked.mutants}
        self._sentences[NOTHING] = REFERENCE
        self._function = _function(asked, hidden)
        self._put("mine")
        self.toggle = ipw.RadioButtons(
            options=list(SIDES.items()), value="mine", orientation="horizontal"
        )
        self.toggle.add_class("qlab-hunt-toggle")
        self.toggle.observe(lambda change: self._turn(change["new"]), "value")
        self.field = ipw.RadioButtons(options=[(plain(c), c) for c in choices], value=None)
        self.field.add_class("qlab-hunt-choices")
        self.button = button("Answer", "qlab-answer", self._submit, primary=True)
        self.note, self.explanation = words("qlab-note"), words("qlab-explanation")
        question = words(
            "qlab-question",
            f"<h3>Bug hunt: <code>{html.escape(asked.name)}</code></h3><p>Somebody else's function "
            "is at work below. Move the controls, watch pictures and numbers, look at the "
            "reference. What would you tell its author?</p>",
        )
        parts = [question, self.toggle, instrument, self.field, self.button]
        super().__init__(
            "qlab-bughunt",
            [*parts, box("qlab-hunt-told", [self.note, self.explanation])],
            {"qlab-hunt-toggle": "Shown", "qlab-hunt-choices": "What would you tell its author?"},
        )
        self.layout.max_width = "1280px"  # as wide as the instrument in it

    def in_words(self) -> str:
        """Return the question and the choices."""
        return f"Bug hunt, {self.exercise.name}: {' / '.join(self.choices)}"

    def answer(self, sentence: str) -> None:
        """Name what is wrong; see whether that is it, and why; the record keeps it.

        Parameters
        ----------
        sentence
            One of ``choices``.
        """
        if sentence not in self.choices:
            self.note.value = alert("Choose one of the answers first.")
            return
        named = self._sentences[sentence]
        right = named == self._hidden
        record().add_answer(
            f"bughunt.{self.exercise.name}",
            kind="bughunt",
            question=f"What is wrong with this {self.exercise.name}?",
            answer=sentence,
            right=right,
        )
        self.note.value = alert(record().notice)
        self.solved = self.solved or right
        said, told = self._told(named, right)
        css = "qlab-outcome" if right else "qlab-outcome qlab-otherwise"
        self.explanation.value = (
            f'<div class="{css}"><p><strong>{said}</strong></p><p>{prose(told)}</p></div>'
        )
        self.hand.said = said
        self.button.description = "Answer again"

    def _told(self, named: str, right: bool) -> tuple[str, str]:
        truth = next(s for s, name in self._sentences.items() if name == self._hidden)
        if right:
            return "Right: that is the bug." if named != REFERENCE else "Right.", truth
        if named in self._shown and _alike(self._shown[named], self._shown.get(self._hidden)):
            return "It would look just like this here.", f"But another one is at work: {truth}"
        return "Not this one.", f"What you saw is this: {truth}"

    def _submit(self) -> None:
        self.answer(self.field.value or "")

    def _put(self, show: str) -> None:
        self.standing = self.instrument.stand_in(
            self.exercise.name, self._function, show=show, marks=False
        )

    def _turn(self, show: str) -> None:
        if self.instrument.standing is self.standing:
            self.standing.again(show)
        else:  # another cell put its function in meanwhile
            self._put(show)


def visible(asked: Exercise, instrument: Instrument) -> dict[str, Pixels]:
    """Find the wrong versions whose pictures differ from the reference's at the present setting.

    Parameters
    ----------
    asked
        The exercise.
    instrument
        Left without a stand-in.

    Returns
    -------
    shown
        Name to the pixels of each picture; in the order of the exercise.

    Raises
    ------
    ValueError
        The instrument has no place for this exercise, or the reference itself does not run in it.
    """
    right = _pictures(asked.name, asked.reference, instrument)
    if right is None:
        trouble = instrument.standing.trouble or instrument.standing.note
        instrument.stand_in(asked.name, None)
        raise ValueError(f"bughunt: {asked.name} is not used at this setting. {trouble}".strip())
    shown = {}
    for one in asked.mutants:
        wrong = _pictures(asked.name, one.function, instrument)
        if wrong is not None and not _alike(wrong, right):
            shown[one.name] = wrong
    instrument.stand_in(asked.name, None)
    return shown


def _pictures(name: str, function: Function, instrument: Instrument) -> Pixels | None:
    """Draw what an instrument shows with a function, unmarked; None where it cannot be shown."""
    standing = instrument.stand_in(name, function, show="mine", marks=False)
    if not standing.works:
        return None
    return {n: f.pixels(instrument.result) for n, f in instrument.figures.items() if f.live}


def _alike(a: Pixels, b: Pixels | None) -> bool:
    """Say whether no picture differs so that an eye would see it."""
    if b is None:
        return False
    far = (np.abs(a[n].astype(np.int16) - b[n]).max(axis=-1) >= STEP for n in a)
    return all(np.count_nonzero(pixels) < FEWEST for pixels in far)


def _function(asked: Exercise, hidden: str) -> Any:
    known = {one.name: one.function for one in asked.mutants}
    return known.get(hidden, asked.reference)
