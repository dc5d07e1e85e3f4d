"""What a quantized network costs: its weights' errors, bytes with a word a code, bit operations.

    bytes            a Huffman stream for each layer's codes, its table of lengths in front   (1)
                     all else as in `small.bytes`
    bit operations   Σ over layers of MACs · bits of weights · bits of activations            (2)

(2) is the sum of what `layer_bit_operations` counts; what is not quantized has 32 bits.

Source: (1) Han, Mao and Dally 2016, arXiv:1510.00149, section 4; (2) counts as Baskin et al. 2018,
arXiv:1804.10969, does.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Integer

from qlab import coding
from qlab.metrics import Bytes, Errors, errors
from qlab.networks.coding import CodedNetwork
from qlab.networks.network import Network
from qlab.networks.quantization import Quantized
from qlab.networks.sensitivity import layer_bit_operations

MOST_BITS = 16  # of a code: a table of words has no room for more symbols


def codes_of(small: Quantized | CodedNetwork) -> Mapping[str, Integer[np.ndarray, "..."]]:
    """Return the codes of each layer that has some, by name, whatever grid they are of.

    Parameters
    ----------
    small
        From `quantize_weights`, `repair` or `code_weights`.

    Examples
    --------
    >>> from qlab.core import QuantSpec
    >>> from qlab.networks import build, quantize_weights
    >>> net = build("student_30", np.random.default_rng(0))
    >>> small = quantize_weights(net, QuantSpec(bits=4), layers=["fc2"])
    >>> {name: q.shape for name, q in codes_of(small).items()}
    {'fc2': (30, 30)}
    """
    if isinstance(small, Quantized):
        return small.codes
    return {name: coded.codes for name, coded in small.coded.items()}


def weight_errors(net: Network, small: Quantized | CodedNetwork) -> Errors:
    """Measure what became of the weights that have codes, all of them in a row.

    Parameters
    ----------
    net
        What was quantized.
    small
        From `quantize_weights`, `repair` or `code_weights`.

    Returns
    -------
    Errors
        As ``metrics.errors`` of all weights before and after.

    Examples
    --------
    >>> from qlab.core import QuantSpec
    >>> from qlab.networks import build, quantize_weights
    >>> net = build("student_30", np.random.default_rng(0))
    >>> round(weight_errors(net, quantize_weights(net, QuantSpec(bits=8))).sqnr)
    41
    """
    W, W_hat = (
        np.concatenate([one.weights[name].ravel() for name in codes_of(small)])
        for one in (net, small.network)
    )
    return errors(W, W_hat)


def layer_bytes_huffman(small: Quantized | CodedNetwork, name: str) -> int:
    """Count the bytes of one layer's codes as a Huffman stream, without writing it, equation 1.

    Parameters
    ----------
    small
        From `quantize_weights`, `repair` or `code_weights`.
    name
        Of a layer with codes.

    Returns
    -------
    bytes
        As long as ``coding.huffman_encode`` makes it; codes of more than 16 bits stay packed.

    Raises
    ------
    KeyError
        If the layer has no codes.

    Examples
    --------
    >>> from qlab.core import QuantSpec
    >>> from qlab.networks import build, quantize_weights
    >>> net = build("student_30", np.random.default_rng(0))
    >>> small = quantize_weights(net, QuantSpec(bits=4))
    >>> layer_bytes_huffman(small, "fc2"), len(coding.huffman_encode(small.codes["fc2"]))
    (367, 367)
    """
    if isinstance(small, CodedNetwork) and small.coded[name].bits > MOST_BITS:
        return small.coded[name].bytes.codes
    q = codes_of(small)[name]
    return sum(coding.huffman_bytes(np.bincount(q.ravel() - q.min(initial=0))))


def bytes_huffman(small: Quantized | CodedNetwork) -> Bytes:
    """Count the bytes of quantized weights whose codes are Huffman-coded, equation 1.

    Parameters
    ----------
    small
        From `quantize_weights`, `repair` or `code_weights`.

    Returns
    -------
    size
        That of ``small.bytes``, and in its ``codes`` the streams with their tables.

    Examples
    --------
    >>> from qlab.core import QuantSpec
    >>> from qlab.networks import build, quantize_weights
    >>> small = quantize_weights(build("student_30", np.random.default_rng(0)), QuantSpec(bits=4))
    >>> small.bytes.total, bytes_huffman(small).total
    (12652, 8898)
    """
    return replace(small.bytes, codes=sum(layer_bytes_huffman(small, k) for k in codes_of(small)))


def network_bit_operations(net: Network, bits: Mapping[str, int], activation_bits: int = 32) -> int:
    """Count the bit operations of one image, equation 2.

    Parameters
    ----------
    net
        Only shapes matter.
    bits
        Of the weights of a layer, by its name, 1 … 32; a layer that is not named has 32.
    activation_bits
        Of what enters each layer, 1 … 32.

    Returns
    -------
    int
        Multiply-accumulates × bits × activation bits, summed over the layers.

    Raises
    ------
    ValueError
        If the network has no such layer, or a number of bits is another.

    Examples
    --------
    >>> from qlab.networks import build
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> network_bit_operations(net, {"fc1": 4}, 8)      # 100,352 · 4 · 8 + 1,280 · 32 · 8
    3538944
    """
    given = {**dict.fromkeys(net.weights, 32), **bits}
    return sum(layer_bit_operations(net, name, b, activation_bits) for name, b in given.items())
