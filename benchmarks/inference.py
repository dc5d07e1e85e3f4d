"""NumPy inference against torch's: the same network, the same images, the same threads.

`python -m benchmarks.inference` starts one process for each number of threads, because the
libraries read it once, and takes turns between the two in blocks, so that a busy machine slows both
alike. qlab spends its threads on batches and holds BLAS to one, as the apps do; torch spends its
threads as it likes.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import table

TITLE = "Inference on 1,000 MNIST images, milliseconds: median (quartiles)"
NETWORKS = ("lenet_300_100", "lenet_5")
THREADS = (1, 2)
IMAGES = 1_000
BLOCKS, REPEATS = 6, 5  # of each, in turns


def run() -> list[dict[str, object]]:
    """Return one row for each network and number of threads."""
    return [row for threads in THREADS for row in _in_fresh_process(threads)]


def main() -> None:
    """Print the table."""
    print(table(TITLE, run()))


def _in_fresh_process(threads: int) -> list[dict[str, object]]:
    count = str(threads)
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": count}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.inference", count],
        cwd=Path(__file__).parents[1],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def _measure(threads: int) -> list[dict[str, object]]:
    import numpy as np
    import torch

    from qlab import data, networks
    from qlab.training import to_module

    torch.set_num_threads(threads)
    images = data.load("mnist").test[:IMAGES].images
    tensor = torch.tensor(images)
    rows: list[dict[str, object]] = []
    for name in NETWORKS:
        net = networks.build(name, np.random.default_rng(0))
        module = to_module(net).eval()

        def ours(net: networks.Network = net) -> np.ndarray:
            return net.predict(images, threads=threads)

        def theirs(module: torch.nn.Module = module) -> torch.Tensor:
            with torch.inference_mode():
                return module(tensor)

        np.testing.assert_allclose(ours(), theirs().numpy(), atol=1e-4)
        numpy_ms, torch_ms = _in_turns(ours, theirs)
        rows.append(
            {
                "network": name,
                "threads": threads,
                "qlab": _spread(numpy_ms),
                "torch": _spread(torch_ms),
                "torch / qlab": round(statistics.median(torch_ms) / statistics.median(numpy_ms), 2),
                "no slower": _no_slower(numpy_ms, torch_ms),
            }
        )
    return rows


def _no_slower(ours: list[float], theirs: list[float]) -> str:
    """Compare the medians; a lost comparison whose quartiles overlap is within noise."""
    if statistics.median(ours) <= statistics.median(theirs):
        return "yes"
    fastest, slowest = statistics.quantiles(ours, n=4)[0], statistics.quantiles(theirs, n=4)[2]
    return "within noise" if fastest <= slowest else "no"


def _in_turns(*functions: Callable[[], object]) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(BLOCKS):
        for function, taken in zip(functions, times, strict=True):
            function()  # wakes its threads, not counted
            for _ in range(REPEATS):
                began = time.perf_counter()
                function()
                taken.append((time.perf_counter() - began) * 1e3)
    return times


def _spread(milliseconds: list[float]) -> str:
    low, median, high = statistics.quantiles(milliseconds, n=4)
    return f"{median:.1f} ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(_measure(int(sys.argv[1]))))
    else:
        main()
