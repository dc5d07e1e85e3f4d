"""Tables that take too long for a moving hand: k-means of the layers that Grids offers.

Exact k-means into many levels takes longer than a hand waits, Lloyd's iterations from an unlucky
start longer still. Both depend on the weights alone, so they are computed ahead and kept in a file
beside this one. Other weights than those of the file (a zoo trained anew) are clustered when they
are asked for: slower, never wrong. To write the file again:

    python -m qlab.live.grids_tables
"""

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from qlab import codebooks, networks
from qlab.live.offered import LAYERS

FILE = Path(__file__).with_name("grids_tables.json")
NETWORK = "lenet_300_100"
BITS = range(2, 7)
KINDS = ("kmeans", *codebooks.STARTS)  # Lloyd's by the name of its start


def table(W: np.ndarray, layer: str, kind: str, bits: int) -> np.ndarray:
    """Return the levels of a layer's weights, float32, kept or computed.

    Parameters
    ----------
    W
        The weights.
    layer
        Its name in the network.
    kind
        "kmeans", or a start of Lloyd's iterations.
    bits
        2 … 6.
    """
    kept = _kept().get(layer, {})
    if kept.get("weights") == _fingerprint(W):
        return np.array(kept[kind][str(bits)], np.float32)
    return computed(W, kind, bits)


def computed(W: np.ndarray, kind: str, bits: int) -> np.ndarray:
    """Return the same levels from the library itself.

    Examples
    --------
    >>> computed(np.array([0.0, 1.0, 10.0, 11.0, 12.5, 20.0], np.float32), "kmeans", 2).tolist()
    [0.5, 10.5, 12.5, 20.0]
    """
    if kind == "kmeans":
        return codebooks.kmeans(W, bits=bits).levels
    return codebooks.lloyd(W, bits=bits, start=codebooks.STARTS[kind]).levels


@functools.cache
def _kept() -> dict[str, Any]:
    if not FILE.exists():
        return {}
    found = json.loads(FILE.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def _fingerprint(W: np.ndarray) -> str:
    return hashlib.blake2b(np.ascontiguousarray(W).tobytes(), digest_size=16).hexdigest()


def write() -> None:
    """Cluster all layers and write the file."""
    made: dict[str, Any] = {}
    for layer in LAYERS[NETWORK]:
        W = networks.load(NETWORK).weights[layer]
        made[layer] = {"weights": _fingerprint(W)}
        for kind in KINDS:
            made[layer][kind] = {
                str(b): [float(f"{x:.9g}") for x in computed(W, kind, b)] for b in BITS
            }
    FILE.write_text(json.dumps(made, indent=None, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
