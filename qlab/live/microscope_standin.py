"""A function of lab 03 that stands in for the library's in the Microscope.

    Ŵ = f(W, scales, size, bits)                for "granularity.fake_quantize_groups"      (1)
    scales = f(W, bits, size)                   for "granularity.group_scales"              (2)

W is the layer as rows, (out, in). Of two levels equally near, either will do in (1), as far as
float32 tells.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab import core, plots
from qlab.core import PerGroup, QParams
from qlab.live.microscope_slide import found_range, slide
from qlab.live.microscope_state import MicroscopeResult, MicroscopeState
from qlab.live.overlay import DOTTED
from qlab.live.standin import Difference, Idle, StandIn, Unusable, beside, over, swatch
from qlab.plots.style import INK, PURPLE

TIE = 4 * 2.0**-24  # relative: a scale, a quotient, a product and a level round once each


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What the function gave: all values that come back, and the scales that were used."""

    W_hat: np.ndarray  # (rows, columns)
    qparams: QParams


class MicroscopeStandIn(StandIn):
    """Values or scales by a function, equation 1 or 2."""

    LEGEND = {  # noqa: RUF012
        "cells": swatch("▱") + "cells in which yours differ",
        "code": swatch("◇") + "yours",
        "sums": swatch("┅") + "yours, dotted",
    }

    def ask(self, s: MicroscopeState, *given: Any) -> Answers:
        """Quantize the layer with the function at work."""
        spec = s.spec()
        if not isinstance(spec.granularity, PerGroup):
            raise Idle("Your function is for groups. Set the granularity to one of them.")
        if not s.symmetric:
            raise Idle("Your function is for symmetric codes. Tick Symmetric.")
        if s.bits == 1:
            raise Idle("Your function is for 2 bits and more: one bit has no level above zero.")
        on, size = slide(s.network, s.layer), spec.granularity.size
        W = on.W.astype(np.float64)
        if self.name == "granularity.group_scales":
            if s.method != "minmax":
                raise Idle("Your scales reach the largest weight. Set the range to minmax.")
            [answer] = self.call([(W, s.bits, size)])
            shape = spec.granularity.compact_shape(W.shape)
            scales = _checked(answer, shape, "scales")
            if not (scales > 0).all():
                raise Unusable("Your function returned scales that are not above zero.")
            qparams = QParams(scales, np.zeros(shape, np.int32), spec)
            return Answers(core.fake_quantize(on.tensor, qparams).reshape(W.shape), qparams)
        qparams = found_range(s.network, s.layer, spec, s.method)
        [answer] = self.call([(W, qparams.scale.astype(np.float64), size, s.bits)])
        return Answers(_checked(answer, W.shape, "values"), qparams)

    def codes(self, W_hat: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> np.ndarray:
        """Name the code that each value would have, on the grid or not."""
        far = np.clip(W_hat.astype(np.float64) / scale, -32768, 32767)
        return np.rint(far).astype(np.int64) + zero

    def compare(self, s: MicroscopeState, answers: Answers) -> Difference | None:
        """Compare scales, or values weight by weight."""
        on, spec = slide(s.network, s.layer), s.spec()
        right = found_range(s.network, s.layer, spec, s.method)
        if self.name == "granularity.group_scales":
            mine, theirs = answers.qparams.scale, right.scale
            wrong = np.flatnonzero(np.abs(mine - theirs) > TIE * theirs)
            names = ("row", "group")
            given = core.per_block(lambda rows: np.abs(rows).max(axis=1), on.W, spec.granularity)
        else:
            mine, theirs = answers.W_hat, core.fake_quantize(on.W, right)
            wrong = np.flatnonzero(np.abs(mine - theirs) > TIE * np.abs(theirs))
            scale = np.broadcast_to(right.expand(on.tensor.shape)[0], on.tensor.shape).ravel()
            wrong = wrong[~_ties(on.W.ravel()[wrong], mine.ravel()[wrong], scale[wrong])]
            names, given = ("row", "column"), on.W
        if not wrong.size:
            return None
        index = tuple(int(k) for k in np.unravel_index(wrong[0], mine.shape))
        return Difference(
            place=f"{s.layer}, " + ", ".join(f"{n} {k}" for n, k in zip(names, index, strict=True)),
            index=index,
            given=float(given[index]),
            reference=float(theirs[index]) + 0.0,  # no −0
            other=float(mine[index]) + 0.0,
            count=int(wrong.size),
            of=mine.size,
        )

    def overlays(self) -> Iterator[tuple[str, Callable[[Any], Any], Callable[[Any], None]]]:
        """Outline cells that differ, and lay the other value and the other sum over."""
        yield ("cells", *_cells())
        yield ("code", *_value())
        yield ("sums", *_sums())


def _checked(answer: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "fiu":
        got = "nothing" if answer is None else f"a {type(answer).__name__}"
        raise Unusable(f"Your function returned {got}; an array of {what} is expected.")
    if answer.shape != shape:
        raise Unusable(
            f"Your function returned shape {answer.shape}; {what} of shape {shape} are expected."
        )
    with np.errstate(over="ignore"):
        values = answer.astype(np.float32)
    if not np.isfinite(values).all():
        raise Unusable(f"Your function returned infinity or NaN among the {what}.")
    return values


def _ties(w: np.ndarray, mine: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Say where the two levels around a weight are equally near, and one of them was taken."""
    y = w.astype(np.float64) / scale
    near = np.abs(np.abs(y - np.floor(y)) - 0.5) <= TIE * np.maximum(1.0, np.abs(y))
    return np.asarray(near & (np.abs(mine - w) <= (0.5 + 1e-5) * scale))


def _cells() -> tuple[Callable[[Any], Any], Callable[[Any], None]]:
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        (art["line"],) = figure.axes[0].plot([], [], color=PURPLE, lw=2.2, clip_on=False)
        return [art["line"]]

    def draw(r: MicroscopeResult) -> None:
        other, found = over(r), beside(r)
        marked = other is not None and found is not None and found.difference is not None
        art["line"].set_visible(marked)
        if marked:
            unlike = np.abs(np.nan_to_num(other.cells) - np.nan_to_num(r.cells))
            art["line"].set_data(*plots.outline(unlike > 1e-4 * np.nanmax(np.abs(r.cells))))

    return build, draw


def _value() -> tuple[Callable[[Any], Any], Callable[[Any], None]]:
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        (art["mine"],) = figure.axes[0].plot([], [], "D", mfc=PURPLE, mec=INK, mew=1.2, ms=8)
        return [art["mine"]]

    def draw(r: MicroscopeResult) -> None:
        other = over(r)
        art["mine"].set_visible(other is not None)
        if other is not None:
            end = plots.code.EDGE - 0.15
            art["mine"].set_data([np.clip((other.back - r.back) / r.scale, -end, end)], [0.0])

    return build, draw


def _sums() -> tuple[Callable[[Any], Any], Callable[[Any], None]]:
    art: dict[str, Any] = {}

    def build(figure: Any) -> list[Any]:
        (art["sum"],) = figure.axes[0].plot([], [], color=PURPLE, ls=DOTTED, lw=2.4)
        return [art["sum"]]

    def draw(r: MicroscopeResult) -> None:
        other = over(r)
        art["sum"].set_visible(other is not None)
        if other is not None:
            art["sum"].set_data(np.arange(len(other.back_sums)), other.back_sums)

    return build, draw
