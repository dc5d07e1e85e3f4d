"""The live view: an instrument is a class in one file, a notebook cell and an app.

To write one, copy the shape of ``quantize.py``:

1. ``class MyState(State)`` lists the settings (``Whole``, ``Real``, ``Choice``, ``Flag``); each
   becomes a control of the CSS class ``qlab-NAME``, checked at its own door.
2. ``class MyInstrument(Instrument)`` with ``NAME``, ``TITLE``, ``LEAD``, ``STATE``, ``PRESETS``
   (at least four, each with its lesson) and ``SPOKEN``.
3. ``steps(s)`` computes the result of a state, a frozen dataclass with a ``key``, yielding
   every few milliseconds. It calls the library and holds no mathematics of its own. The
   same generator answers the hand at once and fills the cache when the hand rests.
4. ``numbers(result)`` lists ``Value``s, each with its provenance.
5. ``build()`` makes ``Figure``s from functions of ``qlab.plots``; a figure has one function
   for what stands still (``stage``, by ``scene``) and one for what moves (``draw``, by ``key``).
   With ``on_pick`` a picture takes a click, or a drag; a control must set the same.
6. ``later(s)`` yields generators for the moments of rest: the whole test split, the
   curve. They end in ``self.improve(s, field=…)``.
7. ``code()`` writes the lines that print the same numbers; a test runs them.

Long work (training) is a ``Job``: another process, with progress, stop and keep-best.

``INSTRUMENTS`` has all of them by name: benchmarks and tests find a new one there.
"""

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qlab.live.figure import Figure
from qlab.live.instrument import Instrument, Preset
from qlab.live.job import Job, JobPanel
from qlab.live.readout import Readout, Value
from qlab.live.settings import Choice, Flag, Real, Whole
from qlab.live.state import State
from qlab.live.worker import Task, Worker, finish

if TYPE_CHECKING:
    from qlab.live.allocate import Allocate
    from qlab.live.calibrate import Calibrate
    from qlab.live.distill import Distil
    from qlab.live.grids import Grids
    from qlab.live.integer import Integer
    from qlab.live.microscope import Microscope
    from qlab.live.pack import Pack
    from qlab.live.prune import Prune
    from qlab.live.qat import Qat
    from qlab.live.quantize import Quantize

__all__ = [
    "INSTRUMENTS",
    "Allocate",
    "Calibrate",
    "Choice",
    "Distil",
    "Figure",
    "Flag",
    "Grids",
    "Instrument",
    "Instruments",
    "Integer",
    "Job",
    "JobPanel",
    "Microscope",
    "Pack",
    "Preset",
    "Prune",
    "Qat",
    "Quantize",
    "Readout",
    "Real",
    "State",
    "Task",
    "Value",
    "Whole",
    "Worker",
    "finish",
]

_CLASSES = {
    "quantize": "Quantize",
    "prune": "Prune",
    "distill": "Distil",
    "grids": "Grids",
    "allocate": "Allocate",
    "microscope": "Microscope",
    "integer": "Integer",
    "calibrate": "Calibrate",
    "pack": "Pack",
    "qat": "Qat",
}


class Instruments(Mapping[str, type[Instrument]]):
    """Every instrument by its ``NAME``, which is its module's and its app's too.

    The names cost nothing; a look-up imports that instrument, not all of them.

    Examples
    --------
    >>> "pack" in INSTRUMENTS, INSTRUMENTS["quantize"].TITLE
    (True, 'Quantize')
    """

    def __getitem__(self, name: str) -> type[Instrument]:
        kind = _CLASSES[name]
        return getattr(importlib.import_module(f"qlab.live.{name}"), kind)

    def __contains__(self, name: object) -> bool:
        return name in _CLASSES  # a mapping's own would import

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)


INSTRUMENTS = Instruments()


def __getattr__(name: str) -> Any:
    for module, kind in _CLASSES.items():
        if kind == name:
            return INSTRUMENTS[module]
    raise AttributeError(f"module 'qlab.live' has no attribute {name!r}")
