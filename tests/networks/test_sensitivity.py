import numpy as np
import pytest

from qlab import core, data, metrics, networks, ranges
from qlab.core import PerAxis, PerGroup, PerTensor, QuantSpec
from qlab.networks import Outcome, Sensitivity, bit_operations, cross_entropy, sensitivity
from tests.strategies import unchecked


def calibration(n: int = 100) -> data.Split:
    return data.load("mnist").calibration[:n]


def test_each_entry_is_the_loss_with_that_layer_alone_quantized() -> None:
    net, split = networks.load("lenet_5"), calibration(60)
    images, labels = split.images, split.labels
    table = sensitivity(net, split, bits=[3, 2])
    assert table.layers == ("conv1", "conv2", "fc1", "fc2") and table.bits == (2, 3)
    reference = net.predict(images)
    for k, name in enumerate(table.layers):
        for j, bits in enumerate(table.bits):
            W = core.fake_quantize(
                net.weights[name], ranges.mse(net.weights[name], QuantSpec(bits=bits))
            )
            logits = net.with_weights({name: W}).predict(images)
            expected = cross_entropy(Outcome(logits, reference, labels)) - cross_entropy(
                Outcome(reference, reference, labels)
            )
            # the same sums in batches of another size: float32 logits of size 10
            assert table.loss[k, j] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(0), PerGroup(64)])
@pytest.mark.parametrize("symmetric", [True, False])
def test_costs_add_up_to_the_bytes_of_the_packed_network(granularity, symmetric) -> None:
    net = networks.load("mlp_784_128_10")
    table = sensitivity(
        net, calibration(10), [3, 8], method=ranges.minmax,
        granularity=granularity, symmetric=symmetric,
    )  # fmt: skip
    for j, bits in enumerate(table.bits):
        spec = QuantSpec(bits=bits, symmetric=symmetric, granularity=granularity)
        small = networks.quantize_weights(net, spec)
        assert table.cost[:, j].sum() == metrics.bytes_packed(net, small.qparams).total


def test_bit_operations_are_macs_times_bits() -> None:
    net = networks.load("lenet_5")
    table = bit_operations(net, sensitivity(net, calibration(5), [2, 8]), activation_bits=4)
    assert table.unit == "bit operations"
    np.testing.assert_array_equal(table.cost.sum(axis=0), np.array([2, 8]) * 4 * 2_293_000)
    with pytest.raises(ValueError, match="activation_bits must lie in 1 … 32"):
        bit_operations(net, table, 0)
    for wrong in (4.5, "x", None):
        with unchecked(), pytest.raises(TypeError, match="activation_bits must be an integer, got"):
            bit_operations(net, table, wrong)


def test_scanning_on_test_images_or_nothing_is_refused() -> None:
    net, mnist = networks.load("mlp_784_128_10"), data.load("mnist")
    with pytest.raises(ValueError, match=r"scan how sensitive layers are, got .role='test'"):
        sensitivity(net, mnist.test)
    with pytest.raises(ValueError, match="must hold images, got none"):
        sensitivity(net, mnist.calibration[:0])
    with pytest.raises(ValueError, match="bits must name at least one"):
        sensitivity(net, mnist.calibration[:5], bits=[])
    with pytest.raises(ValueError, match="bits must be an integer from 1 to 16, got bits=17"):
        sensitivity(net, mnist.calibration[:5], bits=[17])


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (8, r"must be a list of integers, got bits=8\. Try bits=\[8\]"),
        ("24", "must be a list of integers, got bits='24'"),
        (None, "must be a list of integers"),
        ([2.5], r"must be an integer, got bits=2\.5"),
        (["2", "4"], "must be an integer, got bits='2'"),
        ([True, 2], "must be an integer"),
    ],
)
def test_bits_that_are_no_list_of_integers_are_refused(bits, words) -> None:
    net = networks.load("mlp_784_128_10")
    with unchecked(), pytest.raises(TypeError, match=f"^sensitivity: bits {words}"):
        sensitivity(net, calibration(5), bits=bits)
    with unchecked(), pytest.raises(TypeError, match=f"^hessian_sensitivity: bits {words}"):
        networks.hessian_sensitivity(net, {}, bits=bits)


@pytest.mark.parametrize(
    ("bits", "loss", "cost", "words"),
    [
        ((2, 4), np.zeros((1, 3)), np.zeros((1, 3), int), "a row a layer"),
        ((4, 2), np.zeros((1, 2)), np.zeros((1, 2), int), "bits must ascend"),
        ((2, 2), np.zeros((1, 2)), np.zeros((1, 2), int), "bits must ascend"),
        ((2, 4), np.full((1, 2), np.nan), np.zeros((1, 2), int), "loss must be finite"),
        ((2, 4), np.zeros((1, 2)), np.full((1, 2), -1), "cost at least 0"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(bits, loss, cost, words) -> None:
    with pytest.raises(ValueError, match=words):
        Sensitivity(("fc1",), bits, loss, cost)


@pytest.mark.parametrize(
    ("bits", "loss", "cost", "words"),
    [
        ((2, 4), np.zeros((1, 2)), np.array([[1.5, 2.0]]), "cost must be .* of integers"),
        ((2, 4), np.zeros((1, 2)), np.array([[True, True]]), "cost must be .* of integers"),
        ((2, 4), np.zeros((1, 2)), [[1, 2]], "cost must be .* of integers"),
        ((2, 4), np.zeros((1, 2), int), np.zeros((1, 2), int), "loss must be a NumPy float"),
        ((2, 4), [[0.0, 0.0]], np.zeros((1, 2), int), "loss must be a NumPy float"),
        ((2.5, 4), np.zeros((1, 2)), np.zeros((1, 2), int), "bits must be an integer"),
        (("2", "4"), np.zeros((1, 2)), np.zeros((1, 2), int), "bits must be an integer"),
        (None, np.zeros((1, 2)), np.zeros((1, 2), int), "layers and bits must be tuples"),
    ],
)
def test_a_table_of_other_kinds_of_numbers_is_refused(bits, loss, cost, words) -> None:
    with unchecked(), pytest.raises(TypeError, match=f"^Sensitivity: {words}"):
        Sensitivity(("fc1",), bits, loss, cost)
