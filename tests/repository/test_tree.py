"""The house is in order: tests mirror rooms, nothing is huge, nothing belongs to one machine."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.repository.tree import ROOT, files, rooms, texts

MEGABYTE = 1 << 20
MACHINE_PATH = re.compile(r"(?<![\w.<{}/])(?:/(?:home|Users|root|work|tmp|opt)/|[A-Z]:\\\\)[\w.]")
ADDRESSED = {"README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONVENTIONS.md"}


def lines_with_machine_paths(text: str) -> list[str]:
    text = text.replace("/home/someone/", "")  # nobody's: what tests put into errors
    return [line.strip() for line in text.splitlines() if MACHINE_PATH.search(line)]


def test_every_room_has_tests_of_its_own() -> None:
    without = [room for room in rooms() if not list((ROOT / "tests" / room).glob("test_*.py"))]
    assert without == []


def test_every_unit_test_file_tests_the_room_whose_name_it_lies_under() -> None:
    strangers = []
    for room in rooms():
        imports = re.compile(rf"qlab\.{room}\b|from qlab import [^\n]*\b{room}\b|tests\.{room}\.")
        for path in (ROOT / "tests" / room).glob("test_*.py"):
            if not imports.search(path.read_text(encoding="utf-8")):
                strangers.append(f"{room}/{path.name}")
    assert strangers == []


def test_no_file_is_larger_than_12_megabytes() -> None:
    large = [str(path) for path in files() if path.stat().st_size > 12 * MEGABYTE]
    assert large == []


def test_the_zoo_is_smaller_than_20_megabytes() -> None:
    zoo = [path for path in files() if path.is_relative_to(ROOT / "qlab" / "networks" / "zoo")]
    assert 0 < sum(path.stat().st_size for path in zoo) < 20 * MEGABYTE


@pytest.mark.parametrize("path", ["/ho" + "me/ada/qlab", '"/tm' + 'p/x"', "(/ro" + "ot/.cache)"])
def test_the_guard_sees_a_machine_path(path: str) -> None:
    assert lines_with_machine_paths(f"open({path})")


def test_no_text_holds_a_path_of_one_machine() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for path in texts()
        if (lines := lines_with_machine_paths(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert found == {}


def test_no_module_is_called_utils_or_common() -> None:
    names = {path.stem for path in files() if path.suffix == ".py"}
    assert names.isdisjoint({"utils", "util", "common", "helpers", "misc"})


def test_the_documents_are_there() -> None:
    assert {path.name for path in ROOT.glob("*.md")} >= ADDRESSED


@pytest.mark.parametrize("document", sorted(ADDRESSED))
def test_every_link_between_documents_leads_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text)
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_continuous_integration_runs_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().splitlines()[-1] == "make test"
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0


def unannotated_prints(path: Path) -> list[int]:
    """Return the lines of a module that print when it is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = [node for node in tree.body if isinstance(node, ast.Expr)]
    calls = [node.value for node in statements if isinstance(node.value, ast.Call)]
    return [call.lineno for call in calls if getattr(call.func, "id", "") == "print"]


def test_no_module_prints_at_import() -> None:
    modules = [path for path in ROOT.glob("qlab/**/*.py") if unannotated_prints(path)]
    assert modules == []
