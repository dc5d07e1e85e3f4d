"""A Network as a torch module, and back, without losing a bit.

    to_module: layers that hold arrays → nn.Sequential, one child a layer, of the same name
    from_module: the child's tensors → the layer's arrays

Both sides compute Linear as x·Wᵀ + b and Conv2d as cross-correlation, with W as
(out, in) and (out, in, kh, kw), so that copying is all there is to do.
"""

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from qlab.networks import Network
from qlab.networks.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU


def to_module(net: Network, *, dropout: Mapping[str, float] | None = None) -> nn.Sequential:
    """Return the network as a module that computes the same logits.

    Parameters
    ----------
    net
        Layers of any kind that has a gradient: Linear, Conv2d, ReLU, MaxPool2d, Flatten.
    dropout
        Share of a layer's inputs that training drops, by the layer's name, in [0, 1).

    Returns
    -------
    nn.Sequential
        Children are named as the layers; its tensors are copies. In training mode, as torch
        gives modules; call ``.eval()`` where dropout has to be off.

    Raises
    ------
    TypeError
        If a layer has no gradient, such as FakeQuantize.
    ValueError
        If dropout names a layer that holds no weights, or is outside [0, 1).

    Examples
    --------
    >>> from qlab import networks
    >>> net = networks.build("mlp_784_128_10", np.random.default_rng(0))
    >>> [name for name, _ in to_module(net, dropout={"fc2": 0.5}).named_children()]
    ['flatten', 'fc1', 'relu1', 'fc2_dropout', 'fc2']
    """
    drop = dict(dropout or {})
    for name, p in drop.items():
        if name not in net.weights:
            raise ValueError(
                f"to_module: dropout must name layers with weights, got {name!r}. "
                f"Choose from {', '.join(net.weights)}."
            )
        if not 0 <= p < 1:
            raise ValueError(f"to_module: dropout must be in [0, 1), got ({name}={p}).")
    children: OrderedDict[str, nn.Module] = OrderedDict()
    for layer in net.layers:
        if drop.get(layer.name, 0) > 0:
            children[f"{layer.name}_dropout"] = nn.Dropout(drop[layer.name])
        children[layer.name] = _child(layer)
    return nn.Sequential(children)


def from_module(module: nn.Module, net: Network) -> Network:
    """Return ``net`` with the weights and biases that the module holds now.

    Parameters
    ----------
    module
        From ``to_module(net)``; children that the network lacks, such as dropout, are ignored.
    net
        Gives architecture, name and input shape; unchanged.

    Returns
    -------
    Network
        Its arrays are copies: training on changes nothing in it.

    Raises
    ------
    ValueError
        If a child is missing or has another shape.
    """
    children = dict(module.named_children())
    layers = []
    for layer in net.layers:
        if isinstance(layer, Linear | Conv2d):
            weight, bias = _arrays(children, layer)
            layer = dataclasses.replace(layer, weight=weight, bias=bias)
        layers.append(layer)
    return net.with_layers(layers)


def _arrays(
    children: Mapping[str, nn.Module], layer: Linear | Conv2d
) -> tuple[np.ndarray, np.ndarray]:
    child = children.get(layer.name)
    shape = tuple(child.weight.shape) if isinstance(child, nn.Linear | nn.Conv2d) else None
    if shape != layer.weight.shape or not isinstance(child, nn.Linear | nn.Conv2d):
        raise ValueError(
            f"from_module: child {layer.name!r} must hold weights of shape {layer.weight.shape}, "
            f"got {shape}. Make the module with to_module(net)."
        )
    bias = np.zeros_like(layer.bias) if child.bias is None else _array(child.bias)
    return _array(child.weight), bias


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to("cpu", torch.float32).numpy().copy()


def _linear(layer: Linear) -> nn.Module:
    out_features, in_features = layer.weight.shape
    child = nn.utils.skip_init(nn.Linear, in_features, out_features)  # type: ignore[no-untyped-call]
    return _filled(child, layer)


def _conv2d(layer: Conv2d) -> nn.Module:
    out_channels, in_channels, kh, kw = layer.weight.shape
    child = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.Conv2d,
        in_channels,
        out_channels,
        (kh, kw),
        stride=layer.stride,
        padding=layer.padding,
    )
    return _filled(child, layer)


def _filled(child: nn.Module, layer: Linear | Conv2d) -> nn.Module:
    child.load_state_dict({"weight": torch.tensor(layer.weight), "bias": torch.tensor(layer.bias)})
    return child


_CHILDREN: dict[type, Callable[[Any], nn.Module]] = {
    Linear: _linear,
    Conv2d: _conv2d,
    ReLU: lambda layer: nn.ReLU(),
    MaxPool2d: lambda layer: nn.MaxPool2d(layer.size),
    Flatten: lambda layer: nn.Flatten(),
}


def _child(layer: Any) -> nn.Module:
    if type(layer) not in _CHILDREN:
        raise TypeError(
            f"to_module: layers must have a gradient, got {type(layer).__name__} "
            f"(name={layer.name!r}). Train the float network, then quantize it."
        )
    return _CHILDREN[type(layer)](layer)
