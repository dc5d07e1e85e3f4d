"""Sliders, menus and boxes bound to a state, both ways, behind a guard.

A page can send anything: ``None`` for a number, a ``max`` of its own, rewritten options.
A guarded control lets one thing in, the value it stands for, and only if the
state's trait accepts it; all else is refused in one sentence, and the page is sent
what holds. Which control a trait gets follows from its kind:

    Whole → slider of whole numbers      Real → slider, logarithmic where the trait says so
    Whole with another word → slider over its values      Real with stops → slider over these
    Choice → menu      Flag → box
"""

import logging
import math
from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from qlab.live.settings import Choice, Flag, Real, Setting, Whole, quoted
from qlab.live.state import State

log = logging.getLogger("qlab.live")
Refuse = Callable[[str], None]


class Guarded:
    """Mixed into a widget class: what the page sends passes the state's trait first."""

    wire = "value"  # the one attribute that the page may send
    value: Any
    options: Any

    def guard(self, state: State, trait: str, refuse: Refuse) -> None:
        """Bind this control to a trait and from then on check every message."""
        self._state, self._trait, self._refuse = state, trait, refuse
        self._syncing = False
        self.observe(self._to_state, "value")  # type: ignore[attr-defined]
        self.sync()

    def meaning(self, sent: Any) -> Any:
        """Translate what the page sends into a value of the trait."""
        return sent

    def sent(self, value: Any) -> Any:
        """Translate a value of the trait into what the page sends for it; None where it can't."""
        return value

    def set_state(self, sync_data: Any) -> None:
        """Take a message from the page: its value if the trait accepts it, nothing else."""
        if not hasattr(self, "_trait"):
            return super().set_state(sync_data)  # type: ignore[misc]
        if not isinstance(sync_data, dict):
            return self._put_back(f"{self._trait}: a value is expected, got {quoted(sync_data)}.")
        for name in sync_data.keys() - {self.wire, "_view_count"}:
            known = name if name in self.keys else None  # type: ignore[attr-defined]
            self._put_back(
                f"{self._trait}: only its {self.wire} can be set from the page, got {quoted(name)}."
                " It stays as it was.",
                known,
            )
        if self.wire not in sync_data:
            return None
        sent = sync_data[self.wire]
        try:
            value = self.meaning(sent)
        except (ValueError, TypeError, IndexError):  # an index without a meaning is no value
            return self._put_back(
                f"{self._trait}: {self._setting.expected} is expected, got {quoted(sent)}. "
                f"It stays {getattr(self._state, self._trait)}.",
                self.wire,
            )
        try:
            self._setting.accepts(value)
        except ValueError:
            return self._put_back(self._state.offer({self._trait: value})[0], self.wire)
        return super().set_state({self.wire: sent})  # type: ignore[misc]

    def sync(self) -> None:
        """Show the state's value: the other direction."""
        self._syncing = True
        try:
            self._show(getattr(self._state, self._trait))
        finally:
            self._syncing = False

    @property
    def _setting(self) -> Setting:
        return self._state.settings()[self._trait]

    def _show(self, value: Any) -> None:
        if self.value != value:
            self.value = value

    def _to_state(self, change: Any) -> None:
        if self._syncing:
            return
        refused = self._state.offer({self._trait: change["new"]})
        if refused:
            self._put_back(refused[0], self.wire)
        self.sync()  # also when accepted: the state may have settled on another value

    def _put_back(self, sentence: str, name: str | None = None) -> None:
        if name is not None:
            self.send_state(name)  # type: ignore[attr-defined]
        self._refuse(sentence)

    def _handle_msg(self, msg: Any) -> None:
        try:
            super()._handle_msg(msg)  # type: ignore[misc]
        except Exception:
            log.exception("a message to %s was not understood", self._trait)
            self._put_back(f"{self._trait}: the page's message was not understood. It is ignored.")


class WholeSlider(Guarded, ipw.IntSlider):
    """A slider of whole numbers; it ends where the state's other settings let it."""

    _limited = False  # by other settings, at present
    min: Any
    max: Any

    def _show(self, value: Any) -> None:
        setting, allowed = self._setting, self._state.allowed(self._trait)
        assert isinstance(setting, Whole)
        low, high = (allowed[0], allowed[-1]) if allowed else (setting.low, setting.high)
        if (allowed or self._limited) and (self.min, self.max) != (low, high):
            self.min, self.max = min(self.min, low), max(self.max, high)
            self.value = value  # while there is room for both
            self.min, self.max = low, high
        self._limited = bool(allowed)
        super()._show(value)


class _Real(Guarded):
    def _show(self, value: Any) -> None:
        if not math.isclose(self.value, value, rel_tol=1e-8, abs_tol=1e-12):
            self.value = value  # closer than that, the hand's own value is left alone


class RealSlider(_Real, ipw.FloatSlider):
    """A slider of numbers."""


