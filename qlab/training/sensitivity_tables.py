"""Find the sensitivity tables of the zoo: ``python -m qlab.training.sensitivity_tables [names…]``.

Writes ``zoo/sensitivity.json``: for each layer at 1 … 8 bits the scale, the squared error, what the
cross entropy and the outputs lose when that layer alone is quantized; the exact trace of the
Hessian, and Hutchinson's estimate of it with its standard error and seed. All on the calibration
split. With one thread and one version of torch the same numbers come out again.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from qlab import core, data, networks, ranges
from qlab.core import QuantSpec
from qlab.data import Split
from qlab.networks import Network
from qlab.networks.files import write_whole
from qlab.networks.stored_sensitivity import FILE, STORED_BITS
from qlab.networks.trained import FOLDER
from qlab.training.hessian import hessian_traces, hutchinson_traces

NETWORKS = ("lenet_300_100", "lenet_5", "mlp_784_128_10")
PROBES, SEED = 16, 0


def find(net: Network, split: Split, probes: int = PROBES, seed: int = SEED) -> dict[str, Any]:
    """Return the rows of one network's layers, as they are stored.

    Parameters
    ----------
    net
        A network of the zoo, or any other.
    split
        Images that may choose.
    probes, seed
        Of Hutchinson's estimate.
    """
    entropy = networks.sensitivity(net, split, STORED_BITS)
    outputs = networks.sensitivity(net, split, STORED_BITS, networks.output_error)
    exact, guessed = hessian_traces(net, split), hutchinson_traces(net, split, probes, seed)
    rows = {}
    for k, (name, W) in enumerate(net.weights.items()):
        qparams = [ranges.mse(W, QuantSpec(bits=b)) for b in STORED_BITS]
        errors = [(W - core.fake_quantize(W, q)).astype(np.float64) for q in qparams]
        rows[name] = {
            "scale": [float(q.scale) for q in qparams],
            "squared_error": [float((e * e).sum()) for e in errors],
            "cross_entropy": entropy.loss[k].tolist(),
            "output_error": outputs.loss[k].tolist(),
            "trace": exact[name].value,
            "hutchinson": {
                "value": guessed[name].value,
                "deviation": guessed[name].deviation,
                "probes": probes,
                "seed": seed,
            },
        }
    return rows


def main(names: Sequence[str] = (), folder: Path = FOLDER) -> None:
    """Find the tables of these networks, of all by default, and write the file."""
    torch.set_num_threads(1)
    path = folder / FILE
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    calibration = data.load("mnist").calibration
    for name in names or NETWORKS:
        net = networks.load(name)
        kept[name] = {
            "sha256": networks.card(name)["sha256"],
            "images": len(calibration),
            "layers": find(net, calibration),
        }
        write_whole(path, (json.dumps(kept, indent=1) + "\n").encode())
        print(f"{name}: {len(net.weights)} layers at {len(STORED_BITS)} numbers of bits")


if __name__ == "__main__":
    main(sys.argv[1:])
