"""Exact k-means against scikit-learn's, packing against numpy.packbits, rounding against torch.

`python -m benchmarks.codebooks` starts a process of one thread, because the libraries read their
threads once. Both sides take turns, so that a busy machine slows both alike. scikit-learn comes
with `pip install -c constraints.txt -e '.[data]'`.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import table

TITLE = "Codebooks, milliseconds: median (quartiles), in turns, one thread"
BITS, TURNS = 5, 9
PACKED_BITS = (1, 2, 3, 4, 5, 8)
STARTS = {"as it comes": {}, "10 starts": {"n_init": 10}}


def run() -> list[dict[str, object]]:
    """Return the rows of k-means, then those of packing and of fake quantization."""
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.codebooks", "here"],
        cwd=Path(__file__).parents[1],
        env=os.environ | one,
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def main() -> None:
    """Print the table."""
    print(table(TITLE, run()))


def _measure() -> list[dict[str, object]]:
    return [*_clustering(), *_packing(), *_rounding()]


def _clustering() -> list[dict[str, object]]:
    import numpy as np
    from sklearn.cluster import KMeans

    from qlab import networks
    from qlab.codebooks import kmeans

    W = networks.load("lenet_300_100").weights["fc1"]
    column = W.reshape(-1, 1)

    def error(levels: np.ndarray, codes: np.ndarray) -> float:
        levels = levels.astype(np.float64)
        return float(np.sum((W.ravel().astype(np.float64) - levels[codes.ravel()]) ** 2))

    ours = kmeans(W, bits=BITS)
    least = error(ours.levels, ours.codes)
    rows = []
    for name, options in STARTS.items():
        peer = KMeans(2**BITS, random_state=0, **options)
        turns = TURNS if not options else 2
        mine, theirs = _in_turns(partial(kmeans, W, bits=BITS), partial(peer.fit, column), turns)
        other = error(peer.cluster_centers_.ravel(), peer.labels_)
        rows.append(
            _row(
                f"k-means, {W.size:,} weights into {2**BITS}", f"scikit-learn {name}", mine, theirs
            )
            | _verdict(statistics.median(theirs) / statistics.median(mine) >= 10 and least <= other)
            | {"budget": "10 × faster, never worse", "error, peer / qlab": round(other / least, 5)}
        )
    return rows


def _packing() -> list[dict[str, object]]:
    import numpy as np

    from qlab.core import pack

    rng = np.random.default_rng(0)
    rows = []
    for bits in PACKED_BITS:
        codes = rng.integers(0, 2**bits, 1_000_000, dtype=np.int32)
        flags = rng.integers(0, 2, codes.size * bits, dtype=np.uint8)  # as many bits, laid out
        mine, theirs = _in_turns(
            partial(pack, codes, bits, signed=False), partial(np.packbits, flags), TURNS
        )
        rows.append(
            _row(f"packing 1,000,000 codes of {bits} bits", "numpy.packbits", mine, theirs)
            | _verdict(statistics.median(mine) <= 4 * statistics.median(theirs))
            | {"budget": "within 4 ×", "error, peer / qlab": ""}
        )
    return rows


def _rounding() -> list[dict[str, object]]:
    import numpy as np
    import torch

    from qlab import ranges
    from qlab.core import QuantSpec, fake_quantize

    torch.set_num_threads(1)
    x = np.random.default_rng(0).normal(size=1_000_000).astype(np.float32)
    rows = []
    for symmetric in (True, False):
        spec = QuantSpec(bits=8, symmetric=symmetric)
        qparams = ranges.minmax(x, spec)
        scale, zero_point = float(qparams.scale), int(qparams.zero_point)
        ends = (spec.quant_min, spec.quant_max)
        mine, theirs = _in_turns(
            partial(fake_quantize, x, qparams),
            partial(
                torch.fake_quantize_per_tensor_affine,
                torch.from_numpy(x), scale, zero_point, *ends,
            ),
            TURNS,
        )  # fmt: skip
        kind = "symmetric" if symmetric else "asymmetric"
        rows.append(
            _row(f"fake quantization of 1,000,000 values, {kind}", "torch's kernel", mine, theirs)
            | _verdict(statistics.median(mine) <= 2 * statistics.median(theirs))
            | {"budget": "within 2 ×", "error, peer / qlab": ""}
        )
    return rows


def _row(what: str, peer: str, mine: list[float], theirs: list[float]) -> dict[str, object]:
    return {
        "what": what,
        "peer": peer,
        "qlab": _spread(mine),
        "peer's": _spread(theirs),
        "peer / qlab": round(statistics.median(theirs) / statistics.median(mine), 2),
    }


def _verdict(kept: bool) -> dict[str, object]:
    return {"kept": "yes" if kept else "no"}


def _in_turns(
    mine: Callable[[], object], theirs: Callable[[], object], turns: int
) -> tuple[list[float], list[float]]:
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(turns + 1):
        for function, taken in zip((mine, theirs), times, strict=True):
            began = time.perf_counter()
            function()
            if turn:  # the first wakes everything, not counted
                taken.append((time.perf_counter() - began) * 1e3)
    return times


def _spread(milliseconds: list[float]) -> str:
    low, median, high = statistics.quantiles(milliseconds, n=4)
    return f"{median:.3g} ({low:.3g} to {high:.3g})"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(_measure()))
    else:
        main()
