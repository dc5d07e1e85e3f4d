"""The technique that CONTRIBUTING.md shows, added to a copy, is found everywhere by itself.

So is one more in each other room that has a list of methods.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository.new_techniques import CHOICES, FILES, LINES, ROOMS
from tests.repository.tree import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MODULE, TESTS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

CHOOSE = """
import contextlib, io, sys
from qlab import live
for name, choices in eval(sys.argv[1]).items():
    page = getattr(live, name)(link="")
    for choice in choices:
        assert page.state.offer(choice) == [], (name, choice, page.message)
        page.settle(everything=False)
        shown = {setting: getattr(page.state, setting) for setting in choice}
        assert (page.message, shown) == ("", choice), (name, page.message, shown)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(page.code(), "copied", "exec"), {})
        print(name, *(line.split()[0] for line in printed.getvalue().splitlines()))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository in which the page has been followed."""
    folder = tmp_path_factory.mktemp("contributing")
    leave = shutil.ignore_patterns("__pycache__", "e2e", "repository", "notebooks", "*.pyc")
    for name in ("qlab", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=leave)
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    (folder / "qlab" / "ranges" / "mean_std.py").write_text(MODULE, encoding="utf-8")
    (folder / "tests" / "ranges" / "test_mean_std.py").write_text(TESTS, encoding="utf-8")
    rooms = folder / "qlab" / "ranges" / "__init__.py"
    text = rooms.read_text(encoding="utf-8")
    text = text.replace(
        "from qlab.ranges.minmax import",
        "from qlab.ranges.mean_std import mean_std\nfrom qlab.ranges.minmax import",
    ).replace('    "minmax": minmax,\n', '    "minmax": minmax,\n    "mean_std": mean_std,\n')
    rooms.write_text(text.replace('"METHODS", ', '"METHODS", "mean_std", '), encoding="utf-8")
    for name, module in FILES.items():
        (folder / "qlab" / name).write_text(module, encoding="utf-8")
    for name, lines in LINES.items():
        room = folder / "qlab" / name
        text = room.read_text(encoding="utf-8")
        for place, line in lines.items():
            assert text.count(place) == 1, (name, place)
            text = text.replace(place, line + place)
        room.write_text(text, encoding="utf-8")
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"QLAB_DATASETS": str(ROOT / "datasets"), "PYTHONPATH": str(folder)}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_its_tests_its_doctest_and_the_tests_over_all_methods_pass(copy: Path) -> None:
    # what is about the others alone, the run around this one tells
    arguments = ["-m", "pytest", "-v", "-k", "mean_std or qlab", "tests/ranges", "qlab/ranges"]
    result = run(copy, *arguments)
    assert result.returncode == 0, result.stdout[-3000:]
    found = re.findall(r"(\S*mean_std\S*) PASSED", result.stdout)
    assert any("test_mean_std.py" in name for name in found)  # its own tests
    assert any("qlab.ranges.mean_std" in name for name in found)  # its example
    assert any("[" in name and "test_mean_std.py" not in name for name in found)  # over METHODS


def test_the_tests_over_all_methods_of_every_room_find_what_was_added_and_pass(copy: Path) -> None:
    names = " or ".join({name for added in ROOMS.values() for name in added})
    result = run(copy, "-m", "pytest", "-v", "-k", names, *(f"tests/{file}" for file in ROOMS))
    assert result.returncode == 0, result.stdout[-3000:]
    for file, added in ROOMS.items():
        for name in added:
            found = rf"tests/{file}::\S*\[\S*{name}\S*\] PASSED"
            assert re.search(found, result.stdout), (file, name)


def test_what_was_added_is_in_the_menus_and_the_code_of_the_instruments(copy: Path) -> None:
    result = run(copy, "-c", CHOOSE, repr(CHOICES))
    assert result.returncode == 0, result.stderr[-3000:]
    printed = [line.split() for line in result.stdout.splitlines()]
    assert [line[0] for line in printed] == [name for name, some in CHOICES.items() for _ in some]
    assert "backward" in next(line for line in printed if line[0] == "Pack")  # without a menu


@pytest.mark.parametrize(
    "check", [["ruff", "check", "--ignore=RUF022,I001"], ["ruff", "format", "--check"]]
)
def test_the_page_keeps_the_style_it_asks_for(copy: Path, check: list[str]) -> None:
    paths = ["qlab/ranges/mean_std.py", "tests/ranges/test_mean_std.py"]
    result = run(copy, "-m", *check, *paths)
    assert result.returncode == 0, result.stdout


def test_the_page_is_typed_as_it_asks_for(copy: Path) -> None:
    result = run(copy, "-m", "mypy", "qlab/ranges/mean_std.py")
    assert result.returncode == 0, result.stdout
