import math

import numpy as np
import pytest
import torch
from torch import nn

from qlab import data, metrics, pruning
from qlab.networks import Network
from qlab.training import Fitted, Progress, fine_tune, fit, to_module
from tests.training.workbench import convolutional, dense, digits

DIGITS = digits()


def same(a: Network, b: Network) -> bool:
    return all(
        (a.weights[n] == b.weights[n]).all() and (a.biases[n] == b.biases[n]).all()
        for n in a.weights
    )


@pytest.mark.parametrize("net", [dense(), convolutional()], ids=lambda net: net.name)
def test_training_learns_the_digits(net: Network) -> None:
    fitted = fit(net, DIGITS, epochs=15, lr=5e-3, batch_size=32)
    assert fitted.history[0].validation.value < 0.3
    assert fitted.validation.value > 0.7
    assert metrics.accuracy(fitted.network, DIGITS.validation) == fitted.validation


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(optimizer: str) -> None:
    def once(seed: int) -> Network:
        dropout = {"fc2": 0.3}
        plan = {"optimizer": optimizer, "jitter": 1, "dropout": dropout, "lr": 0.01}
        return fit(dense(), DIGITS, epochs=2, seed=seed, **plan).network

    first = once(1)
    torch.rand(3)  # what others draw changes nothing
    assert same(first, once(1))
    assert not same(first, once(2))


def test_training_leaves_the_network_and_the_global_generator_alone() -> None:
    net, twin = dense(), dense()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(net, DIGITS, epochs=1, dropout={"fc1": 0.5})
    assert same(net, twin)
    assert (torch.rand(3) == expected).all()


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_pruned_weights_stay_zero_where_a_plain_loop_revives_them(optimizer: str) -> None:
    net = dense()
    masks = pruning.magnitude(dict(net.weights), 0.8)
    pruned = net.with_weights({name: net.weights[name] * masks[name] for name in masks})
    plan = {"optimizer": optimizer, "lr": 0.01, "momentum": 0.9, "weight_decay": 1e-3}

    naive = fit(pruned, DIGITS, epochs=1, **plan).network  # starts pruned, and forgets it
    ours = fine_tune(net, masks, DIGITS, epochs=2, **plan)

    assert any((naive.weights[name][~masks[name]] != 0).any() for name in masks)
    for name, mask in masks.items():
        assert (ours.network.weights[name][~mask] == 0).all()
        assert (ours.network.weights[name][mask] != pruned.weights[name][mask]).any()
    assert ours.validation.value >= ours.history[0].validation.value


def test_the_mask_holds_after_every_single_step(monkeypatch: pytest.MonkeyPatch) -> None:
    net = dense()
    masks = {"fc1": pruning.random(net.weights["fc1"], 0.5, np.random.default_rng(0))}
    forward = nn.Linear.forward
    revived: list[int] = []

    def watching(layer: nn.Linear, x: torch.Tensor) -> torch.Tensor:
        if layer.weight.shape == masks["fc1"].shape:
            revived.append(int(torch.count_nonzero(layer.weight[torch.tensor(~masks["fc1"])])))
        return forward(layer, x)

    monkeypatch.setattr(nn.Linear, "forward", watching)
    fine_tune(net, masks, DIGITS, epochs=1)
    assert len(revived) > 4
    assert set(revived) == {0}


def test_the_best_epoch_is_kept_and_not_the_last() -> None:
    fits = [fit(dense(), DIGITS, epochs=30, lr=0.05, schedule="constant", seed=k) for k in range(3)]
    for fitted in fits:
        rank = [(row.validation.value, -row.validation_loss) for row in fitted.history]
        assert fitted.best_epoch == rank.index(max(rank))
        assert metrics.accuracy(fitted.network, DIGITS.validation) == fitted.validation
    assert min(fitted.best_epoch for fitted in fits) < 30  # such a rate wanders


def test_a_better_epoch_is_told_when_it_is_found() -> None:
    told: list[tuple[int, float]] = []

    def on_best(net: Network, row: object) -> None:
        told.append((row.epoch, metrics.accuracy(net, DIGITS.validation).value))  # type: ignore[attr-defined]

    fitted = fit(dense(), DIGITS, epochs=3, on_best=on_best)
    assert told[0][0] == 0
    assert told[-1] == (fitted.best_epoch, fitted.validation.value)
    assert [value for _, value in told] == sorted(value for _, value in told)


