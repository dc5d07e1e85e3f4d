"""What hypothesis draws: arrays as they come, arrays that hurt, and every way to quantize."""

from collections.abc import Generator
from contextlib import contextmanager

import jaxtyping
import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qlab.core import PerAxis, PerGroup, PerTensor, QuantSpec

SLOW = [HealthCheck.too_slow]  # a busy machine is no error
settings.register_profile("qlab", deadline=None, suppress_health_check=SLOW)
settings.load_profile("qlab")

LARGEST = float(np.finfo(np.float32).max)

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=7)


def float32_arrays(
    shapes: st.SearchStrategy[tuple[int, ...]] = SHAPES,
    low: float = -LARGEST,
    high: float = LARGEST,
) -> st.SearchStrategy[np.ndarray]:
    """Finite float32 arrays, with zeros, denormals and the largest numbers among them."""
    elements = st.floats(low, high, width=32)
    return hnp.arrays(np.float32, shapes, elements=elements)


GRANULARITIES = st.one_of(
    st.just(PerTensor()),
    st.just(PerAxis(0)),
    st.just(PerAxis(-1)),
    st.builds(PerGroup, st.integers(1, 9)),
)

SPECS = st.builds(
    QuantSpec,
    bits=st.integers(1, 16),
    signed=st.booleans(),
    symmetric=st.booleans(),
    granularity=GRANULARITIES,
)

AWKWARD = {
    "empty": np.zeros((0,), np.float32),
    "empty rows": np.zeros((3, 0), np.float32),
    "no rows": np.zeros((0, 3), np.float32),
    "one element": np.array([0.7], np.float32),
    "all zero": np.zeros((4, 5), np.float32),
    "constant": np.full((4, 5), 0.7, np.float32),
    "constant negative": np.full((4, 5), -0.7, np.float32),
    "all positive": np.linspace(1, 2, 20, dtype=np.float32).reshape(4, 5),
    "all negative": np.linspace(-2, -1, 20, dtype=np.float32).reshape(4, 5),
    "denormal": np.linspace(-1e-40, 1e-40, 20, dtype=np.float32).reshape(4, 5),
    "tiny": np.linspace(-1e-37, 1e-37, 20, dtype=np.float32).reshape(4, 5),
    "huge": np.linspace(-1e38, 1e38, 20, dtype=np.float32).reshape(4, 5),
    "largest": np.array([[-LARGEST, 0.0, LARGEST]], np.float32),
    "outlier": np.append(np.linspace(-1, 1, 19, dtype=np.float32), np.float32(1e6)).reshape(4, 5),
}


@contextmanager
def unchecked() -> Generator[None]:
    """Call as a user does, without the shape checker that the tests switch on.

    The checker refuses a wrong type before the function can say what was wrong with it.
    """
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
