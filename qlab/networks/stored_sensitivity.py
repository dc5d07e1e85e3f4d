"""Sensitivity of the zoo's networks, found once: ``zoo/sensitivity.json``.

A scan takes seconds and a Hessian takes torch, so what they find is kept beside the networks, with
the scales that they were found with. `python -m qlab.training.sensitivity_tables` writes the file;
each network's part carries the digest of the weights that it belongs to. All of it was found on the
calibration split.
"""

import functools
import json
from typing import Any

import numpy as np

from qlab.core import QParams, QuantSpec
from qlab.networks.hessian import Trace
from qlab.networks.sensitivity import Sensitivity, layer_bytes
from qlab.networks.trained import FOLDER, card, load

FILE = "sensitivity.json"
STORED_BITS = (1, 2, 3, 4, 5, 6, 7, 8)
CRITERIA = ("cross_entropy", "output_error", "hessian")
REMEDY = (
    f"Run `git checkout qlab/networks/zoo/{FILE}`, or "
    "`python -m qlab.training.sensitivity_tables` to find it again."
)


def stored_sensitivity(name: str, criterion: str = "cross_entropy") -> Sensitivity:
    """Return what each layer of a network of the zoo loses at 1 … 8 bits, in bytes.

    Parameters
    ----------
    name
        Of the network.
    criterion
        "cross_entropy" and "output_error" were scanned, "hessian" is Ω of HAWQ-V2.

    Returns
    -------
    Sensitivity
        For weights on a symmetric grid of one scale a layer, MSE range.

    Raises
    ------
    ValueError
        If there is no such network or criterion, or the file belongs to other weights.
    FileNotFoundError
        If the file is missing.

    Examples
    --------
    >>> table = stored_sensitivity("lenet_5", "hessian")
    >>> table.layers, table.bits
    (('conv1', 'conv2', 'fc1', 'fc2'), (1, 2, 3, 4, 5, 6, 7, 8))
    """
    if criterion not in CRITERIA:
        raise ValueError(
            f"stored_sensitivity: criterion must be one of {', '.join(CRITERIA)}, "
            f"got criterion={criterion!r}."
        )
    rows = _rows(name)
    net = load(name)
    if criterion == "hessian":
        loss = [
            [trace.mean * e for e in rows[layer]["squared_error"]]  # Ω of HAWQ-V2
            for layer, trace in stored_traces(name).items()
        ]
    else:
        loss = [row[criterion] for row in rows.values()]
    cost = [[layer_bytes(net, layer, QuantSpec(bits=b)) for b in STORED_BITS] for layer in rows]
    return Sensitivity(tuple(rows), STORED_BITS, np.array(loss, np.float64), np.array(cost))


def stored_traces(name: str) -> dict[str, Trace]:
    """Return the exact traces of a network's Hessian by layer, on the calibration split.

    Parameters
    ----------
    name
        Of the network.

    Raises
    ------
    ValueError, FileNotFoundError
        As for ``stored_sensitivity``.

    Examples
    --------
    >>> [trace.weights for trace in stored_traces("lenet_5").values()]
    [500, 25000, 400000, 5000]
    """
    sizes = {layer: W.size for layer, W in load(name).weights.items()}
    return {layer: Trace(row["trace"], sizes[layer]) for layer, row in _rows(name).items()}


def stored_qparams(name: str, layer: str, bits: int) -> QParams:
    """Return the scale with which a layer was scanned: ``ranges.mse``, without its search.

    Parameters
    ----------
    name, layer
        Of the network and its layer.
    bits
        1 … 8.

    Raises
    ------
    ValueError, FileNotFoundError
        As for ``stored_sensitivity``; no such layer, or bits outside.

    Examples
    --------
    >>> stored_qparams("lenet_5", "fc2", 4).spec.bits
    4
    """
    rows = _rows(name)
    if layer not in rows or bits not in STORED_BITS:
        raise ValueError(
            f"stored_qparams: layer must be one of {', '.join(rows)} and bits 1 … 8, "
            f"got ({layer=}, {bits=})."
        )
    scale = np.float32(rows[layer]["scale"][STORED_BITS.index(bits)])
    return QParams(np.array(scale), np.array(0, np.int32), QuantSpec(bits=bits))


def _rows(name: str) -> dict[str, Any]:
    found = _file().get(name)
    if not isinstance(found, dict):
        raise ValueError(
            f"stored_sensitivity: name must be one of {', '.join(_file())}, got {name!r}."
        )
    if found["sha256"] != card(name)["sha256"]:
        raise ValueError(
            f"stored_sensitivity: {FILE} must belong to the weights that are there, got others "
            f"(name={name!r}). {REMEDY}"
        )
    return found["layers"]


@functools.cache
def _file() -> dict[str, Any]:
    try:
        found = json.loads((FOLDER / FILE).read_text(encoding="utf-8"))
    except OSError:
        raise FileNotFoundError(
            f"stored_sensitivity: the zoo lacks a file (file='{FILE}'). {REMEDY}"
        ) from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"stored_sensitivity: {FILE} is damaged, expected JSON. {REMEDY}")
    return found
