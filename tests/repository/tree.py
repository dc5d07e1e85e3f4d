"""The repository as the guards see it: its root, its files, its notebooks."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE = {".git", ".venv", "build", "dist", "node_modules"}  # never part of the repository


def files() -> list[Path]:
    """Return every file that is, or could be, committed."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        found = [ROOT / name for name in names.split("\0") if name]
    else:  # downloaded without its history
        found = [path for path in ROOT.rglob("*") if not MADE & set(path.parts)]
    return sorted({path for path in found if path.is_file()})


def texts() -> list[Path]:
    """Return the files that people read and write."""
    suffixes = {".py", ".md", ".toml", ".txt", ".yml", ".cff", ".ipynb", ".js", ".css", ".html", ""}
    return [path for path in files() if path.suffix in suffixes]


def notebooks() -> list[Path]:
    """Return the notebooks of the labs and the apps."""
    return sorted([*ROOT.glob("labs/*.ipynb"), *ROOT.glob("apps/*.ipynb")])


def rooms() -> list[str]:
    """Return the names of the rooms: the packages directly inside qlab."""
    return sorted(path.parent.name for path in ROOT.glob("qlab/*/__init__.py"))
