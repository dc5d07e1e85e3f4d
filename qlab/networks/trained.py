"""The zoo: networks trained by ``make zoo``, each with a card that says how and how well.

``zoo/NAME.safetensors`` holds the network, ``zoo/NAME.json`` its card: recipe, seed, measured
test accuracy with its interval, and the file's SHA-256, which is compared on loading.
"""

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

from qlab.networks.architectures import ARCHITECTURES
from qlab.networks.files import read
from qlab.networks.network import Network

FOLDER = Path(__file__).parent / "zoo"
REMEDY = "Run `git checkout qlab/networks/zoo`, or `make zoo` to train the zoo again."


def names() -> tuple[str, ...]:
    """Return the names of the networks that are there, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.safetensors")))


def card(name: str) -> dict[str, Any]:
    """Return what is known about a network of the zoo.

    Parameters
    ----------
    name
        One of `qlab.networks.ZOO`.

    Returns
    -------
    dict
        name, recipe, seed, parameters, test (value, low, high, n), sha256 and more.

    Raises
    ------
    ValueError
        If there is no such network, or its card is damaged.
    FileNotFoundError
        If the card is missing.
    """
    try:
        found = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    except OSError:
        raise _missing("card", name, f"{name}.json") from None
    except ValueError:
        found = None
    match found:  # what is read from a card elsewhere
        case {
            "parameters": int(),
            "recipe": dict(),
            "sha256": str(),
            "test": {
                "value": int() | float() as value,
                "low": int() | float() as low,
                "high": int() | float() as high,
                "n": int() as n,
            },
        } if 0 <= low <= value <= high <= 1 and n > 0:
            return found
    raise ValueError(
        "card: the zoo's card is damaged, expected parameters, recipe, sha256 and test, with "
        f"low ≤ value ≤ high and n, in a JSON object (file='{name}.json'). {REMEDY}"
    )


def load(name: str) -> Network:
    """Return a trained network of the zoo; read once per process.

    Parameters
    ----------
    name
        One of `qlab.networks.ZOO`.

    Returns
    -------
    Network
        Shared by all who load the name; its arrays are read-only.

    Raises
    ------
    ValueError
        If there is no such network, or its file does not match the digest on its card.
    FileNotFoundError
        If its file or card is missing.
    """
    path = FOLDER / f"{name}.safetensors"
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        raise _missing("load", name, path.name) from None
    return _load(path, changed)


@functools.lru_cache(maxsize=8)
def _load(path: Path, changed: int) -> Network:
    expected = card(path.stem)["sha256"]
    got = hashlib.sha256(path.read_bytes()).hexdigest()
    if got != expected:
        raise ValueError(
            f"load: the zoo's network is damaged, expected sha256 {expected[:16]}, got {got[:16]} "
            f"(file='{path.name}'). {REMEDY}"
        )
    return read(path)


def _missing(function: str, name: str, file: str) -> Exception:
    known = names()
    if name in known or name in ARCHITECTURES:
        return FileNotFoundError(f"{function}: the zoo lacks a file (file='{file}'). {REMEDY}")
    return ValueError(
        f"{function}: name must be one of {', '.join(known) or 'nothing yet'}, got {name!r}. "
        "Networks of your own are read by qlab.networks.read."
    )
