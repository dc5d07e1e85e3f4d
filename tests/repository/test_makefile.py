"""What `make` does before anything is installed: it lists, refuses in one sentence, and heals."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.repository.tree import ROOT

TARGETS = "setup apps lab test lint type bench zoo data clean".split()


def make(folder: Path, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    if path is not None:
        environment["PATH"] = path
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with the Makefile and the two files that it installs from."""
    folder = tmp_path / "a clone, moved"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


def program(folder: Path, name: str, body: str) -> None:
    """Write a shell script that stands for an interpreter."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Return a folder for PATH with what `make` itself needs, and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "cat", "rm", "mv", "echo", "touch", "make", "mkdir", "id"):
        (folder / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    return folder


def test_make_alone_lists_every_target() -> None:
    result = make(ROOT)
    assert result.returncode == 0
    assert re.findall(r"^  make (\w+)", result.stdout, re.MULTILINE) == ["help", *TARGETS]


def test_no_python_is_one_sentence(copy: Path, tools: Path) -> None:
    result = make(copy, "setup", path=str(tools))
    assert result.returncode == 2
    sentence = result.stderr.splitlines()[0]
    assert sentence.startswith("qlab needs Python 3.11 or newer, and found none; ")
    assert not (copy / ".venv").exists()


def test_a_python_that_is_too_old_is_named(copy: Path, tools: Path) -> None:
    program(tools, "python3", '[ "$1" = --version ] && echo Python 3.9.18; [ "$1" != -c ]')
    result = make(copy, "setup", path=str(tools))
    assert result.returncode == 2
    assert "needs Python 3.11 or newer, and found Python 3.9.18; " in result.stderr
    assert not (copy / ".venv").exists()


def test_a_python_without_venv_says_what_to_install(copy: Path, tools: Path) -> None:
    program(tools, "python3", 'case "$2" in *ensurepip*) exit 1;; esac')
    result = make(copy, "setup", path=str(tools))
    assert result.returncode == 2
    assert "apt-get install python3-venv" in result.stderr.splitlines()[0]
    assert not (copy / ".venv").exists()


def fake_python(tools: Path, log: Path, pip_status: int = 0) -> None:
    """Write a Python that can make a .venv whose pip notes what it was asked for."""
    pip = f'case "$2" in pip) echo "$@" >> "{log}"; exit {pip_status};; esac'
    body = f"""
if [ "$1 $2" = '-m venv' ]; then
  rm -rf .venv; mkdir -p .venv/bin
  printf '%s\\n' '#!/bin/sh' '{pip}' > .venv/bin/python; chmod +x .venv/bin/python
fi"""
    program(tools, "python3", body)
    (tools / "chmod").symlink_to(shutil.which("chmod") or "/bin/chmod")


def test_setup_installs_once_from_the_constraints(copy: Path, tools: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    fake_python(tools, log)
    assert make(copy, "setup", path=str(tools)).returncode == 0
    wanted = "-m pip install --no-compile -c constraints.txt --no-build-isolation -e .[training]"
    assert log.read_text().splitlines()[-1] == wanted
    log.unlink()
    assert make(copy, "setup", path=str(tools)).returncode == 0
    assert not log.exists()


@pytest.mark.parametrize("harm", ["interrupted", "moved", "python gone"])
def test_a_broken_environment_is_made_afresh(
    copy: Path, tools: Path, tmp_path: Path, harm: str
) -> None:
    log = tmp_path / "log"
    fake_python(tools, log)
    assert make(copy, "setup", path=str(tools)).returncode == 0
    (copy / ".venv" / "left over").touch()
    if harm == "interrupted":
        (copy / ".venv" / ".installed").unlink()
    elif harm == "moved":
        copy = copy.rename(tmp_path / "elsewhere")
    else:
        (copy / ".venv" / "bin" / "python").unlink()
    assert make(copy, "setup", path=str(tools)).returncode == 0
    assert not (copy / ".venv" / "left over").exists()
    assert (copy / ".venv" / ".installed").read_text() == f"{copy}\n"


def test_a_failed_update_leaves_what_was_there(copy: Path, tools: Path, tmp_path: Path) -> None:
    fake_python(tools, tmp_path / "log")
    assert make(copy, "setup", path=str(tools)).returncode == 0
    kept = copy / ".venv" / "kept"
    kept.touch()
    python = copy / ".venv" / "bin" / "python"
    python.write_text(python.read_text().replace("exit 0", "exit 7"))
    os.utime(copy / ".venv" / ".installed", (0, 0))  # older than pyproject.toml
    for _ in range(2):
        assert make(copy, "setup", path=str(tools)).returncode == 2
        assert kept.exists()


def test_the_port_reaches_the_apps() -> None:
    assert "apps --port 8123" in make(ROOT, "-n", "apps", "PORT=8123").stdout
