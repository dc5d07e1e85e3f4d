"""The frame of every instrument: state, controls, numbers and pictures tied together.

One event runs through it synchronously, in one thread:

    control → state → result (kept, or computed) → numbers and pictures → idle work planned

A subclass says what is computed (``steps``), what is written (``numbers``), what is drawn
(``build``), and what follows when the hand rests (``later``). It holds no mathematics:
that is called from the library, so that ``code`` can print the same numbers.
"""

import csv
import html
import io
import logging
import math
import re
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import ipywidgets as ipw

from qlab.live.controls import Chooser, control
from qlab.live.figure import Figure
from qlab.live.onward import Onward
from qlab.live.page import Page, link_of_the_page
from qlab.live.readout import Readout, Value, page_of
from qlab.live.recent import Recent
from qlab.live.settings import Choice, Real, Whole
from qlab.live.sheet import png_sheet, svg_sheet
from qlab.live.shelf import AROUND, Shelf, View
from qlab.live.state import State
from qlab.live.worker import Task, Worker, finish

log = logging.getLogger("qlab.live")

LOADING = 4.0  # seconds that idle work leaves to a page that loads, unless it says hello sooner
FIRST = 8  # values of a slider that are prepared before all else when a hand rests on it
NEAR, SOON = 48, 1.0  # and when it comes to it: at most so many, for at most so many seconds
ABSOLUTE = re.compile(r"(?<![\w.~])(?:[A-Za-z]:)?(?:[\\/]+[\w.+\-]+)+[\\/]+")  # folders
RESULTS = 512  # kept by state; a result holds what is drawn, not the arrays behind it


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings worth looking at, and what they teach.

    Parameters
    ----------
    name
        In the menu.
    values
        Settings that differ from the defaults.
    lesson
        The teaching point, one or two sentences shown when it is chosen.
    """

    name: str
    values: dict[str, Any]
    lesson: str


class Instrument(ipw.VBox):
    """Base of every instrument; see ``qlab.live`` for how to write one.

    Parameters
    ----------
    link
        A page's query string to start from; None asks the page, in an app.
    values
        Settings to start from.

    Raises
    ------
    traitlets.TraitError
        A value that its setting refuses.
    """

    NAME: ClassVar[str]  # of the app's notebook
    TITLE: ClassVar[str]
    LEAD: ClassVar[str]  # one sentence below the title
    STATE: ClassVar[type[State]]
    PRESETS: ClassVar[tuple[Preset, ...]] = ()
    SPOKEN: ClassVar[tuple[str, ...]] = ()  # numbers that are announced once settled
    BELOW: ClassVar[tuple[str, ...]] = ()  # numbers that stand below the pictures
    STAND_INS: ClassVar[dict[str, str]] = {}  # what can be stood in for: its "module:class"

    def __init__(self, *, link: str | None = None, **values: Any) -> None:
        super().__init__()
        self.add_class("qlab-instrument")
        self.state: Any = self.STATE(**values)
        self.results: Recent[tuple[Any, ...], Any] = Recent(RESULTS)
        self.result: Any = None
        self.message = ""
        self.standing: Any = None  # a function in the place of one of the library's
        self.at_work: Any = None  # the same, while the instrument computes with it
        self.overlaid = False
        self.headings: dict[str, ipw.HTML] = {}
        self.settled = False  # the numbers of the present state are complete
        self.in_hand = ""  # the trait moved last: its values are computed ahead
        self.slider = ""  # the slider moved last: its values, too, after a menu
        self.shelf = Shelf()  # what the page has at hand
        self._refreshed: Any = None  # the state that was asked for last
        self._shown: Any = None  # the key of the state that the page shows
        self._onward = Onward(self)  # where the hand may come to next
        self.figures: dict[str, Figure] = {}
        self.worker = Worker(on_error=self.fail)
        self.readout, self.below = Readout("main"), Readout("below")
        self._messages, self._lesson = _words("qlab-message"), _words("qlab-lesson")
        self.page = Page(
            maker=f"qlab.live.{type(self).__name__}",
            copies={"code": self.code, "link": lambda: self.state.to_query()},
            files={
                "csv": self._csv_file,
                "png": self._png_file,
                "svg": self._svg_file,
                "json": self._json_file,
            },
            on_link=self._follow,
            on_open=lambda text: self.say(" ".join(self.state.from_json(text))),
            on_hello=self._on_hello,
            on_density=lambda: self.worker.plan(self.plan(self.state.copy())),
            on_pick=self._pick,
            sliders=[n for n, s in self.state.settings().items() if isinstance(s, Whole | Real)],
            on_near=self._near,
            on_error=self.fail,
        )
        self.controls = {
            name: control(self.state, name, self.say) for name in self.state.settings()
        }
        self.page.controls = {name: bound.model_id for name, bound in self.controls.items()}
        self.reset_button = _button("Reset", "Back to the start (Alt+0)", "qlab-reset")
        self.reset_button.on_click(lambda _: self.reset())
        self.presets = self._preset_menu()
        self.state.listen(self._on_state)
        self._built = False
        self.refresh()
        if link is None:
            link = link_of_the_page(self.worker.work)  # may wait for a visitor: last
        if link:
            self._follow(link)
        if self.page.app:
            self.worker.hold(LOADING)

    # -- what a subclass writes ----------------------------------------------------

    def build(self) -> Iterable[Figure]:
        """Make the figures, once."""
        raise NotImplementedError

    def steps(self, s: Any) -> Generator[None, None, Any]:
        """Compute the result of a state in steps of a few milliseconds, yielding between them.

        ``s`` is a copy of the state that will not move. The result is a frozen dataclass.
        """
        raise NotImplementedError

    def numbers(self, result: Any) -> Iterable[Value]:
        """List the numbers of a result."""
        raise NotImplementedError

    def later(self, s: Any) -> Iterable[Task]:
        """List the tasks that complete the numbers of a state once the hand rests."""
        return ()

    def background(self, s: Any) -> Iterable[Task]:
        """List the tasks that can wait longest: a curve measured on the whole split, say."""
        return ()

    def code(self) -> str:
        """Write ten lines of qlab that compute and print the numbers on screen."""
        raise NotImplementedError

    def tables(self) -> dict[str, tuple[list[str], list[list[Any]]]]:
        """Name further tables for the CSV file: title to (header, rows)."""
        return {}

    def extras(self) -> list[ipw.Widget]:
        """Return widgets of its own, put below the figures (a training job, say)."""
        return []

    def tools(self) -> list[ipw.Widget]:
        """Return widgets of its own, put below the controls (a hint, a start button)."""
        return []

    # -- one event -------------------------------------------------------------------

    def refresh(self) -> None:
        """Compute and show the present state; called for every change of it."""
        self.worker.touch()
        self.settled = False
        try:
            s, before = self.state.copy(), self._refreshed
            if before is None or changed(before, s) != {self.shelf.slider}:
                self.shelf.empty()
            turned = s.key() in self.shelf.views
            if not self._built:
                self._stand()
            if self._onward.guess == s.key():
                self.worker.hurry(lambda: s.key() in self.results)
            result = finish(self.result_of(s))
            if self.standing is not None:
                self.standing.compute(s)
            self.show(result)
            if self.standing is not None:
                self.standing.settle()
        except Exception as error:
            self.fail(error)
            return
        self._refreshed = s
        onward = (
            self._onward.task(s, before, turned) if before is not None and self.page.here else None
        )
        first = FIRST if self.page.here and self.in_hand == self.slider else 0
        self.worker.plan(self._tasks(s, first), onward)

    def _stand(self) -> None:
        """Load what is shown; where that fails, controls stand alone and a change tries again."""
        try:
            self.figures = {figure.name: figure for figure in self.build()}
            self.page.picks = {n: f.pickable for n, f in self.figures.items() if f.pickable}
            self._built = True
        finally:
            self.children = self._laid_out()

    def result_of(self, s: Any) -> Generator[None, None, Any]:
        """Find or compute the result of a state, in steps, and keep it."""
        key = s.key()
        if key not in self.results:
            self.results[key] = yield from self.steps(s)
        return self.results[key]

    def show(self, result: Any) -> None:
        """Write the numbers and draw the figures that follow the hand."""
        self.result = result = result if self.standing is None else self.standing.view(result)
        live = [figure for figure in self.figures.values() if figure.live]
        key = self.state.key()
        view = None if key == self._shown else self.shelf.views.get(key)
        self._shown = key
        if view is not None:
            self._turned(result, view)
            return
        for figure in live:
            figure.begin(result)
        parts = self.parts(result)
        if not self.page.here:  # nobody looks yet: the first view takes what the models hold
            for readout, part in parts.items():
                readout.show(part)
            for figure in live:
                figure.show(result)
            return
        texts = {readout.name: readout.turn(part) for readout, part in parts.items()}
        frames = {figure: figure.turn(result) for figure in live}
        self._put_on_page(
            {f.name: (f.image.format, frame) for f, frame in frames.items() if frame},
            {name: text for name, text in texts.items() if text is not None},
            stays=self._laid(result, {readout.name: readout.value for readout in parts}),
        )

    def _turned(self, result: Any, view: View) -> None:
        """Follow a page that turned to a view by itself; its numbers may be better known by now."""
        for name, (key, frame) in view.frames.items():
            self.figures[name].take(result, key, frame)
        texts = {r.name: r.turn(p, view.numbers[r.name]) for r, p in self.parts(result).items()}
        known = {name: text for name, text in texts.items() if text is not None}
        self._put_on_page({}, known, known=True)

    def _put_on_page(
        self,
        frames: dict[str, Any],
        numbers: dict[str, str],
        known: bool = False,
        stays: View | None = None,
    ) -> None:
        at = (self.slider, self._sent(self.state)) if self.slider else None
        whole = None if stays is None else (list(stays.frames), list(stays.numbers))
        self.page.show(frames, numbers, at=at, turn=self.shelf.turn, known=known, whole=whole)

    def _laid(self, result: Any, numbers: dict[str, str]) -> View | None:
        """Lay at hand what is shown, for a hand that comes back; only if all pictures were sent."""
        sent = all(figure.image.ahead for figure in self.figures.values() if figure.live)
        return self._lay(self.state, result, numbers) if sent else None

    def _lay(self, s: Any, result: Any, numbers: dict[str, str]) -> View | None:
        """Lay what a state shows at hand, and return it if the page lacks it."""
        waits = getattr(result, "waiting", False)  # for another result of the same state
        if not self.slider or self._sent(s) is None or waits or self.standing is not None:
            return None
        live = {name: figure for name, figure in self.figures.items() if figure.live}
        view = View({name: figure.view(result) for name, figure in live.items()}, numbers)
        return view if self.shelf.lay(self.slider, s.key(), view) else None

    def _sent(self, s: Any) -> Any:
        """Return what the page sends for the value of the slider moved last."""
        return self.controls[self.slider].sent(getattr(s, self.slider))

    def parts(self, result: Any) -> dict[Readout, list[Value]]:
        """Sort the numbers of a result by where they stand."""
        values = list((self.standing or self).numbers(result))
        return {
            self.readout: [v for v in values if v.name not in self.BELOW],
            self.below: [v for v in values if v.name in self.BELOW],
        }

    def sharpen(self, figure: Figure) -> None:
        """Send the shown frame at the screen's density, on the way that live frames go."""
        frame = figure.sharpen(self.page.density)
        if frame:
            self._put_on_page({figure.name: (figure.image.format, frame)}, {})
        if not self.page.app:  # an app's page is the only one; JupyterLab may open another view
            figure.catch_up()

    def improve(self, s: Any, **fields: Any) -> None:
        """Replace fields of a kept result, and show it if the state is still there."""
        key = s.key()
        if key in self.results:
            self.results[key] = replace(self.results[key], **fields)
            if key == self.state.key() and self.at_work is None:
                self.show(self.results[key])
                if self.settled:  # what comes later than the sharp pictures is as sharp
                    finish(self.redraw())

    def stand_in(self, name: str, function: Any, **how: Any) -> Any:
        """Put a function in the place of one of the library's, in this view alone.

        ``name`` is one of ``STAND_INS``, ``function`` None takes the present one out; for the
        rest, and for what is raised, see ``qlab.live.standin.put``.
        """
        from qlab.live.standin import put  # no app needs it

        self.standing = put(self, name, function, **how)
        self.refresh()
        return self.standing

    def stood(self, task: Any, s: Any) -> Iterator[Task]:
        """Yield the task of a state once more for the function that stands in, if one does."""
        if self.standing is not None and s.key() in self.standing.results:
            yield self.standing.complete(task(s), s)

    @property
    def readouts(self) -> tuple[Readout, ...]:
        """Where numbers stand on the page."""
        return self.readout, self.below

    @property
    def values(self) -> dict[str, Value]:
        """The numbers on screen by name."""
        return {name: v for readout in self.readouts for name, v in readout.values.items()}

    def settle(self, everything: bool = True) -> None:
        """Run idle work now: for tests, scripts and headless use.

        Parameters
        ----------
        everything
            False stops once the numbers of the present state are complete.
        """
        while not (self.worker.idle or (self.settled and not everything)):
            self.worker.flush(0)

    # -- idle work ---------------------------------------------------------------------

    def _tasks(self, s: Any, first: int, seconds: float = math.inf) -> Iterator[Task]:
        """Have the slider's nearest values ready for a hand that goes on, then all else."""
        if first:
            yield self.beside(s)
        yield self._lacking(s, first, seconds)
        yield from self.plan(s)

    def beside(self, s: Any) -> Task:
        """Compute what pictures of all the slider's values show of others: a curve, if it is quick.

        Drawn without it they would differ by more than the hand moved, and be drawn again.
        """
        yield from ()

    def plan(self, s: Any) -> Iterator[Task]:
        """Order the idle work of a state, most urgent first."""
        yield self._link_task()
        yield from self.later(s)
        yield self._settled_task()
        yield self._ahead_task(s)
        yield self.worker.pause()
        yield from self.background(s)
        yield self._ahead_task(s)  # now with all that the background found

    def _link_task(self) -> Task:
        self.page.query = self.state.to_query()
        yield

    def _settled_task(self) -> Task:
        for figure in self.figures.values():
            if not figure.live:
                self.fill(figure.name)
                yield
            self.sharpen(figure)
            yield
        if not self.page.app:
            for readout in self.readouts:
                readout.catch_up()
        self.page.describe({name: figure.alt for name, figure in self.figures.items()})
        self.page.said = self.readout.sentence(self.SPOKEN)
        self.settled = True

    def fill(self, name: str) -> None:
        """Send a picture that idle work draws or fills; a page ahead of the kernel leaves it."""
        figure = self.figures[name]
        if not self.page.here:  # the first view takes what the models hold
            figure.show(self.result)
        elif frame := figure.turn(self.result):
            self._put_on_page({name: (figure.image.format, frame)}, {})

    def redraw(self, *names: str) -> Task:
        """Send pictures that idle work has filled, at the screen's density; all, or those named."""
        for name in names or self.figures:
            figure = self.figures[name]
            if not self.page.here:  # the first view takes what the models hold
                figure.show(self.result)
            figure.result = self.result
            self.sharpen(figure)
            self.page.describe({name: figure.alt})
            yield

    def _ahead_task(self, s: Any) -> Task:
        """Compute and draw the other values of the control in hand, nearest first.

        After a menu those of the slider that was in hand before: the hand goes back to it. What the
        page lacks comes before what it has and could have better.
        """
        yield from self._lacking(s, AROUND)
        for name in dict.fromkeys((self.in_hand, self.slider)):
            yield from self._ready(s, name, self.ahead(s, name))

    def _lacking(self, s: Any, most: int, seconds: float = math.inf) -> Task:
        """Have those of the slider's nearest values ready that the page lacks."""
        near, end = self.ahead(s, self.slider)[:most], time.perf_counter() + seconds
        views = self.shelf.views
        lacking = [v for v in near if s.copy(**{self.slider: v}).key() not in views]
        for i in range(0, len(lacking), FIRST):
            if time.perf_counter() < end:
                yield from self._ready(s, self.slider, lacking[i : i + FIRST])

    def _ready(self, s: Any, name: str, values: list[Any]) -> Task:
        """Have these values of a control ready, in portions that grow.

        Of a portion all results come first: a curve that grows by them is the same in its pictures.
        """
        start, size = 0, FIRST
        while start < len(values):
            some = {value: s.copy(**{name: value}) for value in values[start : start + size]}
            for there in some.values():
                yield from self.result_of(there)
            drawn: list[Any] = []
            for value, there in some.items():
                yield from self.prepare(there)
                if name == self.slider and start < AROUND:
                    for before in drawn:  # its pictures were encoded meanwhile
                        yield from self.hand_over(s, before)
                    drawn = [value]
            for last in drawn:
                yield from self.hand_over(s, last)
            start, size = start + size, 2 * size

    def hand_over(self, s: Any, value: Any) -> Task:
        """Give the page what a value of the slider will show, unless it has it already."""
        there = s.copy(**{self.slider: value})
        result = self.results.get(there.key())
        if result is None or not self.page.here or not there.settled():
            return
        numbers = {readout.name: page_of(part) for readout, part in self.parts(result).items()}
        view = self._lay(there, result, numbers)
        if view is not None:
            kinds = {name: self.figures[name].image.format for name in view.frames}
            frames = {name: (kinds[name], frame) for name, (_, frame) in view.frames.items()}
            at = (self.slider, self._sent(there))
            self.page.hand(frames, view.numbers, at=at, turn=self.shelf.turn)
        yield

    def prepare(self, s: Any) -> Task:
        """Compute and draw a state, without showing it."""
        result = yield from self.result_of(s)
        for figure in self.figures.values():
            if figure.live:
                figure.begin(result)
                yield

    def ahead(self, s: Any, name: str) -> list[Any]:
        """List the values of a control that are worth having ready."""
        setting = s.settings().get(name)
        now: Any = getattr(s, name) if setting is not None else None
        match setting:
            case Whole():
                values = setting.values
                place = values.index(now)
                return [values[i] for i in sorted(range(len(values)), key=lambda i: abs(i - place))]
            case Choice():
                return s.allowed(name) or setting.values
            case Real():
                return setting.near(now)
            case _:
                return []

    # -- words ---------------------------------------------------------------------------

    def say(self, sentence: str) -> None:
        """Show one sentence above the results; the next change takes it away."""
        self.message = sentence
        self._messages.value = f'<p role="alert">{html.escape(sentence)}</p>' if sentence else ""

    def fail(self, error: Exception) -> None:
        """Turn an exception into a log entry and one sentence without path or traceback."""
        log.error("%s: %s", self.NAME, error, exc_info=error)
        said = str(error).strip().split("\n")[0]
        said = ABSOLUTE.sub("", said)  # a file's name stays, and a path inside the repository
        if not isinstance(error, ValueError | TypeError | OSError) or not 0 < len(said) < 320:
            said = f"This setting could not be computed ({type(error).__name__})."
        self.say(said if self.result is None else f"{said} What is shown is the last that worked.")

    def reset(self) -> None:
        """Set every control back to its start."""
        self.say("")
        self.state.reset()

    def _on_state(self, names: frozenset[str]) -> None:
        with self.worker.lock:
            self._follow_state(names)

    def _follow_state(self, names: frozenset[str]) -> None:
        self.say("")
        self.in_hand = next(iter(names)) if len(names) == 1 else ""
        if isinstance(self.state.settings().get(self.in_hand), Whole | Real):
            self.slider = self.in_hand
        for bound in self.controls.values():
            bound.sync()
        if self.presets.value and not self._fits(self.presets.value):
            self.presets.value = ""
            self._lesson.value = ""
        self.refresh()

    def _pick(self, name: str, x: float, y: float) -> None:
        with self.worker.lock:
            self.figures[name].pick(x, y)

    def _near(self, name: str) -> None:
        """Have the values of a slider ready that the hand comes to, the nearest before all else.

        No name means the slider moved last: a menu was set, and the hand is on its way.
        """
        with self.worker.lock:
            name = name or self.slider
            if not name or name == self.in_hand:
                return
            self.in_hand = self.slider = name
            self.worker.plan(self._tasks(self.state.copy(), NEAR, SOON))

    def _on_hello(self) -> None:
        """Begin with a page, which has nothing at hand yet; JupyterLab may open a second one."""
        self.shelf.empty()
        self.worker.release()

    def _follow(self, link: str) -> None:
        refused = self.state.from_query(link)
        if refused:
            self.say(" ".join(refused))

    # -- presets ------------------------------------------------------------------------

    def choose(self, preset: Preset) -> None:
        """Set the preset's values over the defaults and show its teaching point."""
        defaults = {n: setting.default_value for n, setting in self.state.settings().items()}
        refused = self.state.offer({**defaults, **preset.values})
        self._lesson.value = f"<p>{html.escape(preset.lesson)}</p>"
        self.presets.value = preset
        if refused:
            self.say(" ".join(refused))

    def _fits(self, preset: Preset) -> bool:
        values = self.state.values()
        defaults = {n: setting.default_value for n, setting in self.state.settings().items()}
        return values == {**defaults, **preset.values}

    def _preset_menu(self) -> Any:
        menu: Any = Chooser(
            options=[("Choose one …", ""), *((p.name, p) for p in self.PRESETS)],
            description="Presets",
            tooltip="Settings worth looking at, each with what it teaches",
        )
        menu.dress("preset")

        def chosen(change: Any) -> None:
            preset = change["new"]
            if preset and not (self._fits(preset) and self._lesson.value):
                self.choose(preset)

        menu.observe(chosen, "value")
        return menu

    # -- what it looks like ---------------------------------------------------------------

    def _laid_out(self) -> list[ipw.Widget]:
        head = ipw.HTML(
            f'<h1>{html.escape(self.TITLE)}</h1><p class="qlab-lead">{html.escape(self.LEAD)}</p>'
        )
        panel = _box("qlab-panel", [self.presets, self._lesson, *self.controls.values()])
        panel.children = (*panel.children, *self.tools(), self.reset_button, self.page)
        self.headings = {n: ipw.HTML(figure.heading()) for n, figure in self.figures.items()}
        cards = [
            _box("qlab-card", [self.headings[name], figure.image])
            for name, figure in self.figures.items()
        ]
        results = [
            self._messages,
            self.readout,
            _box("qlab-figures", cards, ipw.Box),
            self.below,
            *self.extras(),
        ]
        return [head, _box("qlab-body", [panel, _box("qlab-results", results)], ipw.Box)]

    # -- files -----------------------------------------------------------------------------

    def csv(self) -> str:
        """Return settings, numbers with provenance, and the further tables as CSV text."""
        out = io.StringIO()
        write = csv.writer(out, lineterminator="\n").writerow
        write(["setting", "value"])
        for name, value in self.state.values().items():
            write([name, value])
        if self.standing is not None:
            write([self.standing.name, f"a function that stands in, shown: {self.standing.shown}"])
        write([])
        write(["number", "value", "low", "high", "n", "source", "note"])
        for v in self.values.values():
            write([v.name, repr(float(v.value)), v.low, v.high, v.n, v.source, v.note])
        for title, (header, rows) in self.tables().items():
            write([])
            write([title])
            write(header)
            for row in rows:
                write(row)
        return out.getvalue()

    def _csv_file(self) -> tuple[str, str, bytes]:
        return f"qlab-{self.NAME}.csv", "text/csv", self.csv().encode()

    def _json_file(self) -> tuple[str, str, bytes]:
        return f"qlab-{self.NAME}.json", "application/json", self.state.to_json().encode()

    def _png_file(self) -> tuple[str, str, bytes]:
        return f"qlab-{self.NAME}.png", "image/png", png_sheet(list(self.figures.values()))

    def _svg_file(self) -> tuple[str, str, bytes]:
        return f"qlab-{self.NAME}.svg", "image/svg+xml", svg_sheet(list(self.figures.values()))


def changed(before: Any, now: Any) -> set[str]:
    """Name the settings in which two states differ."""
    then = before.values()
    return {name for name, value in now.values().items() if value != then[name]}


def _words(css: str) -> Any:
    words = ipw.HTML()
    words.add_class(css)
    return words


def _button(label: str, hint: str, css: str) -> Any:
    button = ipw.Button(description=label, tooltip=hint)
    button.add_class(css)
    return button


def _box(css: str, children: list[Any], kind: Any = ipw.VBox) -> Any:
    box = kind(children)
    box.add_class(css)
    return box
