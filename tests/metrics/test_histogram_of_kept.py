import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlab.metrics import bin_index, kept_counts


@given(st.integers(0, 2**32 - 1), st.integers(1, 128), st.integers(0, 300))
def test_it_counts_what_numpy_counts_of_the_kept_values(seed, bins, n):
    rng = np.random.default_rng(seed)
    x, mask = rng.standard_normal(n).astype(np.float32), rng.random(n) < 0.5
    edges = np.linspace(-2.0, 2.0, bins + 1)
    counts = kept_counts(bin_index(x, -2.0, 2.0, bins), mask, bins)
    expected = np.histogram(np.clip(x[mask], -2.0, 2.0), edges)[0]
    at_edges = int(np.isclose(x[:, None], edges, rtol=0, atol=1e-12).any(axis=1).sum())
    assert counts.sum() == mask.sum()
    assert abs(counts - expected).sum() <= 2 * at_edges


def test_more_bins_than_fit_are_refused():
    with pytest.raises(ValueError, match="bins must be at most 128, got bins=129"):
        bin_index(np.zeros(3), 0, 1, 129)
