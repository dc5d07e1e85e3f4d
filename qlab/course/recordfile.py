"""One JSON file that several notebooks change at once, and that a person may edit or spoil.

A change takes a lock, reads what is there now, applies itself, and replaces the file in one step:
nobody reads half a file and nobody's change is lost. A damaged file is renamed, never overwritten.
Where the file cannot be written, changes wait in memory and are tried again with the next one.
"""

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # not there on Windows; a lock is then a file that only one can make
    fcntl = None  # type: ignore[assignment]

FORMAT = 1
LARGEST = 20 << 20  # bytes; a learner's record has some ten thousand
PATIENCE = 5.0  # seconds to wait for another notebook; a change takes milliseconds
STALE = 30.0  # seconds after which a lock file without fcntl belongs to nobody
LISTS, TABLES = ("predictions", "answers", "hints", "results"), ("checks",)

Content = dict[str, Any]
Edit = Callable[[Content], None]


class Refused(Exception):
    """Why the file is left as it is, in one sentence."""


class RecordFile:
    """A JSON object in a file, read anew each time and changed by one function at a time.

    Parameters
    ----------
    path
        The file; it is made with the first change.
    keep
        False keeps everything in memory and never touches a file.
    """

    def __init__(self, path: Path, *, keep: bool = True) -> None:
        self.path, self.keep = path, keep
        self.notice = ""  # the last sentence that a learner should read
        self._known: Content = {}  # what was read last, for the day on which the file is spoilt
        self._waiting: list[Edit] = []  # changes that the file does not hold yet

    def read(self) -> Content:
        """Return what the file holds, with the changes that still wait."""
        content: Content = {}
        if self.keep:
            try:
                content = self._load()
            except Refused as refused:
                self._say(str(refused))
                content = _copy(self._known)
        for edit in self._waiting:
            edit(content)
        return content

    def change(self, edit: Edit) -> None:
        """Apply a change to what the file holds now, and write it; else keep it and say so."""
        self._waiting.append(edit)
        if not self.keep:
            return
        try:
            with _locked(self.path):
                content = self._load(locked=True)
                for waiting in self._waiting:
                    waiting(content)
                content["format"] = FORMAT
                self._write(content)
        except Refused as refused:
            self._say(f"{refused} What you do is kept until this notebook closes.")
        else:
            self._waiting = []

    def delete(self) -> None:
        """Remove the file and forget what waited."""
        self._waiting, self._known = [], {}
        if not self.keep:
            return
        try:
            with _locked(self.path):
                self.path.unlink(missing_ok=True)
            self.notice = ""
        except (OSError, Refused) as error:
            self._say(f"{self.path.name} could not be deleted: {_reason(error)}.")

    def _say(self, sentence: str) -> None:
        if sentence != self.notice:
            print(sentence)
        self.notice = sentence

    def _load(self, locked: bool = False) -> Content:
        try:
            if self.path.stat().st_size > LARGEST:
                raise ValueError
            text = self.path.read_text(encoding="utf-8-sig")
            content, whole = _sound(json.loads(text))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Refused(f"{self.path.name} cannot be read: {_reason(error)}.") from error
        except (ValueError, RecursionError):
            content, whole = _copy(self._known), False
        version = content.get("format", FORMAT)
        if type(version) is int and version > FORMAT:
            raise Refused(
                f"{self.path.name} was written by a newer qlab (format {version}, here {FORMAT}) "
                "and is left as it is. Update qlab."
            )
        if not whole and not locked:
            with _locked(self.path):
                return self._load(locked=True)  # another notebook may have mended it
        if not whole:
            self._set_aside(content)
        self._known = _copy(content)
        return content

    def _set_aside(self, rest: Content) -> None:
        stem, number = self.path.with_suffix(""), 1
        while (aside := Path(f"{stem}.damaged-{number}{self.path.suffix}")).exists():
            number += 1
        try:
            self.path.rename(aside)
        except OSError as error:
            raise Refused(f"{self.path.name} is damaged and cannot be renamed.") from error
        kept = "what could be read is kept" if rest else "a new record begins"
        self._say(f"{self.path.name} was damaged: it is set aside as {aside.name}, and {kept}.")
        if rest:
            self._write(rest)

    def _write(self, content: Content) -> None:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            write_atomically(self.path, text)
        except OSError as error:
            raise Refused(f"{self.path.name} cannot be written: {_reason(error)}.") from error
        self._known = json.loads(text)


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step: whoever reads sees the old or the new one, never half of one.

    Parameters
    ----------
    path
        Its folder is made if need be; where it is a link, the file behind it is replaced.
    text
        Written as UTF-8.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _sound(content: Any) -> tuple[Content, bool]:
    """Return what can be used of a file's content, and whether that is all of it."""
    if not isinstance(content, dict):
        raise ValueError
    rest, whole = dict(content), True
    for name in LISTS:
        if name in content:
            entries = content[name] if isinstance(content[name], list) else []
            rest[name] = [entry for entry in entries if isinstance(entry, dict)]
            whole &= rest[name] == content[name]
    for name in TABLES:
        if name in content:
            entries = content[name] if isinstance(content[name], dict) else {}
            rest[name] = {k: entry for k, entry in entries.items() if isinstance(entry, dict)}
            whole &= rest[name] == content[name]
    return rest, whole


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file; it is a hidden file beside it that vanishes with the lock."""
    path = Path(os.path.realpath(path))
    lock = path.with_name(f".{path.name}.lock")
    until = time.monotonic() + PATIENCE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while (handle := _try_lock(lock)) is None:
            if time.monotonic() > until:
                raise Refused(f"{path.name} is held by another notebook.")
            time.sleep(0.005)
    except OSError as error:
        raise Refused(f"{path.name} cannot be written: {_reason(error)}.") from error
    try:
        yield
    finally:
        if fcntl is None:
            os.close(handle)
        with contextlib.suppress(OSError):
            lock.unlink()
        if fcntl is not None:
            os.close(handle)  # after the file is gone: who waited finds it another one


def _try_lock(lock: Path) -> int | None:
    """Return a handle that holds the lock, or None while somebody else does."""
    if fcntl is None:
        try:
            return os.open(lock, os.O_CREAT | os.O_EXCL | os.O_RDWR)
        except FileExistsError:
            with contextlib.suppress(OSError):
                if time.time() - lock.stat().st_mtime > STALE:
                    lock.unlink()
            return None
    handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_ino == lock.stat().st_ino:
            return handle
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _copy(content: Content) -> Content:
    return json.loads(json.dumps(content))


def _reason(error: Exception) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
