"""Writing a layer's codes in earnest and reading them again, for the Pack instrument.

What is promised is measured: bytes of what was written, whether every code came back, and how long
reading took; and, beside it, that a layer whose weights stand on few levels multiplies floats as
before, in the same time.
"""

import time
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import numpy as np

from qlab import coding, core, metrics, networks
from qlab.coding.table import read_table
from qlab.live.pack_state import NETWORK, Codes, Decoded, PackState

REST = 0.4  # seconds that a state stands before it is written
READINGS = 3
CALLS = 20  # of the layer
IMAGES = 100

Beside = Callable[[Callable[[], Any]], Generator[None, None, Any]]


def checked(s: PackState, codes: Codes, beside: Beside) -> Generator[None, None, Decoded]:
    """Write, read, compare, and take the time; ``beside`` runs what has no steps."""
    q, n = codes.q, codes.q.size
    signed = codes.lowest < 0
    rested = time.perf_counter() + REST
    while time.perf_counter() < rested:  # Python's loops beside it slow the page down
        time.sleep(0.002)
        yield
    written: dict[str, Any] = {"packed": core.pack(q, s.bits, signed)}
    yield
    for name, coder in coding.CODERS.items():
        written[name] = yield from beside(partial(coder.encode, q))
    readers: dict[str, Callable[[], np.ndarray]] = {
        "packed": lambda: core.unpack(written["packed"], s.bits, n, signed),
        **{k: partial(coder.decode, written[k], n) for k, coder in coding.CODERS.items()},
    }
    latency, same = {}, True
    for name, read in readers.items():
        seconds = []
        for _ in range(READINGS):  # one at a time: a hand that returns waits for one at most
            back, taken = yield from beside(partial(_timed, read))
            same = same and bool(np.array_equal(back, q))
            seconds.append(taken)
        low, median, high = np.percentile(seconds, (5, 50, 95)).tolist()
        latency[name] = metrics.Latency(median, low, high, READINGS)
    gaps, values = coding.relative_index(q, s.gap_bits, _zero(codes))
    yield
    back = coding.from_relative_index(gaps, values, n, _zero(codes))
    same = same and bool(np.array_equal(back, q))
    forward = yield from _forward(s, codes)
    sizes = {k: len(data) for k, data in written.items()}
    table = sizes["rans"] - len(read_table("pack", written["rans"])[2])
    return Decoded(sizes, table, same, latency, forward)


def _timed(read: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """Read, and say how many seconds it took."""
    began = time.perf_counter()
    return read(), time.perf_counter() - began


def _forward(s: PackState, codes: Codes) -> Generator[None, None, dict[str, metrics.Latency]]:
    """Time the layer's product with its weights, and with the levels that took their place."""
    W = networks.load(NETWORK).weights[s.layer]
    W_hat = codes.weights(W.shape)
    x = np.random.default_rng(0).random((IMAGES, W.shape[1]), np.float32)
    yield
    return (
        yield from metrics.latency_in_turns(
            {"before": lambda: x @ W.T, "after": lambda: x @ W_hat.T}, CALLS
        )
    )


def _zero(codes: Codes) -> int:
    """Return the code of 0, or one that does not occur."""
    return codes.lowest - 1 if codes.zero is None else codes.zero
