"""The exercises, one file a topic. A new file is found by its ``EXERCISES``; nothing lists it."""

import functools
import importlib
import pkgutil

from qlab.course.exercise import Exercise

__all__ = ["all_exercises", "exercise"]


@functools.cache
def all_exercises() -> dict[str, Exercise]:
    """Return every exercise by its name, labs ascending."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    files = (importlib.import_module(f"{__name__}.{name}") for name in names)
    found = [one for file in files for one in getattr(file, "EXERCISES", ())]
    return {one.name: one for one in sorted(found, key=lambda one: one.lab)}


def exercise(name: str) -> Exercise:
    """Return one exercise.

    Parameters
    ----------
    name
        For instance "affine.quantize".

    Raises
    ------
    ValueError
        No exercise has that name; the sentence lists those that there are.
    """
    known = all_exercises()
    if name not in known:
        raise ValueError(f"exercise: one of {', '.join(known)} expected, got {name!r}.")
    return known[name]
