import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlab.networks import pareto_front

points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12)


@given(points)
def test_the_front_is_what_no_other_beats(pairs) -> None:
    cost, loss = (np.array([p[k] for p in pairs], float) for k in (0, 1))
    unbeaten = {
        p for p in pairs if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in pairs)
    }
    found = pareto_front(cost, loss)
    assert [pairs[k] for k in found] == sorted(unbeaten)
    assert all(pairs.index(pairs[k]) == k for k in found)  # of equals the first
    assert (np.diff(cost[found]) > 0).all()
    assert (np.diff(loss[found]) < 0).all()


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="must be numbers, got NaN"):
        pareto_front(np.array([1.0]), np.array([np.nan]))
