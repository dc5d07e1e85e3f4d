"""Instruments that take a learner's function, made once: building one costs more than most tests.

`bench` hands out the same one each time, as it was made: no function in it, its first settings.
What a test left in it all the same would fail the tests that compare it with a `fresh` one.
"""

import functools
from collections.abc import Callable
from typing import Any

from qlab.course.bughunt import Pixels, visible
from qlab.course.exercises import exercise
from qlab.live import Distil, Instrument, Prune, Quantize

QUANTIZE, MAGNITUDE, SOFTEN = "affine.quantize", "pruning.magnitude", "distillation.soft_targets"
MADE: dict[str, Callable[[], Instrument]] = {
    QUANTIZE: lambda: Quantize(bits=3, symmetric=False, network="mlp_784_128_10"),
    MAGNITUDE: lambda: Prune(sparsity=0.8, network="mlp_784_128_10"),
    SOFTEN: lambda: Distil(temperature=8.0),
}


def fresh(name: str) -> Instrument:
    """Make an instrument of its own."""
    return MADE[name]()


@functools.cache
def _kept(name: str) -> tuple[Instrument, dict[str, Any]]:
    instrument = fresh(name)
    return instrument, dict(instrument.state.values())


def bench(name: str) -> Instrument:
    """Return the one instrument, as it was made."""
    instrument, first = _kept(name)
    instrument.stand_in(name, None)
    assert instrument.state.offer(first) == []
    assert (instrument.standing, instrument.message) == (None, "")
    return instrument


@functools.cache
def shown(name: str) -> dict[str, Pixels]:
    """Return the wrong versions that show there, with their pictures."""
    return visible(exercise(name), bench(name))
