import numpy as np
import torch
from numpy.testing import assert_array_equal
from torch.nn.utils import prune

from qlab.pruning import random

W = np.random.default_rng(0).standard_normal((40, 50)).astype(np.float32)


def test_as_many_go_as_with_torch_random_unstructured() -> None:
    for sparsity in (0.0, 0.1, 0.5, 0.905, 1.0):
        layer = torch.nn.Linear(50, 40)
        theirs = prune.random_unstructured(layer, "weight", sparsity).weight_mask
        assert np.count_nonzero(random(W, sparsity)) == int(theirs.sum())


def test_magnitude_plays_no_part() -> None:
    assert_array_equal(random(W, 0.5, rng=3), random(np.zeros_like(W), 0.5, rng=3))


def test_a_seed_repeats_and_another_differs() -> None:
    assert_array_equal(random(W, 0.5, rng=1), random(W, 0.5, np.random.default_rng(1)))
    assert (random(W, 0.5, rng=1) != random(W, 0.5, rng=2)).any()


def test_every_weight_is_as_likely_to_stay() -> None:
    trials, share = 2000, 0.3
    rng = np.random.default_rng(0)
    kept = np.mean([random(np.ones(20), 1 - share, rng) for _ in range(trials)], axis=0)
    assert (np.abs(kept - share) < 5 * np.sqrt(share * (1 - share) / trials)).all()


def test_layers_get_different_masks_and_the_global_share_is_exact() -> None:
    layers = {"a": np.ones((10, 10)), "b": np.ones((10, 10)), "c": np.ones(7)}
    by_layer = random(layers, 0.5)
    assert (by_layer["a"] != by_layer["b"]).any()
    together = random(layers, 0.35, scope="global")
    assert sum(np.count_nonzero(~mask) for mask in together.values()) == round(0.35 * 207)
