"""An exhibit in the page: claim, as it stands, measured (with its controls), true.

A control moves, the exhibit measures, numbers and picture follow; results are kept by setting.
Nothing here needs a page: ``card.controls["bits"].value = 4`` does in a script what a hand does.
"""

import functools
import html
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ipywidgets as ipw

import qlab.live
from qlab.course.clinic.exhibit import Exhibit, Measurement
from qlab.live.controls import Chooser, control
from qlab.live.figure import Figure
from qlab.live.readout import Readout

log = logging.getLogger("qlab.course")
SIZE = (440, 250)
KEPT = 64  # measurements, by setting

STYLE = """
.qlab-exhibit { border: 1px solid var(--line); border-radius: 8px; width: 100%; }
.qlab-clinic { padding-left: 0; padding-right: 0; }
.qlab-exhibit .qlab-says { margin-top: 10px; }
.qlab-exhibit .qlab-card { width: fit-content; }
.qlab-exhibit h3 { font-size: 0.9rem; font-weight: 650; margin: 12px 0 2px; color: var(--deep); }
.qlab-exhibit p { margin: 0 0 4px; max-width: 75ch; overflow-wrap: anywhere; }
.qlab-exhibit pre { margin: 4px 0; padding: 6px 10px; background: var(--wash); color: var(--ink);
  border: 1px solid var(--line); border-radius: 5px; overflow-x: auto; font-size: 0.86rem; }
.qlab-exhibit .qlab-stands { border-left: 4px solid var(--red); padding-left: 10px; }
.qlab-exhibit .qlab-truth { border-left: 4px solid var(--green); padding-left: 10px; }
.qlab-exhibit .qlab-file, .qlab-exhibit .qlab-reading { color: var(--grey); font-size: 0.86rem; }
"""


@functools.cache
def stylesheet() -> str:
    """Return the looks of the live room and of the clinic, once for each widget's page."""
    live = (Path(qlab.live.__file__).parent / "style.css").read_text(encoding="utf-8")
    return f"<style>{live}{STYLE}</style>"


class Card(ipw.VBox):
    """One exhibit with its controls.

    Parameters
    ----------
    exhibit
        What it shows.
    """

    def __init__(self, exhibit: Exhibit) -> None:
        super().__init__()
        for css in ("qlab-instrument", "qlab-exhibit", f"qlab-exhibit-{exhibit.number}"):
            self.add_class(css)
        self.exhibit, self.state = exhibit, exhibit.state()
        self.outcome = exhibit.as_it_stands()
        self.measurement: Measurement | None = None
        self.readout = Readout("measured")
        self._says, self._message = ipw.HTML(), ipw.HTML()
        self.caption = ipw.HTML()  # the picture in words, for all: ipywidgets' images have no alt
        self._message.add_class("qlab-message")
        self.message = ""
        self.controls = {name: control(self.state, name, self.say) for name in exhibit.controls}
        self.measure = functools.lru_cache(KEPT)(self._measure)
        self.figure: Figure | None = None
        self.state.listen(self._moved)
        self._refresh()
        self.children = self._laid_out()

    def say(self, sentence: str) -> None:
        """Show one sentence above the numbers; the next change takes it away."""
        self.message = sentence
        self._message.value = f'<p role="alert">{html.escape(sentence)}</p>' if sentence else ""

    def text(self) -> str:
        """Return the exhibit in words, measured at its first setting."""
        return self.exhibit.text()

    def _moved(self, names: frozenset[str]) -> None:
        self.say("")
        for bound in self.controls.values():
            bound.sync()
        self._refresh()

    def _measure(self, key: tuple[Any, ...]) -> Measurement:
        return self.exhibit.measure(**dict(zip(self.exhibit.controls, key, strict=True)))

    def _refresh(self) -> None:
        values = self.state.values()
        try:
            found = self.measure(tuple(values[name] for name in self.exhibit.controls))
        except Exception as error:  # the controls stay alive, what is shown is the last that worked
            log.error("%s could not be measured", self.exhibit.number, exc_info=error)
            return self.say(f"This setting could not be measured ({type(error).__name__}).")
        self.measurement = found
        self.readout.show(found.values)
        self._says.value = f'<p class="qlab-says" aria-live="polite">{html.escape(found.says)}</p>'
        if found.draw is not None:
            if self.figure is None:
                self.figure = _figure(self.exhibit)
            self.figure.show(found)
            self.caption.value = f'<p class="qlab-caption">{html.escape(found.alt)}</p>'
        return None

    def _laid_out(self) -> list[ipw.Widget]:
        e = self.exhibit
        code = f"<pre><code>{html.escape(e.fragment)}</code></pre>" if e.fragment else ""
        told = html.escape(self.outcome.says)
        mark = html.escape(self.outcome.mark)
        head = ipw.HTML(
            f"{stylesheet()}<h2>{e.number} · {html.escape(e.title)}</h2><h3>Claimed</h3>"
            f'<p class="qlab-claim">{html.escape(e.claim)}</p>'
            f'<p class="qlab-file">{html.escape(e.file)}</p><h3>As it stands</h3>{code}'
            f'<p class="qlab-stands"><strong>{mark}</strong> {told}</p><h3>Measured</h3>'
        )
        panel = ipw.VBox(list(self.controls.values()))
        panel.add_class("qlab-panel")
        shown: list[ipw.Widget] = [self._message, self.readout, self._says]
        if self.figure is not None:
            card = ipw.VBox([self.figure.image, self.caption])
            card.add_class("qlab-card")
            shown.append(card)
        results = ipw.VBox(shown)
        results.add_class("qlab-results")
        body = ipw.Box([panel, results])
        body.add_class("qlab-body")
        foot = ipw.HTML(
            f'<h3>True</h3><p class="qlab-truth">{html.escape(e.truth)}</p>'
            f'<p class="qlab-reading">{html.escape(e.reading)}</p>'
        )
        return [head, body, foot]


