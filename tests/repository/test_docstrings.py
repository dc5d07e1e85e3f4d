"""Every public function explains its arguments, its result, and itself by an example."""

import importlib
import inspect
from collections.abc import Callable, Iterator

import pytest

from tests.repository.tree import rooms


def public_functions() -> Iterator[tuple[str, Callable[..., object]]]:
    for room in rooms():
        module = importlib.import_module(f"qlab.{room}")
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value) and value.__module__.startswith("qlab"):
                yield f"qlab.{room}.{name}", value


def has_section(docstring: str, title: str) -> bool:
    return f"{title}\n{'-' * len(title)}\n" in docstring


def missing_sections(function: Callable[..., object]) -> list[str]:
    signature = inspect.signature(function)
    wanted = ["Parameters"] if signature.parameters else []
    if signature.return_annotation not in (None, "None", inspect.Signature.empty):
        wanted.append("Returns")
    docstring = inspect.getdoc(function) or ""
    said = {"Returns"} if docstring.startswith(("Return ", "Yield ")) else set()  # at once
    return [title for title in wanted if title not in said and not has_section(docstring, title)]


FUNCTIONS = dict(public_functions())


def test_there_are_public_functions_in_every_technique_room() -> None:
    found = {name.split(".")[1] for name in FUNCTIONS}
    assert found >= {"core", "metrics", "ranges", "pruning", "distillation", "networks", "data"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_explains_its_arguments_and_its_result(name: str) -> None:
    assert missing_sections(FUNCTIONS[name]) == []


def test_the_guard_sees_a_silent_function() -> None:
    def silent(x: int) -> int:
        """Say nothing of x."""
        return x

    assert missing_sections(silent) == ["Parameters", "Returns"]


@pytest.mark.parametrize("room", rooms())
def test_everything_public_has_a_docstring(room: str) -> None:
    module = importlib.import_module(f"qlab.{room}")
    values = {name: getattr(module, name) for name in module.__all__}
    explained = (type, type(inspect.getdoc))  # classes and functions
    silent = [
        name
        for name, value in values.items()
        if isinstance(value, explained) and not (value.__doc__ or "").strip()
    ]
    assert silent == []
    assert (module.__doc__ or "").strip()
