"""What an instrument is set to: one object, checked at its own door.

Widgets, the page's link, a preset, a test and the learner's code all set the same
traits. A limit in a browser is a suggestion (a client can send anything), so each
trait refuses what it cannot mean, in one sentence that names expected and got:

    bits: a whole number from 1 to 16 is expected, got 17. It stays 4.

``state.bits = 17`` raises that sentence as a TraitError, for whoever writes code;
``state.offer({"bits": 17})`` returns it and keeps the old value, for everything that
comes from outside. Listeners hear one call per offer, however many traits it moved.
"""

import bisect
import functools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode

import traitlets as tl

LONGEST_LINK = 2_000  # characters: ours have about 150, browsers promise 2,000
Listener = Callable[[frozenset[str]], None]


def quoted(value: object) -> str:
    """Show a value from outside in a sentence: printable, at most 40 characters.

    Examples
    --------
    >>> quoted("x" * 100)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
    """
    text = repr(value) if not isinstance(value, bytes | bytearray | memoryview) else "bytes"
    text = "".join(c if c.isprintable() else "�" for c in text[:200])
    return text if len(text) <= 40 else text[:39] + "…"


class Setting(tl.TraitType[Any, Any]):
    """One trait of a state: a value with a label, a help sentence and a strict check.

    Parameters
    ----------
    default
        The value after a reset.
    label, help
        What a control is called, and its tooltip.
    """

    def __init__(self, default: Any, *, label: str, help: str) -> None:
        super().__init__(default, help=help)
        self.label = label

    @property
    def expected(self) -> str:
        """The half of the sentence that says what is allowed."""
        raise NotImplementedError

    def accepts(self, value: object) -> Any:
        """Return the value in its own type; ValueError if it means nothing here."""
        raise NotImplementedError

    def parse(self, text: str) -> Any:
        """Return the value that a link's text stands for; ValueError if none."""
        raise NotImplementedError

    def validate(self, obj: Any, value: object) -> Any:
        """Traitlets' door: the accepted value or one sentence."""
        try:
            return self.accepts(value)
        except ValueError:
            raise tl.TraitError(
                f"{self.name}: {self.expected} is expected, got {quoted(value)}."
            ) from None


class Whole(Setting):
    """A whole number within limits; ``other`` is one word allowed beside the numbers.

    Parameters
    ----------
    default
        Within the limits, or ``other``.
    low, high
        Both allowed.
    label, help
        As for every setting.
    other
        For instance "float" where no number of bits applies.
    """

    def __init__(
        self,
        default: int | str,
        low: int,
        high: int,
        *,
        label: str,
        help: str,
        other: str | None = None,
    ) -> None:
        super().__init__(default, label=label, help=help)
        self.low, self.high, self.other = low, high, other

    @property
    def values(self) -> list[int | str]:
        """Every allowed value, in the order of a slider."""
        numbers: list[int | str] = list(range(self.low, self.high + 1))
        return numbers if self.other is None else [*numbers, self.other]

    @property
    def expected(self) -> str:
        """For instance "a whole number from 1 to 16"."""
        word = "" if self.other is None else f' or "{self.other}"'
        return f"a whole number from {self.low} to {self.high}{word}"

    def accepts(self, value: object) -> int | str:
        """Whole numbers only: True, 4.0 and "4" are not meant as one."""
        if self.other is not None and isinstance(value, str) and value == self.other:
            return self.other
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise ValueError
        number = int(value.__index__())
        if not self.low <= number <= self.high:
            raise ValueError
        return number

    def parse(self, text: str) -> int | str:
        """Digits, at most nine of them, or the other word."""
        if text == self.other:
            return text
        if re.fullmatch(r"-?[0-9]{1,9}", text) is None:
            raise ValueError
        return int(text)


