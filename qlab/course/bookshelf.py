"""A folder that is made by us and written whole: it knows which of its files are ours.

The new folder is filled beside the old one and takes its place by two renames. Files of others in
the old one, a gradebook say, are linked into the new one first, so at no moment are they missing.
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

LIST = "qlab-course.json"
FORMAT = 1


def admit(folder: Path) -> set[str]:
    """Tell which files of a folder are ours, if it may be written at all.

    Parameters
    ----------
    folder
        It need not exist.

    Returns
    -------
    set of str
        Paths inside it.

    Raises
    ------
    ValueError
        It is a file, the current folder or one around it, or holds files and no list of ours.
    """
    folder = folder.resolve()
    if folder in (Path.cwd(), *Path.cwd().parents):
        raise ValueError(f"build: expected a folder of its own, got {folder}. Name a new one.")
    if not folder.exists():
        return set()
    if not folder.is_dir():
        raise ValueError(f"build: expected a folder, got the file {folder}. Name another.")
    if not any(folder.iterdir()):
        return set()
    try:
        told = json.loads((folder / LIST).read_text(encoding="utf-8"))
        if told["format"] == FORMAT:
            return {str(name) for name in told["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise ValueError(
        f"build: expected a new folder or one made by qlab course build, got {folder}, which holds "
        "something else. Name another with --to."
    )


def write(folder: Path, files: Mapping[str, bytes], *, whole: bool) -> None:
    """Write our files; what others put into the folder stays.

    Parameters
    ----------
    folder
        Admitted before.
    files
        By their paths inside of it.
    whole
        Whether these are all of ours: earlier ones that are not among them go.

    Raises
    ------
    ValueError
        As for `admit`.
    OSError
        It can't be written. The folder is then as it was.
    """
    folder = folder.resolve()
    earlier = admit(folder)
    ours = set(files) | (set() if whole else earlier)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    aside = fresh.with_name(fresh.name + "-old")
    try:
        _fill(fresh, {**files, LIST: _listed(ours)})
        _keep(folder, fresh, without=earlier - ours)
        fresh.chmod(folder.stat().st_mode if folder.exists() else 0o755)
        if folder.exists():
            folder.rename(aside)
        try:
            fresh.rename(folder)
        except OSError:
            if aside.exists():
                aside.rename(folder)
            raise
    finally:
        for rest in (fresh, aside):
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(rest)


def _listed(ours: set[str]) -> bytes:
    return (json.dumps({"format": FORMAT, "files": sorted(ours)}, indent=1) + "\n").encode()


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _keep(old: Path, new: Path, without: set[str]) -> None:
    """Link into the new folder what it has not, less what is dropped."""
    for path in sorted(old.rglob("*")) if old.exists() else ():
        name = path.relative_to(old)
        copy = new / name
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):  # somebody's: we leave none empty
                copy.mkdir(parents=True, exist_ok=True)
            continue
        if name.as_posix() in without or copy.exists():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, copy, follow_symlinks=False)
        except OSError:  # a file system without links
            shutil.copy2(path, copy, follow_symlinks=False)
