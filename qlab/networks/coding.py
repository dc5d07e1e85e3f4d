"""Coding a network's weights with a codebook.

    Ŵ = levels[codes]·scale                                                         (1)

Biases stay float32, as in `quantization`.

Source: Han, Mao and Dally 2016, arXiv:1510.00149, §3.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qlab.codebooks import Coded, Method
from qlab.metrics import Bytes, bytes_packed
from qlab.networks.arguments import weighted_layers
from qlab.networks.network import Network


@dataclass(frozen=True, slots=True, eq=False)
class CodedNetwork:
    """A network with coded weights, and what they were coded to.

    Parameters
    ----------
    network
        Its weights are what the codes mean, eq. (1).
    coded
        Codes, levels and scales of each coded layer.
    """

    network: Network
    coded: Mapping[str, Coded]

    @property
    def bytes(self) -> Bytes:
        """Codes, scales, tables, biases, and the layers that are not coded, as float32."""
        return bytes_packed(self.network, self.coded)


def code_weights(
    net: Network, method: Method, layers: Iterable[str] | None = None, **options: object
) -> CodedNetwork:
    """Code the weights of all layers, or of some, eq. (1).

    Parameters
    ----------
    net
        Left as it is; biases and other layers are shared with the result.
    method
        One of `qlab.codebooks.METHODS`.
    layers
        Names of the layers to code; None means all that hold weights.
    options
        Of the method: bits, granularity and more, the same for each layer.

    Returns
    -------
    CodedNetwork
        The network, and what became of its coded layers.

    Raises
    ------
    ValueError
        If a layer is unknown or holds no weights, or the method refuses its options.

    Examples
    --------
    >>> import numpy as np
    >>> from qlab.codebooks import kmeans
    >>> from qlab.networks import build
    >>> net = build("mlp_784_128_10", np.random.default_rng(0))
    >>> small = code_weights(net, kmeans, layers=["fc1"], bits=5)
    >>> len(np.unique(small.network.weights["fc1"])), small.bytes.codes, small.bytes.levels
    (32, 62720, 128)
    """
    chosen = weighted_layers("code_weights", net, layers)
    coded = {name: method(net.weights[name], **options) for name in chosen}
    return CodedNetwork(net.with_weights({k: c.dequantize() for k, c in coded.items()}), coded)
