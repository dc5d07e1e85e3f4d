"""The scripts of an app's page in one file, sent early, packed and kept by the browser.

Voila's page asks for about 80 scripts in four rounds, each after the last has run.  All of them
stand in one file here, in the form in which webpack takes scripts that are there before it asks;
what is missing (after an update, say) is fetched as ever.  One passage is rewritten: MathJax is a
fifth of the time and goes through the whole page looking for formulas; it stays away from a page
in which no formula can be.
"""

import gzip
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from tornado.ioloop import IOLoop
from tornado.web import RequestHandler

__all__ = ["Bundle", "Scripts"]

ENTRY = "voila.js"
CHUNK = re.compile(r"\b[a-z]\.e\((\d+)\)")  # a script that Voila's page may ask for, by number
PARTS = {  # scripts of the extensions that every app of widgets asks for, by number
    "@voila-dashboards/widgets-manager8": (496, 883),
    "@jupyter-widgets/jupyterlab-manager": (7, 32, 84, 121, 160, 170, 452, 704, 718, 967),
    "anywidget": (2, 528),
}
TYPESET = "async typeset(e){try{await this._ensureInitialized()"
UNLESS = TYPESET.replace("{try", r"{if(!/[$\\]/.test(e.textContent))return;try", 1)


class Bundle:
    """The scripts of a page, joined.

    Parameters
    ----------
    static
        Folders of Voila's own scripts; the first that has one counts.
    extensions
        Folders of extensions, likewise.

    Examples
    --------
    >>> Bundle([], []).text
    Traceback (most recent call last):
    FileNotFoundError: Bundle: expected voila.js, found none in []. Install Voila again.
    """

    def __init__(self, static: Iterable[str | Path], extensions: Iterable[str | Path]) -> None:
        self.static = [Path(folder) for folder in static]
        self.extensions = [Path(folder) for folder in extensions]

    @cached_property
    def text(self) -> bytes:
        """The script.

        Raises
        ------
        FileNotFoundError
            If Voila's own is not there.
        """
        entry = next(self._found(self.static, ENTRY), None)
        if entry is None:
            raise FileNotFoundError(
                f"Bundle: expected {ENTRY}, found none in {[str(f) for f in self.static]}. "
                "Install Voila again."
            )
        start = entry.read_text(encoding="utf-8")
        names = [f"{number}.{ENTRY}" for number in dict.fromkeys(CHUNK.findall(start))]
        files = [file for name in names for file in list(self._found(self.static, name))[:1]]
        for extension, numbers in PARTS.items():
            for number in numbers:
                pattern = f"{extension}/static/{number}.*.js"
                files += list(self._found(self.extensions, pattern))[:1]
        # a function around each keeps its "use strict" to itself
        parts = [f"(function(){{{file.read_text(encoding='utf-8')}\n}})();\n" for file in files]
        return without_mathjax("".join(parts) + start).encode()

    @cached_property
    def packed(self) -> bytes:
        """The script, compressed."""
        return gzip.compress(self.text, 6, mtime=0)

    @cached_property
    def address(self) -> str:
        """Where the page finds the script; it changes when the script does."""
        return f"voila/qlab/{hashlib.sha256(self.text).hexdigest()[:16]}.js"

    @staticmethod
    def _found(folders: list[Path], pattern: str) -> Iterator[Path]:
        for folder in folders:
            yield from sorted(folder.glob(pattern))


def without_mathjax(text: str) -> str:
    r"""Let the typesetter start MathJax only where a formula can be: a dollar or a backslash.

    Examples
    --------
    >>> without_mathjax(TYPESET)[:59]
    'async typeset(e){if(!/[$\\\\]/.test(e.textContent))return;try'
    """
    return text.replace(TYPESET, UNLESS)


class Scripts(RequestHandler):
    """Sends a bundle; its address holds the version, so that a browser may keep it for a year."""

    def initialize(self, bundle: Bundle) -> None:
        """Take the bundle."""
        self.bundle = bundle

    def compute_etag(self) -> None:
        """Compute nothing: the version is in the address."""

    async def get(self) -> None:
        """Send it, compressed where the browser understands that."""
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "public, max-age=31536000, immutable")
        self.set_header("Vary", "Accept-Encoding")
        if "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            loop = IOLoop.current()
            self.finish(await loop.run_in_executor(None, lambda: self.bundle.packed))
        else:
            self.finish(self.bundle.text)
