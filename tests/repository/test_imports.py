"""Importing costs little: no torch before training is asked for, and not a word printed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository.tree import ROOT, rooms

WITHOUT_TORCH = [f"qlab.{room}" for room in rooms() if room != "training"]


def imported(module: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    program = f"import sys, {module}; print(sorted({{'torch', 'torchvision'}} & set(sys.modules)))"
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)


@pytest.mark.parametrize("module", ["qlab", "qlab.cli", *WITHOUT_TORCH])
def test_a_room_comes_without_torch_and_without_a_word(module: str) -> None:
    result = imported(module)
    assert (result.stdout, result.stderr) == ("[]\n", "")


def test_the_guard_sees_torch(tmp_path: Path) -> None:
    (tmp_path / "torch.py").touch()  # the name is what it looks for: the real one takes seconds
    assert imported("torch", tmp_path).stdout == "['torch']\n"


def test_importing_qlab_loads_no_room() -> None:
    program = "import sys, qlab; print([name for name in sys.modules if name.startswith('qlab.')])"
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_a_room_is_there_on_first_use() -> None:
    program = "import qlab; print(qlab.ranges.__name__, sorted(set(dir(qlab)) - set(qlab.__all__)))"
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "qlab.ranges []\n"
