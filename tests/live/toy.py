"""The smallest whole instrument: every part of the frame is used once."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab import plots
from qlab.live import Choice, Figure, Flag, Instrument, Preset, Real, State, Task, Value, Whole


class ToyState(State):
    power = Whole(2, 1, 5, label="Power", help="Exponent.")
    scale = Real(1.0, 0.1, 10.0, 0.01, label="Scale", help="Factor.", log=True)
    shift = Real(0.0, -1.0, 1.0, 0.1, label="Shift", help="Added.")
    digits = Whole("all", 1, 3, label="Digits", help="Rounded to.", other="all")
    shape = Choice("even", {"even": "Even", "odd": "Odd"}, label="Shape", help="Side.")
    part = Choice("left", ["left", "right", "far"], label="Part", help="Side.")
    flip = Flag(False, label="Flip", help="Mirror.")

    def allowed(self, name: str) -> list[Any] | None:
        if name != "part":
            return None
        return ["left", "right"] if self.shape == "even" else ["left", "far"]


@dataclass(frozen=True)
class ToyResult:
    key: tuple[Any, ...]
    x: np.ndarray
    y: np.ndarray
    total: float | None = None


class Toy(Instrument):
    NAME, TITLE, LEAD = "toy", "A toy", "It <draws> powers."
    STATE = ToyState
    SPOKEN = ("last",)
    PRESETS = (
        Preset("Cube", {"power": 3}, "A cube keeps the sign."),
        Preset("Line", {"power": 1}, "The first power is a line."),
    )

    def build(self) -> list[Figure]:
        self.computed = 0

        def make(figure: Any) -> list[Any]:
            axes = plots.style.dress(figure.add_axes((0.15, 0.2, 0.8, 0.7)), "x", "y")
            axes.set(xlim=(-1, 1), ylim=(-12, 12))
            (self.line,) = axes.plot([], [])
            return [self.line]

        return [
            Figure(
                "power",
                "Power",
                size=(200, 120),
                build=make,
                draw=lambda r: self.line.set_data(r.x, r.y),
                key=lambda r: r.key,
                describe=lambda r: f"ends at {r.y[-1]:.2f}",
            )
        ]

    def steps(self, s: ToyState) -> Generator[None, None, ToyResult]:
        self.computed += 1
        x = np.linspace(-0.8, 1.0, 19)
        yield
        y = s.scale * (-1.0 - x if s.flip else x) ** s.power + s.shift
        y = y + {"left": 0.0, "right": 0.5, "far": 0.7}[s.part] + 0.1 * (s.shape == "odd")
        return ToyResult(s.key(), x, y if s.digits == "all" else np.round(y * 0.3, s.digits))

    def numbers(self, r: ToyResult) -> Iterator[Value]:
        yield Value(name="last", label="Last <y>", value=float(r.y[-3]), source="derived")
        yield Value(name="first", label="First y", value=float(r.y[3]), source="derived")
        if r.total is not None:
            yield Value(name="total", label="Sum", value=r.total, source="measured", n=len(r.y))

    def later(self, s: ToyState) -> Iterator[Task]:
        yield self.add_up(s)

    def add_up(self, s: ToyState) -> Task:
        total = 0.0
        for y in self.results[s.key()].y:
            total += float(y)
            yield
        self.improve(s, total=total)

    def code(self) -> str:
        s = self.state
        return f"y = {s.scale} * 0.8 ** {s.power} + {s.shift}\nprint('last', y)\n"
