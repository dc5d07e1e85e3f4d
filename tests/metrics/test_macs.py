import numpy as np
import pytest

from qlab.metrics import macs
from qlab.networks import Conv2d, Flatten, Linear, MaxPool2d, Network, ReLU
from qlab.pruning import filters, magnitude, neurons


def linear(name: str, out: int, inputs: int) -> Linear:
    return Linear(name, np.ones((out, inputs), np.float32), np.zeros(out, np.float32))


def conv(name: str, out: int, inputs: int, size: int) -> Conv2d:
    return Conv2d(name, np.ones((out, inputs, size, size), np.float32), np.zeros(out, np.float32))


def mlp() -> Network:
    layers = (Flatten("flatten"), linear("fc1", 300, 784), ReLU("relu1"), linear("fc2", 100, 300))
    return Network("mlp", (*layers, ReLU("relu2"), linear("fc3", 10, 100)), (1, 28, 28))


def lenet_5() -> Network:
    layers = (
        conv("conv1", 20, 1, 5),
        MaxPool2d("pool1"),
        conv("conv2", 50, 20, 5),
        MaxPool2d("pool2"),
        Flatten("flatten"),
        linear("fc1", 500, 800),
        ReLU("relu1"),
        linear("fc2", 10, 500),
    )
    return Network("lenet_5", layers, (1, 28, 28))


def test_golden_dense_counts_by_hand() -> None:
    assert macs(mlp()).dense == 784 * 300 + 300 * 100 + 100 * 10 == 266_200
    # 24²·20·25 + 8²·50·500 + 400,000 + 5,000
    assert macs(lenet_5()).dense == 288_000 + 1_600_000 + 400_000 + 5_000


@pytest.mark.parametrize("net", [mlp(), lenet_5()], ids=["mlp", "lenet_5"])
def test_a_whole_network_keeps_all(net: Network) -> None:
    count = macs(net)
    assert count.dense == count.nonzero == count.structural


def test_single_weights_save_multiplications_by_zero_but_nothing_can_be_cut_out() -> None:
    net = mlp()
    masks = {"fc1": magnitude(net.weights["fc1"] * np.arange(784, dtype=np.float32), 0.5)}
    count = macs(net, masks)
    assert count.nonzero == 784 * 300 // 2 + 31_000
    assert count.structural == count.dense


def test_removed_neurons_take_the_next_layers_inputs_along() -> None:
    masks = {"fc1": neurons(mlp().weights["fc1"], 0.5), "fc2": neurons(mlp().weights["fc2"], 0.2)}
    count = macs(mlp(), masks)
    assert count.structural == 784 * 150 + 150 * 80 + 80 * 10
    assert count.nonzero == 784 * 150 + 300 * 80 + 100 * 10


def test_a_removed_filter_takes_its_sixteen_pixels_out_of_the_layer_behind_flatten() -> None:
    net = lenet_5()
    count = macs(
        net,
        {"conv1": filters(net.weights["conv1"], 0.5), "conv2": filters(net.weights["conv2"], 0.2)},
    )
    assert count.structural == 24**2 * 10 * 25 + 8**2 * 40 * 10 * 25 + 500 * 40 * 16 + 5000


def test_a_unit_that_reads_only_removed_channels_is_removed_too() -> None:
    net = lenet_5()
    keep = np.ones((50, 20, 5, 5), bool)
    keep[3] = False  # channel 3 of conv2 is pixels 48 … 63 behind flatten
    reads = np.ones((500, 800), bool)
    reads[7] = False
    reads[7, 48:64] = True
    count = macs(net, {"conv2": keep, "fc1": reads})
    assert count.structural == 288_000 + 8**2 * 49 * 500 + 499 * (800 - 16) + 499 * 10


def test_zeros_in_the_weights_are_the_mask_where_none_is_given() -> None:
    net = mlp()
    mask = neurons(net.weights["fc1"], 0.5)
    assert macs(net.with_weights({"fc1": net.weights["fc1"] * mask})) == macs(net, {"fc1": mask})


def test_the_outputs_of_the_last_layer_stay() -> None:
    net = mlp()
    count = macs(net, {"fc3": np.zeros((10, 100), bool)})
    assert count.structural == count.dense
    assert count.nonzero == 265_200


def test_a_mask_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got fc1: mask \(3, 3\), layer \(300, 784\)"):
        macs(mlp(), {"fc1": np.ones((3, 3), bool)})
    with pytest.raises(ValueError, match=r"got relu1: .* layer no weights"):
        macs(mlp(), {"relu1": np.ones(3, bool)})