class LogSlider(_Real, ipw.FloatLogSlider):
    """A slider on which equal distances are equal factors."""


class _Indexed(Guarded):
    wire = "index"

    def meaning(self, sent: Any) -> Any:
        if isinstance(sent, bool) or not isinstance(sent, int) or sent < 0:
            raise ValueError
        return self.options[sent][1]

    def sent(self, value: Any) -> Any:
        """Return the place of a value among the options."""
        return next((i for i, (_, option) in enumerate(self.options) if option == value), None)


class WordSlider(_Indexed, ipw.SelectionSlider):
    """A slider over numbers and one word."""


class StopSlider(_Indexed, ipw.SelectionSlider):
    """A slider over chosen numbers; another one that the state holds is put among them."""

    def sent(self, value: Any) -> Any:
        """Return the place of a value while there are no others than the stops: it will stay."""
        assert isinstance(self._setting, Real)
        return super().sent(value) if len(self.options) == len(self._setting.stops) else None

    def _show(self, value: Any) -> None:
        setting = self._setting
        assert isinstance(setting, Real)
        options = stops(setting, value)
        if options != self.options:
            self.options = options
        super()._show(value)


def stops(setting: Real, value: float) -> tuple[tuple[str, float], ...]:
    """List a slider's stops as (text, number), this value among them."""
    return tuple((f"{x:.4g}{setting.unit}", x) for x in sorted({*setting.stops, value}))


class Menu(_Indexed, ipw.Dropdown):
    """A menu; its options follow what the state allows."""

    def _show(self, value: Any) -> None:
        setting = self._setting
        assert isinstance(setting, Choice)
        allowed = self._state.allowed(self._trait) or setting.values
        options = tuple((setting.options[v], v) for v in allowed)
        if options != self.options:
            self.options = options
        self.disabled = len(options) == 1  # nothing to choose here: shown, not offered
        super()._show(value)


class Chooser(ipw.Dropdown):
    """A menu of actions, bound to no trait: takes an index within its options, nothing else."""

    def set_state(self, sync_data: Any) -> None:
        """Take an index from the page; anything else is logged and put back."""
        sent = sync_data.get("index") if isinstance(sync_data, dict) else None
        if type(sent) is not int or not 0 <= sent < len(self.options):
            log.warning("menu: an index below %d is expected, got %.80r", len(self.options), sent)
            return self.send_state("index")
        return super().set_state({"index": sent})

    def dress(self, name: str) -> None:
        """Give it the looks of a control."""
        _dress(self, name)


class Box(Guarded, ipw.Checkbox):
    """A box to tick."""


def control(state: State, trait: str, refuse: Refuse = log.warning) -> Any:
    """Make the control that a trait's kind asks for, bound to the state.

    Parameters
    ----------
    state
        Whose trait it is.
    trait
        Its name; the control carries the CSS class ``qlab-NAME``.
    refuse
        Called with one sentence for everything refused.

    Returns
    -------
    ipywidgets.Widget
        Its ``value`` and the trait follow each other.

    Examples
    --------
    >>> class Dial(State):
    ...     bits = Whole(4, 1, 16, label="Bits", help="Bits of a weight.")
    >>> dial = Dial()
    >>> bits = control(dial, "bits", print)
    >>> bits.value = 8
    >>> dial.bits
    8
    >>> bits.set_state({"value": None})
    bits: a whole number from 1 to 16 is expected, got None. It stays 8.
    """
    setting = state.settings()[trait]
    words: dict[str, Any] = {"description": setting.label, "tooltip": setting.help}
    value = getattr(state, trait)
    made: Any
    match setting:
        case Whole(other=None):
            made = WholeSlider(value=value, min=setting.low, max=setting.high, **words)
        case Whole():
            options = [(str(v), v) for v in setting.values]
            made = WordSlider(options=options, value=value, **words)
        case Real() if setting.stops:
            made = StopSlider(options=stops(setting, value), value=value, **words)
        case Real(log=True):
            ends = {"min": math.log10(setting.low), "max": math.log10(setting.high)}
            made = LogSlider(value=value, step=setting.step, **ends, **words)
        case Real():
            made = RealSlider(
                value=value, min=setting.low, max=setting.high, step=setting.step, **words
            )
            made.readout_format = ".3g" if setting.step < 0.1 else ".1f"
        case Choice():
            options = [(setting.options[v], v) for v in state.allowed(trait) or setting.values]
            made = Menu(options=options, value=value, **words)
        case Flag():
            made = Box(value=value, indent=False, **words)
        case _:
            raise TypeError(f"control: a known kind of setting is expected, got {setting!r}.")
    _dress(made, trait)
    made.guard(state, trait, refuse)
    return made


def _dress(made: Any, name: str) -> None:
    made.style.description_width = "initial"
    made.layout.width = "auto"
    made.add_class("qlab-control")
    made.add_class(f"qlab-{name}")
