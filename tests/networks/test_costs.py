"""Huffman bytes are those of the streams, bit operations those of the loops that they count."""

import numpy as np
import pytest

from qlab import codebooks, coding, core, data, metrics, networks, ptq, ranges
from qlab.core import PerAxis, QuantSpec
from qlab.networks import Conv2d, Linear, bytes_huffman, network_bit_operations


@pytest.mark.parametrize("bits", [1, 4, 16])
def test_bytes_are_those_of_the_streams_that_are_written(bits: int) -> None:
    net = networks.load("student_30_t4")
    spec = QuantSpec(bits=bits, symmetric=False, granularity=PerAxis(0))
    small = networks.quantize_weights(net, spec, layers=["fc1", "fc2"])
    streams = sum(len(coding.huffman_encode(q)) for q in small.codes.values())
    size = bytes_huffman(small)
    assert size.codes == streams
    assert size.total == small.bytes.total - small.bytes.codes + streams


def test_codes_of_a_table_are_counted_alike_and_32_bits_stay_packed() -> None:
    net = networks.load("student_30_t4")
    coded = networks.code_weights(net, codebooks.METHODS["nf4"], ["fc2"])
    stream = coding.huffman_encode(coded.coded["fc2"].codes)
    assert bytes_huffman(coded).codes == len(stream)
    wide = networks.code_weights(net, codebooks.METHODS["identity"], ["fc2"])
    assert bytes_huffman(wide) == wide.bytes


def test_factors_of_a_repair_stay_counted() -> None:
    net = networks.load("student_30_t4")
    calibration = data.load("mnist").calibration[:20]
    small = networks.repair(net, QuantSpec(bits=4), ptq.smoothquant, calibration, ["fc2"])
    assert small.bytes.scales > 4
    assert small.bytes.total - bytes_huffman(small).total == small.bytes.codes - len(
        coding.huffman_encode(small.codes["fc2"])
    )


def test_bit_operations_are_counted_multiplication_by_multiplication() -> None:
    net = networks.load("lenet_5")
    expected = 0
    for k, layer in enumerate(net.layers):
        if isinstance(layer, Linear | Conv2d):
            places = int(np.prod(net.shapes[k + 1][1:]))  # 1 where there is no image
            expected += places * layer.weight.size * (3 if layer.name == "conv2" else 32) * 5
    assert network_bit_operations(net, {"conv2": 3}, 5) == expected


@pytest.mark.parametrize(
    ("bits", "activation_bits", "words"),
    [({"fc1": 0}, 8, "bits=0"), ({}, 33, "activation_bits=33"), ({"fc9": 4}, 8, "got 'fc9'")],
)
def test_what_no_network_has_is_refused(bits: dict, activation_bits: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        network_bit_operations(networks.load("lenet_5"), bits, activation_bits)


def test_errors_are_those_of_all_coded_weights_in_a_row() -> None:
    net = networks.load("student_30_t4")
    small = networks.quantize_weights(net, QuantSpec(bits=3), layers=["fc1", "fc3"])
    W, W_hat = (
        np.concatenate([one.weights["fc1"].ravel(), one.weights["fc3"].ravel()])
        for one in (net, small.network)
    )
    assert networks.weight_errors(net, small) == metrics.errors(W, W_hat)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", [1, 3, 16])
def test_biases_take_what_packed_codes_and_a_scale_a_layer_take(bits: int, symmetric: bool) -> None:
    net, spec = networks.load("student_30_t4"), QuantSpec(bits=bits, symmetric=symmetric)
    expected = 0
    for b in net.biases.values():
        q = core.quantize(b, ranges.minmax(b, spec))
        expected += len(core.pack(q, bits, signed=True)) + 4
        expected += 0 if symmetric else len(core.pack(np.zeros(1, np.int32), bits, signed=True))
    assert networks.bytes_biases(net, spec) == expected
