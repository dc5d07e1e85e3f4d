"""Layers that the tests of repairs share: inputs that depend on one another, as real ones do."""

import numpy as np

from qlab.core import PerAxis, PerGroup, PerTensor, QuantSpec

GRANULARITIES = [PerTensor(), PerAxis(0), PerGroup(4)]


def layer(seed: int = 0, out: int = 6, width: int = 8, n: int = 64) -> tuple[np.ndarray, ...]:
    """Return W (out, width) and X (n, width): mixed, of different sizes, mostly positive."""
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(out, width)).astype(np.float32)
    X = np.maximum(rng.normal(0.3, 1, (n, width)) @ rng.normal(size=(width, width)), 0)
    X *= np.exp(rng.normal(size=width))
    return W, X.astype(np.float32)


def spec(bits: int = 3, granularity=PerAxis(0), **rest) -> QuantSpec:
    return QuantSpec(bits=bits, granularity=granularity, **rest)
