"""From the hand to changed pixels: every slider of every instrument, in Chromium, through Voila.

A key press starts the watch; it stops when the last picture that the press changed has been
painted (``live.js`` says exactly when that is, and looks at the pixels), or the numbers where no
picture had to change. The kinds of row:

    seen    the state was shown before: its result and its frames are kept, in the page as well
    new     nobody asked for it before: the menus were just set to a combination not met before, and
            the keys follow so quickly that no idle work comes between, only what the kernel
            begins while the page still paints: the slider's places beside that which the menu
            met, then the next value in the key's direction
    hand    (drags) the menus were just set to a combination not met before; then the mouse goes
            from there to the slider, as long as a hand takes for it: 1.1 s, the time to point of
            the keystroke-level model (Card, Moran and Newell, 1980)

While dragging the mouse goes to and fro, 60 moves a second; what counts is frames a second with a
new picture or new numbers, and the age of the last picture: from the release of the button to that
of the last value. Drags over ``new`` states begin at once, as no hand can: they show what the
kernel does when nothing helps.

The peer, in the same run on the same server, is what a notebook usually does: `interact` and an
inline plot of the same histogram with the same accuracy. Beside it stands a page whose kernel
computes nothing and sends one ready picture through `ipywidgets.Image`: what the way alone takes.
"""

import math
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Locator, sync_playwright

from benchmarks import table
from qlab.live import INSTRUMENTS
from qlab.live.settings import Choice, Real, Whole
from tests.browser import executable
from tests.e2e.harness import App, Server

KEYS = "Key press to changed pixels, milliseconds"
DRAGS = "Dragging with the mouse"
BUDGETS = {"seen": (33.0, 45.0), "new": (40.0, 60.0)}  # ms: median, 95th percentile
POINTING = 1.1  # seconds from the menu to the slider
FRAMES, LATE = 30.0, 60.0  # frames a second at least; ms from release to the last value at most
SAMPLES = 30  # key presses of a row
QUIET, PATIENCE = 35, 1500  # ms without a new picture that end an answer; ms to wait for a first
RESTED = 110  # ms between two presses after which idle work may have helped: not counted as new
PROMISED = ("quantize", "prune", "distill")  # others when named: `python -m benchmarks.live grids`
NETWORKS = {"quantize": ("lenet_300_100", "lenet_5"), "prune": ("lenet_300_100", "lenet_5")}
PEERS = {"ready": "a ready picture in an Image widget", "peer": "the peer: interact"}
UNTURNED = ("network", "grid", "repair")  # what their changes cost is computed beside the page
STILL = ("epochs",)  # sliders of a training to come: they move no picture
LARGE = "lenet_5"  # ten times the work: measured when named, `python -m benchmarks.live lenet_5`
HERE = Path(__file__).parent
Row = dict[str, object]