def test_patience_ends_a_training_that_no_longer_improves() -> None:
    fitted = fit(dense(), DIGITS, epochs=50, lr=1e-9, patience=2, schedule="constant")
    assert fitted.stopped
    assert len(fitted.history) - 1 == fitted.best_epoch + 2


def test_progress_counts_every_step_and_the_time_left() -> None:
    seen: list[Progress] = []
    fitted = fit(dense(), DIGITS, epochs=2, batch_size=100, on_progress=seen.append)
    assert [p.step for p in seen if p.epoch == 1][:6] == [1, 2, 3, 4, 5, 6]  # ⌈512/100⌉ = 6
    assert {p.steps for p in seen} == {12}
    assert {p.epochs for p in seen} == {2}
    for p in seen:
        assert math.isfinite(p.loss)
        assert 0 <= p.seconds_left <= p.seconds / p.step * (12 - p.step)
    assert seen[-1].seconds_left == 0
    assert seen[6].validation_accuracy == fitted.history[0].validation.value
    assert seen[-1].loss < seen[0].loss


def test_stopping_keeps_the_best_so_far_and_judges_the_last_step() -> None:
    steps = 0

    def should_stop() -> bool:
        nonlocal steps
        steps += 1
        return steps == 5

    fitted = fit(dense(), DIGITS, epochs=50, lr=0.01, should_stop=should_stop)
    assert steps == 5
    assert fitted.stopped
    assert [row.epoch for row in fitted.history] == [0, 1, 2]  # 4 steps an epoch
    assert metrics.accuracy(fitted.network, DIGITS.validation) == fitted.validation


def test_no_row_of_weights_is_longer_than_max_norm() -> None:
    fitted = fit(dense(), DIGITS, epochs=2, lr=0.02, max_norm=0.5)
    for W in fitted.network.weights.values():
        assert np.linalg.norm(W, axis=1).max() <= 0.5 * (1 + 1e-5)  # float32 roundings of one sum
    free = fit(dense(), DIGITS, epochs=2, lr=0.02)
    assert np.linalg.norm(free.network.weights["fc1"], axis=1).max() > 0.5


def test_neither_learning_nor_choosing_may_use_the_test_split() -> None:
    for splits in (
        {"train": DIGITS.test, "validation": DIGITS.validation},
        {"train": DIGITS.train, "validation": DIGITS.test},
    ):
        leaky = data.Dataset("leaky", calibration=DIGITS.calibration, test=DIGITS.test, **splits)
        with pytest.raises(ValueError, match="split other than test to"):
            fit(dense(), leaky, epochs=1)


@pytest.mark.parametrize(
    ("masks", "words"),
    [
        ({"relu1": np.ones((24, 64), bool)}, "masks must name layers with weights, got 'relu1'"),
        ({"fc1": np.ones((2, 2), bool)}, r"mask 'fc1' must be bool of shape \(24, 64\)"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(masks: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fine_tune(dense(), masks, DIGITS)


def test_images_of_another_shape_and_empty_splits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"images must be \(1, 8, 8\) for 'dense'"):
        fit(dense(), data.load("mnist"), epochs=1)
    empty = data.Dataset(
        "empty",
        train=DIGITS.train[:0],
        calibration=DIGITS.calibration,
        validation=DIGITS.validation,
        test=DIGITS.test,
    )
    with pytest.raises(ValueError, match="must hold images to learn weights, got 0"):
        fit(dense(), empty, epochs=1)


def test_a_loss_that_explodes_says_so() -> None:
    with pytest.raises(FloatingPointError, match=r"loss must stay finite, got .* Lower lr"):
        fit(dense(), DIGITS, epochs=5, optimizer="sgd", lr=1e6)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="wait"):
        fit(dense(), DIGITS, wait=3)


def test_jitter_and_dropout_act_in_training_alone() -> None:
    plain = fit(dense(), DIGITS, epochs=1)
    moved = fit(dense(), DIGITS, epochs=1, jitter=1)
    assert plain.history[0].validation == moved.history[0].validation
    assert not same(plain.network, moved.network)
    assert not to_module(dense()).eval().training
    assert isinstance(plain, Fitted)
