import numpy as np
import pytest

from qlab import pruning

WEIGHTS = {"a": np.ones((7, 5), np.float32), "b": np.ones((3, 9), np.float32)}


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_a_seed_and_its_generator_draw_the_same_masks_the_second_time_too(scope):
    for _ in range(2):
        by_seed = pruning.random(WEIGHTS, 0.4, 3, scope)
        by_rng = pruning.random(WEIGHTS, 0.4, np.random.default_rng(3), scope)
        for name in WEIGHTS:
            np.testing.assert_array_equal(by_seed[name], by_rng[name])


def test_a_generator_draws_anew_each_time():
    rng = np.random.default_rng(3)
    first, second = (pruning.random(WEIGHTS["a"], 0.4, rng) for _ in range(2))
    assert (first != second).any()