class Slider:
    """One slider on an open page, and the hand on it."""

    def __init__(self, app: App, trait: str, values: int) -> None:
        self.app, self.page, self.trait = app, app.page, trait
        self.steps = values - 1
        self.random = np.random.default_rng(0)
        self.met = {self.menus()}

    def place(self) -> float:
        """Return where the handle is, 0 to 1."""
        handle = self.app.control(self.trait).locator(".noUi-handle").first
        low, high, now = (
            float(handle.get_attribute(f"aria-value{name}") or 0) for name in ("min", "max", "now")
        )
        return (now - low) / (high - low)

    def press(self, key: str) -> dict[str, Any]:
        """Press a key and return the watch; an answer that takes longer counts as ``PATIENCE``.

        ``all`` is None for a press that changed nothing on the screen, and so has no answer.
        """
        self.page.keyboard.press(key)
        self.page.wait_for_timeout(12)  # until the kernel has heard of it
        end = time.monotonic() + PATIENCE / 1000
        while self.app.waiting and time.monotonic() < end:
            self.page.wait_for_timeout(4)  # idle work may show a picture before the answer
        answer = self.page.evaluate(f"eye.answer({QUIET}, {PATIENCE})")
        if not np.isfinite(answer["all"]):
            while self.app.waiting:
                self.page.wait_for_timeout(5)
            came = self.page.evaluate("eye.paints.length + eye.told.length")
            answer["first"] = answer["all"] = PATIENCE if came else None
        return answer

    def take(self) -> None:
        """Put the keyboard's focus on the handle, and look at the pictures as they are."""
        handle = self.app.control(self.trait).locator(".noUi-handle").first
        handle.evaluate("(handle) => (handle.focus(), eye.look())")

    # -- menus: where new states come from

    def menus(self) -> tuple[str, ...]:
        """Return what all menus and boxes are set to."""
        return tuple(
            self.page.evaluate(
                """() => [...document.querySelectorAll(".qlab-control select")]
                .map((s) => s.selectedOptions[0]?.textContent)"""
            )
        )

    def renew(self, names: list[str]) -> None:
        """Set the menus to a combination that was not met before."""
        for _ in range(40):
            select = self.app.control(str(self.random.choice(names))).locator("select")
            options = select.locator("option").count()
            if options < 2 or select.is_disabled() or not select.is_visible():
                continue
            here = select.evaluate("(s) => s.selectedIndex")
            other = (here + 1 + int(self.random.integers(options - 1))) % options
            self._choose(select, other)
            if not self.app.control(self.trait).is_visible():  # a menu may hide the slider
                self._choose(select, here)
            elif self.menus() not in self.met:
                break
        self.met.add(self.menus())

    def _choose(self, select: Locator, index: int) -> None:
        self.page.evaluate("eye.paints = []")
        select.select_option(index=index)
        while self.app.waiting:  # a table of levels may take its time
            self.page.wait_for_timeout(5)
        self.page.evaluate(f"eye.answer({QUIET}, {PATIENCE})")

    # -- what is measured

    def seen(self) -> list[dict[str, Any]]:
        """Press to and fro among states that were shown, at the pace of a reader."""
        self.app.settle(rest=1)
        self.take()
        inward = "ArrowRight" if self.place() < 0.5 else "ArrowLeft"
        outward = {"ArrowRight": "ArrowLeft", "ArrowLeft": "ArrowRight"}[inward]
        path = [*[inward] * 5, *[outward] * 5]
        for key in path:
            self.press(key)
        self.app.settle(rest=0.5)
        answers: list[dict[str, Any]] = []
        while len(answers) < SAMPLES:
            answers.append(self.press(path[len(answers) % len(path)]))
            time.sleep(self.random.uniform(0.05, 0.4))  # now before idle work, now within it
        return answers

    def new(self, names: list[str]) -> list[dict[str, Any]]:
        """Sweep through states of which nothing was computed."""
        answers: list[dict[str, Any]] = []
        sweep = min(self.steps, 15)
        end = time.monotonic() + 20
        while len(answers) < SAMPLES and time.monotonic() < end:
            self.renew(names)
            self.take()
            key = "ArrowRight" if self.place() < 0.5 else "ArrowLeft"
            presses = [self.press(key) for _ in range(sweep)]
            answers += [answer for answer in presses if answer["gap"] < RESTED]
        return answers

    def approach(self) -> None:
        """Move the mouse from the menus to the handle as a hand does: slow, quick, slow."""
        self.app.control(self.trait).scroll_into_view_if_needed()
        menu = self.page.locator(".qlab-control select:visible").first.bounding_box()
        handle = self.app.control(self.trait).locator(".noUi-handle").first.bounding_box()
        assert menu and handle
        start, end = (
            np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
            for box in (menu, handle)
        )
        moves = int(60 * POINTING)
        for i in range(1, moves + 1):
            due = time.perf_counter() + POINTING / moves
            t = i / moves
            x, y = start + (end - start) * t**3 * (10 - 15 * t + 6 * t**2)
            self.page.mouse.move(float(x), float(y))
            time.sleep(max(0.0, due - time.perf_counter()))

    def path(self) -> tuple[list[float], float]:
        """List the places of the mouse, in pixels, of a drag within 25 values of here, and back.

        A mouse tells whole pixels: each move is two at least, so that it comes to another value.
        """
        self.app.control(self.trait).scroll_into_view_if_needed()
        base = self.app.control(self.trait).locator(".noUi-base").first.bounding_box()
        assert base
        here = round(self.place() * self.steps)
        low, high = max(0, here - 25), min(self.steps, here + 25)
        stride = max(1, math.ceil(2 * self.steps / base["width"]))
        places = to_and_fro(low, high, here, stride)
        x = [base["x"] + base["width"] * at / self.steps for at in places]
        return x, base["y"] + base["height"] / 2

    def tour(self) -> None:
        """Drag so slowly that all values of a drag are shown: afterwards they are seen."""
        mouse, (x, y) = self.page.mouse, self.path()
        mouse.move(x[0], y)
        mouse.down()
        for there in [*x, x[0]]:
            mouse.move(there, y)
            self.page.wait_for_timeout(20)  # until the kernel has heard of it
            while self.app.waiting:
                self.page.wait_for_timeout(5)
        mouse.up()
        self.app.settle(rest=0.5)

    def drag(self, seconds: float) -> dict[str, float]:
        """Drag to and fro, 60 moves a second; then let go."""
        mouse, (x, y) = self.page.mouse, self.path()
        mouse.move(x[0], y)
        mouse.down()
        for i in range(int(60 * seconds)):
            due = time.perf_counter() + 1 / 60
            mouse.move(x[i % len(x)], y)
            time.sleep(max(0.0, due - time.perf_counter()))
        mouse.up()
        self.page.wait_for_timeout(600)
        return self.page.evaluate("eye.dragged()")


