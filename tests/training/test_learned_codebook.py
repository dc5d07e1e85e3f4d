import numpy as np
import pytest
import torch

from qlab.training.learned_codebook import LearnedCodebook, shared


def weights(seed: int = 0) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(seed).normal(0, 1, (20, 30)), dtype=torch.float32)


def test_the_gradient_of_a_level_is_the_sum_over_its_cluster() -> None:
    codes = torch.randint(0, 5, (20, 30), generator=torch.Generator().manual_seed(0))
    levels = torch.randn(6, requires_grad=True)  # code 5 does not occur
    g = weights(1)
    (shared(levels, codes) * g).sum().backward()
    for j in range(6):
        expected = g[codes == j].double().sum()
        torch.testing.assert_close(levels.grad[j].double(), expected, rtol=1e-6, atol=1e-6)
    assert levels.grad[5] == 0


def test_the_gradient_equals_that_of_indexing_in_torch() -> None:
    codes = torch.randint(0, 8, (300,), generator=torch.Generator().manual_seed(0))
    ours, theirs = (torch.arange(8.0, requires_grad=True) for _ in range(2))
    g = weights(2).reshape(-1)[:300]
    y = shared(ours, codes)
    assert (y == theirs[codes]).all()
    (y * g).sum().backward()
    (theirs[codes] * g).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_each_weight_starts_in_the_cluster_of_its_nearest_level(bits: int) -> None:
    W = weights()
    book = LearnedCodebook(W, bits)
    levels = (book.levels * book.size).detach()
    distance = (W[..., None] - levels).abs()
    chosen = distance.gather(-1, book.codes[..., None])[..., 0]
    torch.testing.assert_close(chosen, distance.min(-1).values, rtol=0, atol=1e-6)
    for j in book.codes.unique():  # each level is the mean of its cluster
        torch.testing.assert_close(levels[j], W[book.codes == j].mean(), rtol=0, atol=1e-5)


def test_a_weight_never_leaves_its_cluster() -> None:
    W = weights()
    book = LearnedCodebook(W, 2)
    codes = book.codes.clone()
    optimizer = torch.optim.SGD(book.parameters(), lr=1.0)
    (book(W) * weights(1)).sum().backward()
    optimizer.step()
    assert (book.codes == codes).all()
    after = book(W)
    assert after.unique().numel() == 4
    assert all(after[codes == j].unique().numel() == 1 for j in range(4))


def test_weights_that_are_all_equal_share_one_level() -> None:
    W = torch.full((3, 4), 0.25)
    torch.testing.assert_close(LearnedCodebook(W, 2)(W), W)
    assert (LearnedCodebook(torch.zeros(3, 4), 3)(W) == 0).all()
