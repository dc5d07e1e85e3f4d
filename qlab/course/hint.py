"""Three hints and the solution of an exercise, each behind its button. Nothing is taken off."""

import html
import inspect
import io
import keyword
import textwrap
import tokenize
from functools import partial

from qlab.course.exercises import exercise
from qlab.course.panel import Panel, alert, box, button, prose, words
from qlab.course.record import record


def hint(name: str) -> "Hints":
    """Offer the hints of an exercise, one after another, then its solution.

    Parameters
    ----------
    name
        Of the exercise: "affine.quantize".

    Returns
    -------
    hints
        A widget; ``reveal(1)`` to ``reveal(3)`` do what its buttons do, ``reveal(4)`` solves it.

    Raises
    ------
    ValueError
        No exercise has that name.
    """
    return Hints(name)


def solution(name: str) -> "Solution":
    """Offer the reference of an exercise.

    Parameters
    ----------
    name
        Of the exercise.

    Returns
    -------
    solution
        A widget; ``reveal()`` does what its button does.

    Raises
    ------
    ValueError
        No exercise has that name.
    """
    return Solution(name)


class Hints(Panel):
    """Buttons for three hints and the solution; each opens the next one.

    Parameters
    ----------
    name
        Of the exercise.
    """

    def __init__(self, name: str) -> None:
        self.exercise = exercise(name)
        self.opened = 0
        self.shown, self.note = words("qlab-hints"), words("qlab-note")
        labels = [f"Hint {i}" for i in (1, 2, 3)] + ["Solution"]
        self.buttons = [
            button(label, f"qlab-{label.lower().replace(' ', '-')}", partial(self.reveal, i))
            for i, label in enumerate(labels, start=1)
        ]
        head = words(
            "qlab-head",
            f"<h3>Stuck? {html.escape(self.exercise.title)}</h3>"
            '<p class="qlab-small">Hints cost nothing. They are counted, for you alone.</p>',
        )
        row = box("qlab-buttons", self.buttons, row=True)
        super().__init__("qlab-hint", [head, row, self.shown, self.note])
        self._enable()

    def reveal(self, number: int) -> None:
        """Show a hint, or the solution.

        Parameters
        ----------
        number
            1, 2, 3, or 4 for the solution; at most one further than was opened before.

        Raises
        ------
        ValueError
            Another number.
        """
        if not 1 <= number <= min(4, self.opened + 1):
            raise ValueError(
                f"reveal: a number from 1 to {min(4, self.opened + 1)} is expected, got {number}."
            )
        record().add_hint(self.exercise.name, f"hint {number}" if number < 4 else "solution")
        self.opened = max(self.opened, number)
        hints = self.exercise.hints[: self.opened]
        lines = [f"<li><strong>Hint {i}.</strong> {prose(h)}</li>" for i, h in enumerate(hints, 1)]
        code = source(self.exercise.name) if self.opened == 4 else ""
        self.shown.value = f'<ul class="qlab-options">{"".join(lines)}</ul>{code}'
        self.note.value = alert(record().notice)
        self.hand.said = "The solution is shown." if number == 4 else hints[number - 1]
        self._enable()

    def in_words(self) -> str:
        """Return what is open."""
        shown = self.exercise.hints[: self.opened]
        return " ".join([f"Hints for {self.exercise.name}: {len(shown)} of 3 open.", *shown])

    def _enable(self) -> None:
        for i, one in enumerate(self.buttons, start=1):
            one.disabled = i > self.opened + 1


class Solution(Panel):
    """The source of an exercise's reference, behind a button.

    Parameters
    ----------
    name
        Of the exercise.
    """

    def __init__(self, name: str) -> None:
        self.exercise = exercise(name)
        title = f"<h3>A solution: {html.escape(self.exercise.title)}</h3>"
        self.button = button("Show it", "qlab-solution-show", self.reveal)
        self.shown = words("qlab-source")
        super().__init__("qlab-solution", [words("qlab-head", title), self.button, self.shown])

    def reveal(self) -> None:
        """Show the source."""
        record().add_hint(self.exercise.name, "solution")
        self.shown.value = source(self.exercise.name)
        self.button.disabled = True
        self.hand.said = "The solution is shown."

    def in_words(self) -> str:
        """Return the source once it is shown."""
        code = code_of(self.exercise.reference) if self.shown.value else "(not shown)"
        return f"A solution of {self.exercise.name}:\n{code}"


def source(name: str) -> str:
    """Return the source of an exercise's reference as HTML.

    Parameters
    ----------
    name
        Of the exercise.
    """
    code = code_of(exercise(name).reference)
    return f'<pre tabindex="0" aria-label="Solution"><code>{highlighted(code)}</code></pre>'


def code_of(function: object) -> str:
    """Return the source of a function, or a sentence where there is none.

    Parameters
    ----------
    function
        Written in a file, if all is well.

    Examples
    --------
    >>> code_of(len)
    '# The source of this function is not at hand.'
    """
    try:
        return textwrap.dedent(inspect.getsource(function)).rstrip()  # type: ignore[arg-type]
    except (OSError, TypeError):
        return "# The source of this function is not at hand."


def highlighted(code: str) -> str:
    """Return Python as HTML: keywords bold, comments slanted, text coloured, all escaped.

    Parameters
    ----------
    code
        Python, or text that is not.

    Examples
    --------
    >>> highlighted("if x < 1: pass  # <b>")
    '<span class="qlab-word">if</span> x &lt; 1: <span class="qlab-word">pass</span>  \
<span class="qlab-remark"># &lt;b&gt;</span>'
    """
    kinds = {tokenize.COMMENT: "qlab-remark", tokenize.STRING: "qlab-text"}
    lines = code.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    done, parts = 0, []
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            word = token.type == tokenize.NAME and keyword.iskeyword(token.string)
            css = "qlab-word" if word else kinds.get(token.type)
            if css is None:
                continue
            begin = starts[token.start[0] - 1] + token.start[1]
            end = starts[token.end[0] - 1] + token.end[1]
            parts.append(html.escape(code[done:begin]))
            parts.append(f'<span class="{css}">{html.escape(code[begin:end])}</span>')
            done = end
    except (tokenize.TokenError, SyntaxError, IndexError):
        pass  # what is left is shown plain
    return "".join(parts) + html.escape(code[done:])
