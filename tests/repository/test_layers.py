"""Who may import whom, and that the guard goes red when a room breaks it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository.tree import ROOT

LINT = Path(sys.executable).with_name("lint-imports")
ORDER = "A room imports only from rooms that come before it"
TORCH = "Only training imports torch"
PROCESS = "Pictures and instruments start training as another process, never import it"


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [LINT, "--no-cache", "--config", folder / "pyproject.toml"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the package that a test may break."""
    shutil.copytree(ROOT / "qlab", tmp_path / "qlab", ignore=shutil.ignore_patterns("zoo", "*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_rooms_keep_their_contracts() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("room", "statement", "contract"),
    [
        ("core", "import qlab.live", ORDER),
        ("networks", "from qlab import data", ORDER),
        ("ranges", "def late():\n    import qlab.networks", ORDER),
        ("plots", "import torch", TORCH),
        ("networks", "def late():\n    import torchvision", TORCH),
        ("live", "import qlab.training", PROCESS),
    ],
)
def test_a_forbidden_import_is_named(copy: Path, room: str, statement: str, contract: str) -> None:
    (copy / "qlab" / room / "intruder.py").write_text(f"{statement}\n")
    result = lint_imports(copy)
    assert result.returncode == 1
    assert f"{contract} BROKEN" in " ".join(result.stdout.split())
    assert "intruder" in result.stdout


def test_a_room_that_no_contract_knows_is_named(copy: Path) -> None:
    (copy / "qlab" / "attic").mkdir()
    (copy / "qlab" / "attic" / "__init__.py").touch()
    result = lint_imports(copy)
    assert result.returncode == 1
    assert "attic" in result.stdout