def to_and_fro(low: int, high: int, here: int, stride: int = 1) -> list[int]:
    """List the places from here up, down, and back.

    Examples
    --------
    >>> to_and_fro(0, 3, 2)
    [2, 3, 2, 1, 0, 1]
    >>> to_and_fro(0, 5, 2, stride=2)
    [2, 4, 2, 0]
    """
    low, high = here - (here - low) // stride * stride, here + (high - here) // stride * stride
    return [
        *range(here, high, stride),
        *range(high, low, -stride),
        *range(low, here, stride),
    ]


def keys_row(what: str, kind: str, answers: list[dict[str, Any]], peer: float) -> Row:
    """Write one row: the median and 95th percentile against their budget."""
    pressed, answers = len(answers), [one for one in answers if one["all"] is not None]
    times = [answer["all"] for answer in answers]
    median, high = (float(np.percentile(times, p)) for p in (50, 95)) if times else (0.0, 0.0)
    budget = BUDGETS.get(kind)
    kept = "" if budget is None else "yes" if median <= budget[0] and high <= budget[1] else "no"
    return {
        "slider": what,
        "state": kind,
        "presses": pressed,
        "that changed something": len(times),
        "pictures": statistics.median([a["pictures"] for a in answers]) if answers else 0,
        "first picture": statistics.median([a["first"] for a in answers]) if answers else "",
        "median": median if times else "moves no picture",
        "95th percentile": high if times else "",
        "budget": "" if budget is None else f"{budget[0]:.0f}, {budget[1]:.0f}",
        "kept": kept if times else "",
        "peer's median is": f"{peer / median:.1f} ×" if times and peer else "",
    }


def drag_row(what: str, kind: str, drags: list[dict[str, float]], peer: float) -> Row:
    """Write one row: frames a second, and how late the last one was."""
    rate = statistics.median(drag["rate"] for drag in drags)
    late = [drag["late"] for drag in drags]
    held = rate >= FRAMES and statistics.median(late) <= LATE
    budgeted = kind in (*BUDGETS, "hand")
    return {
        "slider": what,
        "states": kind,
        "drags": len(drags),
        "frames/s": rate,
        "last frame after, ms": statistics.median(late),
        "at most": max(late),
        "budget": f"{FRAMES:.0f}, {LATE:.0f}" if budgeted else "",
        "kept": ("yes" if held else "no") if budgeted else "",
        "peer's frames/s": peer or "",
    }


def measure_peer(page: "Opener", name: str) -> tuple[list[dict[str, Any]], list[dict[str, float]]]:
    """Measure one slider called ``bits`` that has 16 values, as it stands."""
    with page(name, "") as app:
        app.page.wait_for_selector("img")
        slider = Slider(app, "bits", 16)
        return slider.seen(), [slider.drag(1.5) for _ in range(2)]


