from collections.abc import Callable

import numpy as np
import pytest

from qlab.core import QuantSpec
from qlab.metrics import accuracy
from qlab.networks import FakeQuantize, Flatten, Linear, MaxPool2d, Network, ReLU, build, mlp
from qlab.ranges import minmax
from tests.networks.slow import conv2d, max_pool2d


def net(name: str = "lenet_5") -> Network:
    return build(name, np.random.default_rng(0))


def images(n: int) -> np.ndarray:
    return np.random.default_rng(1).random((n, 1, 28, 28), np.float32)


def test_predict_of_lenet_5_equals_the_loops() -> None:
    lenet, x = net(), images(2)
    W, b = lenet.weights, lenet.biases
    y = max_pool2d(conv2d(x, W["conv1"], b["conv1"], 1, 0), 2)
    y = max_pool2d(conv2d(y, W["conv2"], b["conv2"], 1, 0), 2).reshape(2, 800)
    y = np.maximum(y @ W["fc1"].T.astype(np.float64) + b["fc1"], 0)
    y = y @ W["fc2"].T.astype(np.float64) + b["fc2"]
    logits = lenet.predict(x)
    assert logits.dtype == np.float32
    # 25 + 500 + 800 + 500 roundings on the longest path, each at most u of the largest sum
    np.testing.assert_allclose(logits, y, rtol=0, atol=1825 * 2.0**-24 * np.abs(y).max())


@pytest.mark.parametrize("name", ["lenet_5", "lenet_300_100"])
@pytest.mark.parametrize(("batch_size", "threads"), [(1, 1), (7, 1), (7, 3), (None, 2), (100, 2)])
def test_batches_and_threads_do_not_change_the_logits(
    name: str, batch_size: int | None, threads: int
) -> None:
    whole = net(name).predict(images(20), batch_size=20)
    parts = net(name).predict(images(20), batch_size=batch_size, threads=threads)
    # BLAS may add in another order for another number of rows
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1825 * 2.0**-24 * np.abs(whole).max())


