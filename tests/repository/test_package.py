"""What is installed is what lies in the repository: scripts, styles, templates and networks too."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.repository.tree import ROOT, files


def test_a_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    package = [path for path in files() if path.is_relative_to(ROOT / "qlab")]
    for path in [*package, *(ROOT / name for name in ("pyproject.toml", "README.md", "LICENSE"))]:
        copy = tmp_path / "copy" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    command = [sys.executable, "-c", build, str(tmp_path)]
    result = subprocess.run(
        command, cwd=tmp_path / "copy", capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert [str(p.relative_to(ROOT)) for p in package if str(p.relative_to(ROOT)) not in held] == []