class Real(Setting):
    """A finite number within limits; ``log`` asks for a logarithmic slider.

    Parameters
    ----------
    default
        Within the limits.
    low, high
        Both allowed.
    step
        Of the slider: added, or with ``log`` a step of the exponent of ten.
    label, help
        As for every setting.
    log
        True where factors, not differences, are what a hand should feel.
    unit
        Written after the number, for instance " %".
    stops
        Round numbers, ascending, for a slider that goes from one to the next (a page rounds to
        the slider's steps what the kernel sets, and 4 is no step of a logarithmic slider). Any
        other number that is set by code or by a link becomes a stop while it holds.
    """

    def __init__(
        self,
        default: float | int,
        low: float | int,
        high: float | int,
        step: float | int,
        *,
        label: str,
        help: str,
        log: bool = False,
        unit: str = "",
        stops: Sequence[float] = (),
    ) -> None:
        super().__init__(default, label=label, help=help)
        self.low, self.high, self.step, self.log, self.unit = low, high, step, log, unit
        self.stops = tuple(stops)

    @property
    def expected(self) -> str:
        """For instance "a number from 0 to 99.5"."""
        return f"a number from {self.low:g} to {self.high:g}"

    def near(self, value: float | int, count: int = 30) -> list[float]:
        """List the slider's values around this one, nearest first."""
        if self.stops:
            place = bisect.bisect_left(self.stops, value)
            around = self.stops[max(0, place - count) : place + count + 1]
            return sorted(around, key=lambda x: abs(self.stops.index(x) - place))
        here = round((math.log10(value) if self.log else value) / self.step)
        offsets = sorted(range(-count, count + 1), key=abs)
        places = ((here + k) * self.step for k in offsets)
        numbers = (float(f"{10**p if self.log else p:.9g}") for p in places)
        return [x for x in numbers if self.low <= x <= self.high]

    def accepts(self, value: object) -> float:
        """Any finite number in the limits, rounded to nine digits so that keys are stable."""
        if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
            raise ValueError
        try:
            number = float(value.__float__())
        except (OverflowError, TypeError):
            raise ValueError from None
        if not math.isfinite(number):
            raise ValueError
        number = float(f"{number:.9g}")  # 10 ** log10(30) is 30.000000000000004
        if not self.low <= number <= self.high:
            raise ValueError
        return number

    def parse(self, text: str) -> float:
        """Read a plain decimal number of at most 24 characters."""
        if re.fullmatch(r"-?[0-9]*\.?[0-9]+(e-?[0-9]{1,3})?", text[:25]) is None:
            raise ValueError
        return float(text)


class Choice(Setting):
    """One of a few words; ``options`` says how each is called in a menu.

    Parameters
    ----------
    default
        One of the options.
    options
        Value to menu text, or just the values.
    label, help
        As for every setting.
    """

    def __init__(
        self,
        default: str,
        options: Mapping[str, str] | Sequence[str],
        *,
        label: str,
        help: str,
    ) -> None:
        super().__init__(default, label=label, help=help)
        self.options: dict[str, str] = (
            dict(options) if isinstance(options, Mapping) else {o: o for o in options}
        )

    @property
    def values(self) -> list[str]:
        """Every allowed value, in menu order."""
        return list(self.options)

    @property
    def expected(self) -> str:
        """For instance "one of minmax, percentile, mse"."""
        return "one of " + ", ".join(self.options)

    def accepts(self, value: object) -> str:
        """Exactly one of the words."""
        if not isinstance(value, str) or value not in self.options:
            raise ValueError
        return value

    def parse(self, text: str) -> str:
        """Return the word itself."""
        return text


class Flag(Setting):
    """Yes or no."""

    @property
    def expected(self) -> str:
        """The two allowed values."""
        return "true or false"

    def accepts(self, value: object) -> bool:
        """Allow True and False only: 1 and "yes" are not meant as one."""
        if not isinstance(value, bool):
            raise ValueError
        return value

    def parse(self, text: str) -> bool:
        """Read ``true`` or ``false``, as ``to_query`` writes them."""
        if text not in ("true", "false"):
            raise ValueError
        return text == "true"