def test_memory_is_bounded_by_the_batch() -> None:
    import tracemalloc

    lenet, x = net(), images(400)
    lenet.predict(x[:2])
    tracemalloc.start()
    lenet.predict(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    everything = 400 * 4 * 64 * 500  # bytes of all of conv2's columns at once
    assert peak < everything / 2


@pytest.mark.parametrize("name", ["lenet_5", "lenet_300_100"])
def test_a_kept_prefix_continues_to_the_same_logits(name: str) -> None:
    lenet, x = net(name), images(5)
    for k in range(len(lenet.layers) + 1):
        y = lenet.run(lenet.run(x, stop=k), start=k)
        np.testing.assert_array_equal(y, lenet.predict(x))


def test_no_images_give_no_logits() -> None:
    assert net().predict(images(0)).shape == (0, 10)


def test_predict_leaves_images_alone_and_takes_float64() -> None:
    x = images(3)
    x.flags.writeable = False
    np.testing.assert_array_equal(net().predict(x), net().predict(x.astype(np.float64)))


def test_an_image_of_nan_has_logits_of_nan_that_no_accuracy_counts() -> None:
    x, labels = images(3), np.zeros(3, np.int64)
    x[1, 0, 5, 5] = np.nan
    logits = net().predict(x)
    assert np.isnan(logits[1]).all()
    assert np.isfinite(logits[[0, 2]]).all()
    with pytest.raises(ValueError, match="logits must be finite, got 10 NaN or infinite of 30"):
        accuracy(logits, labels)


def test_an_image_of_nan_is_refused_by_a_layer_that_quantizes() -> None:
    x = images(2)
    lenet, grid = net(), minmax(x, QuantSpec(symmetric=False))
    quantized = lenet.with_layers([FakeQuantize("input", grid), *lenet.layers])
    x[1, 0, 5, 5] = np.nan
    with pytest.raises(ValueError, match="must be finite, got 1 NaN or infinite"):
        quantized.predict(x)


def test_with_weights_shares_what_it_does_not_replace_and_changes_no_one_else() -> None:
    old = net("lenet_300_100")
    kept = old.weights["fc2"].copy()
    new = old.with_weights({"fc2": np.zeros((100, 300))}, biases={"fc3": np.ones(10)})
    assert new.weights["fc1"] is old.weights["fc1"]
    assert new.biases["fc2"] is old.biases["fc2"]
    assert not new.weights["fc2"].any()
    assert (new.biases["fc3"] == 1).all()
    np.testing.assert_array_equal(old.weights["fc2"], kept)


def test_the_architectures_have_the_published_numbers_of_parameters() -> None:
    counts = {n: net(n).parameters for n in ("lenet_300_100", "lenet_5", "mlp_784_128_10")}
    assert counts == {"lenet_300_100": 266_610, "lenet_5": 431_080, "mlp_784_128_10": 101_770}
    assert net("teacher_1200").parameters == 2_395_210


def test_the_same_seed_builds_the_same_network() -> None:
    one, two = net(), net()
    for name, W in one.weights.items():
        np.testing.assert_array_equal(W, two.weights[name])


def test_summary_adds_up_parameters_and_macs() -> None:
    summary = net().summary()
    assert summary.parameters == 431_080
    assert summary.macs == 288_000 + 1_600_000 + 400_000 + 5_000
    assert [row.output_shape for row in summary.rows][:2] == [(20, 24, 24), (20, 12, 12)]
    assert "431,080" in str(summary)


def test_names_lead_to_layers_and_positions() -> None:
    lenet = net()
    assert lenet.index("conv2") == 2
    assert lenet.layer("conv2") is lenet.layers[2]


def linear(name: str, inputs: int, outputs: int) -> Linear:
    return Linear(name, np.zeros((outputs, inputs)), np.zeros(outputs))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Network("n", (ReLU("a"), ReLU("a")), (3,)), "names must differ, got 'a' twice"),
        (
            lambda: Network("n", (linear("fc1", 4, 3), linear("fc2", 4, 3)), (4,)),
            r"input must be \(in,\) that fits the layer, got \(name='fc2', input=\(3,\)",
        ),
        (lambda: Network("n", (linear("fc", 4, 3),), (1, 2, 2)), r"input=\(1, 2, 2\)"),
        (lambda: Network("n", (MaxPool2d("p"),), (5,)), "MaxPool2d: input must be"),
        (lambda: net().index("fc9"), "must be one of conv1, pool1, .*, got 'fc9'"),
        (lambda: net().with_weights({"fc9": np.zeros(1)}), "one of conv1, conv2, fc1, fc2, got"),
        (lambda: net().with_weights({"fc2": np.zeros(5)}), r"must be \(10, 500\), got \(5,\)"),
        (lambda: net().with_weights({}, {"fc2": np.zeros(5)}), r"bias of 'fc2' must be \(10,\)"),
        (lambda: net().predict(images(2)[:, 0]), r"must be \(N, 1, 28, 28\), got \(2, 28, 28\)"),
        (lambda: net().run(images(2), start=1), r"must be \(N, 20, 24, 24\)"),
        (lambda: net().run(images(2), stop=9), "0 <= start <= stop <= 8"),
        (lambda: net().run(images(2), start=3, stop=2), "start=3, stop=2"),
        (lambda: net().predict(images(2), batch_size=0), "batch_size=0"),
        (lambda: net().predict(images(2), threads=0), "threads=0"),
        (lambda: build("lenet_6", np.random.default_rng(0)), "got 'lenet_6'"),
        (lambda: mlp("m", (28, 10), np.random.default_rng(0)), r"must be 784 .*got \(28, 10\)"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(
    make: Callable[[], object], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        make()


def test_an_empty_network_returns_its_input() -> None:
    x = images(2)
    np.testing.assert_array_equal(Network("none", (), (1, 28, 28)).predict(x), x)
    assert Network("flat", (Flatten("f"),), (1, 28, 28)).predict(x).shape == (2, 784)
