"""What a check says: as a record, as text, as HTML, as JSON. Words carry it, colour only helps."""

import html
import textwrap
from dataclasses import asdict, dataclass
from typing import Any

import qlab

STATES = {
    "passed": "passed",
    "not started": "not started",
    "failed": "not yet",
    "error": "stopped with an error",
    "timeout": "out of time",
    "crashed": "ended or crashed Python",
}
MARKS = {"ok": "✓", "not yet": "✗", "not tried": "–"}
COLOURS = {"passed": "#00694d", "not started": "#52606d"}  # every other state: red
RED = "#a84300"
WIDTH = 88


@dataclass(frozen=True, slots=True)
class Line:
    """One property: what has to hold, and "ok", "not yet" or "not tried"."""

    sentence: str
    state: str


@dataclass(frozen=True, slots=True)
class Failure:
    """The smallest failing case: the property, the arguments by name, and what went wrong."""

    sentence: str
    arguments: tuple[tuple[str, str], ...]
    expected: str
    got: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the public checks found.

    Parameters
    ----------
    name
        Of the exercise.
    state
        A key of ``STATES``.
    lines
        A property each, in words.
    failure
        The smallest failing case, or None.
    mistake, explanation
        The name of the known wrong version that does the same on all cases, and what it is.
    remarks
        What is not forbidden: printing, warnings.
    seed
        The fresh one; ``check(name, f, seed=…)`` tries it again.
    """

    name: str
    state: str
    lines: tuple[Line, ...]
    failure: Failure | None = None
    mistake: str | None = None
    explanation: str = ""
    remarks: tuple[str, ...] = ()
    seed: int = 0

    @property
    def passed(self) -> bool:
        """Whether everything holds."""
        return self.state == "passed"

    def to_json(self) -> dict[str, Any]:
        """Return the verdict in what ``json.dumps`` takes.

        Examples
        --------
        >>> Verdict(name="affine.quantize", state="not started", lines=()).to_json()["passed"]
        False
        """
        return asdict(self) | {"passed": self.passed, "qlab": qlab.__version__}

    @property
    def headline(self) -> str:
        """One line: the exercise, how it stands, how many properties hold."""
        done = sum(line.state == "ok" for line in self.lines)
        count = "" if self.state == "not started" else f" ({done} of {len(self.lines)})"
        return f"{self.name}: {STATES[self.state]}{count}"

    def __repr__(self) -> str:
        if self.state == "not started":
            start = f"{self.headline}. Write the function, then run this cell again."
            return "\n".join([start, *self._remarks])
        parts = [self.headline]
        parts += [_wrapped(f"  {line.state:<10}", line.sentence) for line in self.lines]
        if self.failure:
            parts.append(f"Smallest case that fails: {self.failure.sentence}")
            rows = [*self.failure.arguments, ("expected", self.failure.expected)]
            parts += [_hung(name, text) for name, text in [*rows, ("got", self.failure.got)]]
        if self.explanation:
            parts.append(_wrapped("The mistake: ", self.explanation))
        return "\n".join([*parts, *self._remarks, self.tried])

    @property
    def _remarks(self) -> list[str]:
        return [_wrapped("Remark: ", remark) for remark in self.remarks]

    @property
    def tried(self) -> str:
        """How to try the same again."""
        return f"Public checks, seeds 0 and {self.seed}; seed={self.seed} tries the same again."

    def _repr_html_(self) -> str:
        colour = COLOURS.get(self.state, RED)
        klass = f"qlab-verdict qlab-{self.state.replace(' ', '-')}"
        style = (
            f"border-left:4px solid {colour};background:#fff;color:#1f2933;padding:8px 12px;"
            "line-height:1.45;max-width:88ch;overflow-wrap:anywhere"
        )
        body = "" if self.state == "not started" else self._details(colour)
        said = " ".join(["Write the function, then run this cell again.", *self._remarks])
        rest = "" if body else f". {_safe(said)}"
        return (
            f'<section class="{klass}" role="status" aria-label="{_safe(self.headline)}" '
            f'style="{style}"><strong class="qlab-headline" style="color:{colour}">'
            f"{_safe(self.headline)}</strong>{rest}{body}</section>"
        )

    def _details(self, colour: str) -> str:
        parts = ['<ul class="qlab-properties" style="list-style:none;padding:0;margin:6px 0">']
        parts += [_item(line) for line in self.lines] + ["</ul>"]
        if self.failure:
            rows = [*self.failure.arguments, ("expected", self.failure.expected)]
            cells = "".join(_row(*row) for row in [*rows, ("got", self.failure.got)])
            said = f"Smallest case that fails: {self.failure.sentence}"
            parts.append(f'<p style="margin:4px 0">{_safe(said)}</p>')
            columns = "display:grid;grid-template-columns:max-content minmax(0,1fr);gap:2px 12px"
            style = f"margin:0 0 6px;{columns}"
            parts.append(f'<dl class="qlab-failure" style="{style}">{cells}</dl>')
        if self.explanation:
            text = f'<strong style="color:{colour}">The mistake:</strong> {_safe(self.explanation)}'
            parts.append(f'<p class="qlab-mistake" style="margin:4px 0">{text}</p>')
        small = 'style="margin:4px 0;color:#52606d"'
        parts += [
            f'<p class="qlab-remark" {small}>Remark: {_safe(one)}</p>' for one in self.remarks
        ]
        return "".join([*parts, f'<p class="qlab-source" {small}>{_safe(self.tried)}</p>'])


def _safe(text: str) -> str:
    return html.escape(text)


def _item(line: Line) -> str:
    colour = {"ok": COLOURS["passed"], "not yet": RED}.get(line.state, COLOURS["not started"])
    word = f'<strong style="color:{colour}">{_safe(line.state)}</strong>'
    mark = f'<span aria-hidden="true" style="color:{colour}">{MARKS[line.state]}</span>'
    return f"<li>{mark} {word} · {_safe(line.sentence)}</li>"


def _row(name: str, text: str) -> str:
    code = f'<pre style="margin:0;white-space:pre-wrap;color:inherit">{_safe(text)}</pre>'
    return f'<dt style="font-weight:600">{_safe(name)}</dt><dd style="margin:0">{code}</dd>'


def _wrapped(lead: str, text: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead), break_long_words=False
    )


def _hung(name: str, text: str) -> str:
    lead = f"  {name:<10} "
    return lead + text.replace("\n", "\n" + " " * len(lead))