class State(tl.HasTraits):
    """The settings of one instrument; subclasses list them and override ``allowed``.

    Examples
    --------
    >>> class Dial(State):
    ...     bits = Whole(4, 1, 16, label="bits", help="Bits of a weight.")
    >>> dial = Dial()
    >>> dial.offer({"bits": 17})
    ['bits: a whole number from 1 to 16 is expected, got 17. It stays 4.']
    >>> dial.offer({"bits": 2}), dial.to_query()
    ([], 'bits=2')
    >>> dial.from_query("bits=8&theme=dark")
    ["'theme' is no setting of this page; it is ignored."]
    >>> dial.bits
    8
    """

    def __init__(self, **values: Any) -> None:
        self._listeners: list[Listener] = []
        self._held: set[str] | None = None  # names moved while an offer is under way
        super().__init__(**values)

    # -- what it is set to -------------------------------------------------------

    @classmethod
    @functools.cache
    def settings(cls) -> dict[str, Setting]:
        """Return the traits by name, in the order in which the class lists them."""
        found = cls.class_traits()
        order = [name for base in reversed(cls.__mro__) for name in vars(base) if name in found]
        named = ((n, found[n]) for n in dict.fromkeys(order))
        return {n: setting for n, setting in named if isinstance(setting, Setting)}

    def values(self) -> dict[str, Any]:
        """All settings and their values."""
        return {name: getattr(self, name) for name in self.settings()}

    def copy(self, **changes: Any) -> Any:
        """Return another state of the same kind with these values changed.

        It is made without listeners and in microseconds, for looking elsewhere: computing
        ahead, a curve. The values are checked one by one, not beside each other.
        """
        settings = self.settings()
        twin = type(self).__new__(type(self))
        twin._listeners, twin._held = [], None
        checked = {name: settings[name].accepts(value) for name, value in changes.items()}
        twin._trait_values.update({**self.values(), **checked})
        return twin

    def key(self) -> tuple[Any, ...]:
        """Return the values alone, hashable: the name under which results are kept."""
        return tuple(self.values().values())

    def allowed(self, name: str) -> list[Any] | None:
        """Values of a menu that make sense beside the other settings; None means all.

        Override where one setting limits another (a network's layers). A value that
        stops making sense falls back to the first allowed one.
        """
        return None

    # -- setting it --------------------------------------------------------------

    def listen(self, listener: Listener) -> None:
        """Call this with the names that moved, once per offer."""
        self._listeners.append(listener)

    def offer(self, values: Mapping[str, Any]) -> list[str]:
        """Set what can be set; return one sentence for each value refused.

        Parameters
        ----------
        values
            By trait name; anything may be in it.

        Returns
        -------
        list of str
            Empty if all went well.
        """
        sentences = []
        with self._one_call():
            for name, value in values.items():
                if not isinstance(name, str) or name not in self.settings():
                    sentences.append(f"{quoted(name)} is no setting of this page; it is ignored.")
                    continue
                try:
                    setattr(self, name, value)
                except tl.TraitError as refusal:
                    sentences.append(f"{refusal} It stays {getattr(self, name)}.")
            self._settle(sentences)
        return sentences

    def reset(self) -> None:
        """Set every trait back to its default."""
        self.offer({name: setting.default_value for name, setting in self.settings().items()})

    def _settle(self, sentences: list[str]) -> None:
        for name in self.settings():
            allowed = self.allowed(name)
            if allowed is not None and getattr(self, name) not in allowed:
                got = getattr(self, name)
                setattr(self, name, allowed[0])
                sentences.append(
                    f"{name}: one of {', '.join(map(str, allowed))} is expected here, "
                    f"got {quoted(got)}. It becomes {allowed[0]}."
                )

    @contextmanager
    def _one_call(self) -> Iterator[None]:
        if self._held is not None:  # an offer inside an offer joins it
            yield
            return
        self._held = set()
        try:
            yield
        finally:
            names, self._held = frozenset(self._held), None
            if names:
                for listener in list(self._listeners):
                    listener(names)

    @tl.observe(tl.All)
    def _moved(self, change: Any) -> None:
        if self._held is not None:
            self._held.add(change["name"])
        else:
            with self._one_call():
                assert self._held is not None
                self._held.add(change["name"])
                self._settle([])

    # -- to text and back --------------------------------------------------------

    def to_query(self) -> str:
        """All settings as a page's query string, without the question mark."""
        return urlencode({n: _written(v) for n, v in self.values().items()})

    def from_query(self, text: str) -> list[str]:
        """Set what a link says; return one sentence for each thing refused.

        Parameters
        ----------
        text
            A query string, hostile or not, with or without the question mark.

        Returns
        -------
        list of str
            Empty if all went well.
        """
        if not isinstance(text, str) or len(text) > LONGEST_LINK:
            size = f"{len(text):,} characters" if isinstance(text, str) else quoted(text)
            return [f"link: at most {LONGEST_LINK:,} characters are expected, got {size}. Ignored."]
        try:
            pairs = parse_qsl(text.removeprefix("?"), keep_blank_values=True, max_num_fields=50)
        except ValueError:
            return ["link: at most 50 settings are expected, got more. It is ignored."]
        sentences, values = [], {}
        for name, written in pairs:
            setting = self.settings().get(name)
            try:
                values[name] = written if setting is None else setting.parse(written)
            except ValueError:
                values[name] = written  # offered as text: the trait words the refusal
        sentences += self.offer(values)
        return sentences[:3] + (["More was refused."] if len(sentences) > 3 else [])

    def to_json(self) -> str:
        """All settings as JSON text."""
        return json.dumps(self.values(), indent=2)

    def from_json(self, text: str) -> list[str]:
        """Set what a JSON text says; return one sentence for each thing refused."""
        try:
            if len(text) > 10 * LONGEST_LINK:
                raise ValueError
            values = json.loads(text)
        except (ValueError, TypeError, RecursionError):
            return ["settings: a small JSON object is expected, got something else. Ignored."]
        if not isinstance(values, dict):
            return [f"settings: a JSON object is expected, got {quoted(values)}. Ignored."]
        return self.offer(values)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.9g}" if isinstance(value, float) else str(value)
