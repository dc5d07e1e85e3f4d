"""Where the datasets lie, and how a damaged file is told from a sound one.

Each folder ``datasets/NAME/`` holds its arrays as gzipped IDX and a file ``SHA256SUMS``, which
``sha256sum --check`` understands too. A file is compared with its digest when it is read.
"""

import hashlib
import os
from pathlib import Path

import qlab

SUMS = "SHA256SUMS"
ROOT_VARIABLE = "QLAB_DATASETS"

FETCHED = ("fashion_mnist", "cifar10")  # too large for the repository


def root() -> Path:
    """Return the folder of all datasets: ``$QLAB_DATASETS``, else the repository's ``datasets``."""
    chosen = os.environ.get(ROOT_VARIABLE)
    return Path(chosen) if chosen else Path(qlab.__file__).parents[1] / "datasets"


def remedy(name: str) -> str:
    """Return the sentence that says how to get a dataset."""
    if name in FETCHED:
        return f"Run `qlab data fetch {name}`, which needs the network."
    return (
        f"Run `git checkout datasets/{name}` to restore it, or `qlab data prepare {name}` to "
        f"rebuild it from its source; {ROOT_VARIABLE} names another folder of datasets."
    )


def sums(folder: Path) -> dict[str, str]:
    """Return the recorded digest of each file of a dataset.

    Raises
    ------
    FileNotFoundError
        If the folder or its list of digests is not there.
    """
    try:
        text = (folder / SUMS).read_text(encoding="ascii")
    except OSError:
        raise FileNotFoundError(
            f"load: dataset {folder.name!r} is not there, got no readable "
            f"(file='{folder.name}/{SUMS}'). {remedy(folder.name)}"
        ) from None
    except UnicodeDecodeError:
        text = ""
    pairs = (line.split() for line in text.splitlines())
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def read_checked(folder: Path, file: str) -> bytes:
    """Return the bytes of one file of a dataset.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    ValueError
        If its SHA-256 is not the recorded one.
    """
    expected = sums(folder).get(file, "none")
    try:
        packed = (folder / file).read_bytes()
    except OSError:
        raise FileNotFoundError(
            f"load: dataset {folder.name!r} is incomplete, got no readable "
            f"(file='{folder.name}/{file}'). {remedy(folder.name)}"
        ) from None
    got = hashlib.sha256(packed).hexdigest()
    if got != expected:
        raise ValueError(
            f"load: dataset {folder.name!r} is damaged, expected sha256 {expected[:16]}, got "
            f"{got[:16]} (file='{folder.name}/{file}'). {remedy(folder.name)}"
        )
    return packed
