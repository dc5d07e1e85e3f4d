import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from qlab import data
from qlab.data import Split
from qlab.networks import Conv2d, Flatten, Linear, MaxPool2d, Network, ReLU, last_layer_trace
from qlab.training import hessian_traces, hutchinson_traces, to_module
from qlab.training.hessian import quadratic_forms
from qlab.training.sensitivity_tables import find
from tests.strategies import unchecked


def layer(kind, name, rng, *shape):
    weight = rng.normal(0, 0.5, shape).astype(np.float32)
    return kind(name, weight, rng.normal(0, 0.1, shape[0]).astype(np.float32))


def tiny(seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    return Network(
        "tiny",
        (
            layer(Conv2d, "conv1", rng, 2, 1, 2, 2),
            MaxPool2d("pool1"),
            Flatten("flatten"),
            layer(Linear, "fc1", rng, 3, 8),
            ReLU("relu1"),
            layer(Linear, "fc2", rng, 3, 3),
        ),
        (1, 5, 5),
    )


def some(n: int = 6) -> Split:
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (n, 1, 5, 5)).astype(np.uint8)
    return Split(images, rng.integers(0, 3, n), "calibration", "random", 255)


def explicit(net: Network, split: Split, name: str) -> torch.Tensor:
    """The Hessian of the mean cross entropy by one layer's weights, all of it."""
    module = to_module(net).double()
    x, labels = torch.tensor(split.images).double(), torch.tensor(split.labels)
    W = module.get_parameter(f"{name}.weight").detach()

    def loss(flat):
        weights = {f"{name}.weight": flat.reshape(W.shape)}
        return F.cross_entropy(torch.func.functional_call(module, weights, (x,)), labels)

    return torch.autograd.functional.hessian(loss, W.flatten())


@pytest.mark.parametrize("seed", range(3))
def test_exact_traces_are_those_of_the_explicit_hessian(seed: int) -> None:
    net, split = tiny(seed), some()
    for name, trace in hessian_traces(net, split).items():
        H = explicit(net, split, name)
        assert trace.weights == len(H)
        assert trace.value == pytest.approx(float(torch.trace(H)), rel=1e-4)  # float32 in there
    assert last_layer_trace(net, split).value == pytest.approx(
        float(torch.trace(explicit(net, split, "fc2"))), rel=1e-6
    )


def test_all_vectors_of_signs_average_to_the_trace_exactly() -> None:
    net, split = tiny(), some()
    module = to_module(net).double()
    x, labels = torch.tensor(split.images).double(), torch.tensor(split.labels)
    W = module.get_parameter("conv1.weight")
    forms = []
    for signs in itertools.product([-1.0, 1.0], repeat=W.numel()):
        v = torch.tensor(signs, dtype=torch.float64).reshape(W.shape)
        forms += quadratic_forms(F.cross_entropy(module(x), labels), [W], [v])
    H = explicit(net, split, "conv1")
    assert np.mean(forms) == pytest.approx(float(torch.trace(H)), rel=1e-9)


def test_hutchinson_comes_as_near_as_its_standard_error_says() -> None:
    net, split = tiny(), some()
    exact = hessian_traces(net, split)
    for seed in range(3):
        guessed = hutchinson_traces(net, split, probes=100, seed=seed)
        for name, trace in guessed.items():
            assert 0 < trace.deviation
            assert abs(trace.value - exact[name].value) < 5 * trace.deviation
    again = hutchinson_traces(net, split, probes=100, seed=2)
    assert again == guessed


def test_a_test_split_and_too_few_probes_are_refused() -> None:
    net, split = tiny(), some()
    test = Split(some().images, split.labels, "test", "random", 255)
    for find_traces in (hessian_traces, hutchinson_traces):
        with pytest.raises(ValueError, match="find the curvature of the loss, got"):
            find_traces(net, test)
        with pytest.raises(ValueError, match="must hold images, got none"):
            find_traces(net, split[:0])
    with pytest.raises(ValueError, match="probes must be at least 2, got probes=1"):
        hutchinson_traces(net, split, probes=1)


def test_a_table_holds_what_its_functions_find() -> None:
    from qlab import networks

    net, split = networks.load("mlp_784_128_10"), data.load("mnist").calibration[:10]
    rows = find(net, split, probes=2)
    scanned = networks.sensitivity(net, split, tuple(range(1, 9)))
    assert list(rows) == ["fc1", "fc2"]
    np.testing.assert_allclose(rows["fc1"]["cross_entropy"], scanned.loss[0])
    assert rows["fc2"]["trace"] == hessian_traces(net, split)["fc2"].value


@pytest.mark.parametrize("find_traces", [hessian_traces, hutchinson_traces])
def test_images_that_are_no_split_are_refused_by_name(find_traces) -> None:
    said = rf"^{find_traces.__name__}: calibration must be a split such as .*, got ndarray\. "
    with unchecked(), pytest.raises(TypeError, match=said):
        find_traces(tiny(), some().images)
