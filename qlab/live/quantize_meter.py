"""A meter that stands in for the library's in the Quantize instrument.

    SQNR = f(W, Ŵ)          W, Ŵ: all weights of the chosen layers in a row, before and after   (1)

The function gets float64. Two right ways differ by the rounding of two sums of n squares, at most
(n + 8)·ε of each in any order, and the library subtracts in float32: an ε of that, twice, squared.
A relative change is 10/ln 10 times as much in decibels.
"""

import math
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np

from qlab import networks
from qlab.live.quantize_state import QuantizeResult, QuantizeState
from qlab.live.standin import Difference, Idle, StandIn, Unusable
from qlab.live.worker import Task


class MeterStandIn(StandIn):
    """The SQNR by a function f(x, x_hat); all pictures and other numbers stay the library's."""

    def work(self, s: QuantizeState) -> None:
        """Measure, and keep the library's result with this one number in it."""
        result = self.instrument.results[s.key()]
        sqnr = self.answers(s)
        self.results[s.key()] = replace(result, errors=replace(result.errors, sqnr=sqnr))

    def ask(self, s: QuantizeState, *given: Any) -> float:
        """Equation 1."""
        answer = self.call([before_and_after(self.instrument, s)])[0]
        if isinstance(answer, np.ndarray) and answer.ndim == 0:
            answer = answer[()]
        if isinstance(answer, bool) or not isinstance(answer, int | float | np.number):
            got = "nothing" if answer is None else f"a {type(answer).__name__}"
            raise Unusable(f"Your function returned {got}; one number, in decibels, is expected.")
        return float(answer)

    def compare(self, s: QuantizeState, answers: float) -> Difference | None:
        """Compare the two numbers."""
        right = self.instrument.results[s.key()].errors.sqnr
        n = sum(networks.load(s.network).weights[name].size for name in s.chosen())
        ε, ε32 = (float(np.finfo(kind).eps) for kind in (np.float64, np.float32))
        slack = 10 / math.log(10) * (2 * (n + 8) * ε + 2 * ε32)
        if answers == right or abs(answers - right) <= slack:
            return None
        given = f"{n:,} weights"
        return Difference(
            place="SQNR in dB", index=(), given=given, reference=right, other=answers, count=1, of=1
        )

    def view(self, result: QuantizeResult) -> QuantizeResult:
        """Return the library's result, with the function's number in it where it is alone."""
        key = self.instrument.state.key()
        reference = self.instrument.results.get(key, result)
        if self.shown != "mine" or not self.works:
            return reference
        return replace(reference, errors=self.results[key].errors)

    def numbers(self, result: QuantizeResult) -> list[Any]:
        """List the numbers; beside the library's SQNR that of the function."""
        values = list(self.instrument.numbers(result))
        if self.shown != "both" or not self.works:
            return values
        mine = self.results[self.instrument.state.key()].errors.sqnr
        note = f"yours: {mine:.2f} dB"
        return [replace(v, note=note) if v.name == "sqnr" else v for v in values]

    def complete(self, task: Generator[None, None, Any], s: Any) -> Task:
        """Leave the accuracy to the library: it does not depend on the meter."""
        task.close()
        yield


def before_and_after(instrument: Any, s: QuantizeState) -> tuple[np.ndarray, np.ndarray]:
    """Return the chosen layers' weights in a row, and what quantization leaves of them, float64."""
    made = instrument.by_library(s)
    if made is None:
        raise Idle("This setting is being computed; your function is asked when it is there.")
    pair = (made.base, made.small.network)
    weights = ([one.weights[k].ravel() for k in s.chosen()] for one in pair)
    before, after = (np.concatenate(rows).astype(np.float64) for rows in weights)
    return before, after
