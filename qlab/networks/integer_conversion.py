"""From a float network and codes to integer layers, and to the float network on the same grids.

Linear, Conv2d        an `IntegerLayer`, with the rectifier that follows it
MaxPool2d, Flatten    as they are: they only move codes
the float twin        Ŵ = (q_w − z_w) s_w,   b̂ = b s_x s_w,   `FakeQuantize` where codes are (1)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from qlab import core
from qlab.core import QParams
from qlab.networks.integer_layers import IntegerLayer, bias_codes
from qlab.networks.layers import (
    WEIGHTED,
    Conv2d,
    FakeQuantize,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
)
from qlab.networks.network import Network
from qlab.networks.quantization import Quantized


def check_complete(net: Network, quantized: Quantized, entering: Mapping[str, QParams]) -> None:
    """Refuse a network that would need a float somewhere, or codes that mean more than a grid."""
    if not net.weights:
        raise ValueError(f"IntegerNetwork: {net.name} must have a layer with weights, got none.")
    for part, held in (("codes", quantized.codes), ("a grid of what enters it", entering)):
        missing = [name for name in net.weights if name not in held]
        if missing:
            raise ValueError(
                f"IntegerNetwork: each layer must have {part}, got none for {missing[0]!r}."
            )
    for name, repaired in quantized.repaired.items():
        if repaired.offset is not None:
            raise ValueError(
                f"IntegerNetwork: weights must be (q − z)·s, got real offsets beside the codes "
                f"(name={name!r}). Repair without them: qlab.ptq.gptq, say."
            )
        if repaired.input_scale is not None:
            raise ValueError(
                f"IntegerNetwork: weights must be (q − z)·s, got factors of the inputs beside the "
                f"codes (name={name!r}). Let the layer before take them over: "
                "qlab.networks.fold_smoothquant or fold_awq, before quantize_weights."
            )
    unknown = [k for k in net.layers if not isinstance(k, (*WEIGHTED, MaxPool2d, ReLU, Flatten))]
    if unknown:
        raise ValueError(
            f"IntegerNetwork: {unknown[0].name!r} has no integer arithmetic, got a "
            f"{type(unknown[0]).__name__}."
        )


def converted(
    net: Network,
    quantized: Quantized,
    grids: list[QParams],
    arithmetic: Mapping[str, Any],
) -> tuple[IntegerLayer | Layer, ...]:
    """Replace layers with weights by integer ones, with the rectifiers behind them."""
    layers: list[IntegerLayer | Layer] = []
    place = {name: k for k, name in enumerate(net.weights)}
    rectified = _rectified(net)
    for layer in net.layers:
        if isinstance(layer, Linear | Conv2d):
            name, k = layer.name, place[layer.name]
            by_row = quantized.qparams[name]
            layers.append(
                IntegerLayer(
                    name=name,
                    codes=quantized.codes[name],
                    bias=bias_codes(name, layer.bias, grids[k], by_row),
                    entering=grids[k],
                    weight=by_row,
                    leaving=grids[k + 1],
                    rectified=name in rectified,
                    stride=layer.stride if isinstance(layer, Conv2d) else 1,
                    padding=layer.padding if isinstance(layer, Conv2d) else 0,
                    **arithmetic,
                )
            )
        elif not (isinstance(layer, ReLU) and any(isinstance(k, IntegerLayer) for k in layers)):
            layers.append(layer)
    return tuple(layers)


def _rectified(net: Network) -> set[str]:
    """Return the layers with weights that a rectifier follows; pooling between them commutes."""
    found, last = set(), None
    for layer in net.layers:
        if isinstance(layer, WEIGHTED):
            last = layer.name
        elif isinstance(layer, ReLU) and last is not None:
            found.add(last)
    return found


def float_twin(net: Network, layers: tuple[IntegerLayer | Layer, ...], leaving: QParams) -> Network:
    """Return the same grids in floats, weights and biases on them."""
    held = {k.name: k for k in layers if isinstance(k, IntegerLayer)}
    weights = {name: core.dequantize(k.codes, k.weight) for name, k in held.items()}
    biases = {
        name: (k.bias * (k.entering.scale * k.weight.scale.astype(np.float64))).astype(np.float32)
        for name, k in held.items()
    }
    described: list[Layer] = []
    for layer in net.with_weights(weights, biases).layers:
        if layer.name in held:
            described.append(FakeQuantize(f"{layer.name}_input", held[layer.name].entering))
        described.append(layer)
    described.append(FakeQuantize("logits", leaving))
    return net.with_layers(described)