def measure(what: str, app: App, trait: str, values: int, menus: list[str]) -> Iterator[Any]:
    """Measure one slider of an instrument; yields (table, kind, samples)."""
    slider = Slider(app, trait, values)
    seen = slider.seen()
    yield "keys", "seen", seen
    if not any(answer["pictures"] for answer in seen):
        return  # epochs of a training to come, for instance
    slider.tour()
    yield "drags", "seen", [slider.drag(1.2) for _ in range(3)]
    yield "keys", "new", slider.new(menus)
    for kind in ("hand", "new"):
        drags = []
        for _ in range(4):
            slider.renew(menus)
            if kind == "hand":
                slider.approach()
            drags.append(slider.drag(0.4 if values < 40 else 0.8))
        yield "drags", kind, drags


class Opener:
    """Opens pages of one server in one browser, each in a window of its own."""

    def __init__(self, browser: Any, server: Server) -> None:
        self.browser, self.server = browser, server

    @contextmanager
    def __call__(self, name: str, query: str) -> Iterator[App]:
        """Open a page with the watch in it; close it, and with it its kernel."""
        context = self.browser.new_context(viewport={"width": 1280, "height": 1000})
        context.add_init_script(path=HERE / "live.js")
        app = App(context, self.server).open(name, query)
        yield app
        app.close()
        context.close()


@contextmanager
def opened() -> Iterator[Opener]:
    """Serve the apps and the peer; start a browser."""
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        pages = Path(folder) / "apps"
        shutil.copytree(HERE.parent / "apps", pages)
        for name in ("peer", "ready"):
            shutil.copy(HERE / f"{name}.ipynb", pages)
        server = Server(Path(folder) / "log.txt", "--preheat=0", apps=pages)
        browser = playwright.chromium.launch(executable_path=executable(), args=root)
        try:
            yield Opener(browser, server)
        finally:
            browser.close()
            server.stop()


def run(*only: str) -> dict[str, list[Row]]:
    """Return the rows of both tables, of all that is promised or of what is named."""
    rows: dict[str, list[Row]] = {"keys": [], "drags": []}
    write = {"keys": keys_row, "drags": drag_row}
    with opened() as page:
        for what, name in (
            ("one ready picture in an Image widget", "ready"),
            ("the peer: interact", "peer"),
        ):
            keys, drags = measure_peer(page, name)
            rows["keys"].append(keys_row(what, "", keys, 0))
            rows["drags"].append(drag_row(what, "", drags, 0))
            print(what, rows["keys"][-1], rows["drags"][-1], file=sys.stderr)
        peer = {
            "keys": float(str(rows["keys"][-1]["median"])),
            "drags": float(str(rows["drags"][-1]["frames/s"])),
        }
        named = dict.fromkeys(w for words in only if (w := words.split(" ")[0]) in INSTRUMENTS)
        for name in named or PROMISED:
            settings = INSTRUMENTS[name].STATE.settings()
            menus = [n for n, s in settings.items() if isinstance(s, Choice) and n not in UNTURNED]
            counts = {
                n: places(s)
                for n, s in settings.items()
                if isinstance(s, Whole | Real) and n not in STILL
            }
            for network in NETWORKS.get(name, ("",)):
                for trait, values in counts.items():
                    what = " ".join(filter(None, (name, trait, network)))
                    wanted = [words for words in only or [""] if words in what]
                    if not any(LARGE in words or LARGE not in what for words in wanted):
                        continue
                    with page(name, f"network={network}" if network else "") as app:
                        for kind, state, samples in measure(what, app, trait, values, menus):
                            rows[kind].append(write[kind](what, state, samples, peer[kind]))
                            print(rows[kind][-1], file=sys.stderr, flush=True)
    return rows


def places(setting: Whole | Real) -> int:
    """Count the places of a slider's handle."""
    if isinstance(setting, Whole):
        return len(setting.values)
    if setting.stops:
        return len(setting.stops)
    ends = np.log10([setting.low, setting.high]) if setting.log else [setting.low, setting.high]
    return 1 + round(float(ends[1] - ends[0]) / setting.step)


def main() -> None:
    """Print both tables."""
    show(run(*sys.argv[1:]))


def show(rows: dict[str, list[Row]]) -> None:
    """Print both tables of these rows."""
    print(table(KEYS, rows["keys"]))
    print()
    print(table(DRAGS, rows["drags"]))


if __name__ == "__main__":
    main()