class Clinic(ipw.VBox):
    """Several exhibits, one at a time, with a menu.

    Parameters
    ----------
    title
        Above the menu.
    exhibits
        At least one, in the order of the menu.
    """

    def __init__(self, title: str, exhibits: Sequence[Exhibit]) -> None:
        super().__init__()
        self.add_class("qlab-instrument")
        self.add_class("qlab-clinic")
        self._exhibits = {one.number: one for one in exhibits}
        self._cards: dict[str, Card] = {}
        self._title = ipw.HTML(f"{stylesheet()}<h2>{html.escape(title)}</h2>")
        self.menu: Any = Chooser(
            options=[(f"{one.number} · {one.title}", one.number) for one in exhibits],
            description="Exhibit",
            tooltip="Which claim is shown",
        )
        self.menu.dress("exhibit-menu")
        self.menu.observe(lambda change: self._turn(), "value")
        self._turn()

    @property
    def card(self) -> Card:
        """The exhibit that is shown."""
        number = self.menu.value
        if number not in self._cards:
            self._cards[number] = Card(self._exhibits[number])
        return self._cards[number]

    def choose(self, number: str) -> Card:
        """Turn to an exhibit and return its card.

        Raises
        ------
        ValueError
            It is not among those shown here.
        """
        if number not in self._exhibits:
            known = ", ".join(self._exhibits)
            raise ValueError(f"choose: one of {known} expected, got {number!r}.")
        self.menu.value = number
        return self.card

    def text(self) -> str:
        """Return all exhibits of this clinic in words."""
        return "\n\n".join(one.text() for one in self._exhibits.values())

    def _turn(self) -> None:
        self.children = [self._title, self.menu, self.card]


def _figure(exhibit: Exhibit) -> Figure:
    """Make a picture that is drawn anew for every measurement."""
    made: list[Any] = []

    def build(figure: Any) -> list[Any]:
        made.append(figure)
        return []

    def stage(found: Measurement) -> None:
        made[0].clear()
        assert found.draw is not None
        found.draw(made[0])

    return Figure(
        f"exhibit-{exhibit.number}",
        exhibit.title,
        size=SIZE,
        build=build,
        draw=lambda found: None,
        key=lambda found: found,  # itself, not its id: a kept frame keeps its measurement alive
        scene=lambda found: found,
        stage=stage,
        describe=lambda found: found.alt,
    )
