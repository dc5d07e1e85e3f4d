"""A test that does not run proves nothing: a skip that nobody allowed fails the run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository.tree import ROOT

PASSES = "def test_passes(): pass\n"
SKIPS = {
    "mark": "import pytest\n@pytest.mark.skip\ndef test_skipped(): pass\n",
    "call": "import pytest\ndef test_skipped(): pytest.skip('no browser')\n",
    "import": "import pytest\npytest.importorskip('no_such_package')\ndef test_skipped(): pass\n",
    "xfail": "import pytest\n@pytest.mark.xfail\ndef test_skipped(): assert False\n",
}


def run(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "tests" / "conftest.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_example.py").write_text(PASSES + source)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    bare = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # these need none
    return subprocess.run(
        command, cwd=folder, env=bare, capture_output=True, text=True, check=False
    )


def test_a_run_without_skips_passes(tmp_path: Path) -> None:
    assert run(tmp_path, "").returncode == 0


@pytest.mark.parametrize("source", SKIPS.values(), ids=SKIPS)
def test_a_skip_fails_the_run_and_is_named(tmp_path: Path, source: str) -> None:
    result = run(tmp_path, source)
    assert result.returncode != 0
    assert "unexpected skips: the run fails" in result.stdout
    assert "test_example.py" in result.stdout


def test_no_doctest_skips_itself() -> None:
    option = "doctest: " + "+SKIP"
    files = [path for path in ROOT.glob("qlab/**/*.py") if option in path.read_text()]
    assert files == []
