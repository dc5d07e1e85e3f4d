"""What an instrument is set to: one object, checked at its own door.

Widgets, the page's link, a preset, a test and the learner's code all set the same
traits. A limit in a browser is a suggestion (a client can send anything), so each
trait refuses what it cannot mean, in one sentence that names expected and got:

    bits: a whole number from 1 to 16 is expected, got 17. It stays 4.

``state.bits = 17`` raises that sentence as a TraitError, for whoever writes code;
``state.offer({"bits": 17})`` returns it and keeps the old value, for everything that
comes from outside. Listeners hear one call per offer, however many traits it moved.
"""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode

import traitlets as tl

from qlab.live.settings import Setting, quoted

LONGEST_LINK = 2_000  # characters: ours have about 150, browsers promise 2,000
Listener = Callable[[frozenset[str]], None]


class State(tl.HasTraits):
    """The settings of one instrument; subclasses list them and override ``allowed``.

    Examples
    --------
    >>> from qlab.live.settings import Whole
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

    def settled(self) -> bool:
        """Tell whether the settings make sense beside each other, as they are."""
        limits = {name: self.allowed(name) for name in self.settings()}
        return all(a is None or getattr(self, n) in a for n, a in limits.items())

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
                self._fall_back(name, allowed, sentences)

    def _fall_back(self, name: str, allowed: list[Any], sentences: list[str]) -> None:
        """Leave a value that stopped making sense; override where another one lies nearer."""
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
