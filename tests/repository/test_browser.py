"""The browser tests find a browser, install one, or say in one sentence how to get one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import browser


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the commands that installing would run, on a machine without any browser."""
    ran: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: ran.append(command))
    monkeypatch.setattr(browser, "find", lambda: None)
    monkeypatch.delenv("QLAB_BROWSER", raising=False)
    return ran


def test_a_named_browser_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named = tmp_path / "mine"
    named.touch()
    monkeypatch.setenv("QLAB_BROWSER", str(named))
    assert browser.executable() == named


def test_a_browser_on_the_path_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chromium = tmp_path / "chromium"
    chromium.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("QLAB_BROWSER", raising=False)
    assert browser.executable() == chromium


def test_where_none_is_named_one_sentence_says_how_to_get_one() -> None:
    environment = os.environ | {"QLAB_BROWSER": "no such browser"}
    command = [sys.executable, "-m", "tests.browser"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "apt-get install chromium" in result.stderr


def test_root_on_debian_takes_debians(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert browser.main() == 1  # nothing was really installed
    assert commands[1][-2:] == ["install", "chromium"]
    assert commands[2][1:] == ["-m", "playwright", "install", "chromium"]


def test_anyone_else_takes_playwrights(
    commands: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert browser.main() == 1
    assert [command[1:] for command in commands] == [["-m", "playwright", "install", "chromium"]]
    assert browser.REMEDY in capsys.readouterr().err
