"""What became of one call of a learner's function, in a record and in words."""

from dataclasses import dataclass
from typing import Any

STATES = ("returned", "raised", "ended", "crashed", "timeout", "too large", "not run")


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something that is no number, text, array, or collection of these: only described.

    Parameters
    ----------
    kind
        Its type: "torch.Tensor".
    text
        The beginning of what it prints as.
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One call.

    Parameters
    ----------
    state
        One of ``STATES``: it returned; raised an exception; ended Python; crashed it; was still
        running at the end of the time; returned too much; was not called, since an earlier call
        had taken Python or the time with it.
    value
        What it returned: numbers, texts, arrays, and tuples, lists, dictionaries of these. In the
        place of everything else there is a ``Foreign``.
    error
        "ValueError: operands could not be broadcast", or how Python ended.
    line, code, where
        The line of the learner's own code that raised it, its text, its function.
    printed
        The beginning of what it printed.
    changed
        The positions of the arguments that it wrote into.
    random
        The global random generators that it moved: "numpy", "random".
    warned
        The first warnings.
    """

    state: str
    value: Any = None
    error: str = ""
    line: int | None = None
    code: str = ""
    where: str = ""
    printed: str = ""
    changed: tuple[int, ...] = ()
    random: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()

    @property
    def returned(self) -> bool:
        """Whether there is a value."""
        return self.state == "returned"

    @property
    def sentence(self) -> str:
        """What happened, to the one whose function it was; empty where it returned.

        Examples
        --------
        >>> Outcome(state="raised", error="ValueError: no", line=3, code="return x @ y").sentence
        'Your function stopped with ValueError: no, at line 3: return x @ y'
        >>> Outcome(state="crashed", error="signal SIGSEGV").sentence
        'Your function crashed Python (signal SIGSEGV).'
        """
        return {
            "returned": "",
            "raised": f"Your function stopped with {self.error}{self._place}",
            "ended": f"Your function ended Python itself ({self.error}).",
            "crashed": f"Your function crashed Python ({self.error}).",
            "timeout": f"Your function did not come back {self.error}: "
            "is there a loop that never ends?",
            "too large": f"Your function returned too much: {self.error}.",
            "not run": "Your function was not called with this.",
        }[self.state]

    @property
    def _place(self) -> str:
        if self.line is None:
            return "."
        inside = f" of {self.where}" if self.where else ""
        return f", at line {self.line}{inside}" + (f": {self.code}" if self.code else ".")
