"""A Network as a module that quantizes while it trains, and back.

    y = norm(x̂ · Ŵᵀ),   Ŵ = quantizer(W),   x̂ = inputs(x)                              (1)
    norm(y) = (y − μ)/σ · γ + β         ⇔         Ŵ' = Ŵ · γ/σ by row,  b' = β − μ·γ/σ     (2)

W keeps its precision and collects the small steps; only Ŵ is ever multiplied. Without batch
normalisation y = x̂·Ŵᵀ + b. In evaluation the module computes with the folded weights of (2), as
the network does that it becomes.

Source: Jacob et al. 2018, arXiv:1712.05877, section 3 (training) and 3.2 (folding).
"""

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from qlab import networks
from qlab.core import QParams, QuantSpec
from qlab.networks import Network
from qlab.networks.layers import WEIGHTED
from qlab.training.module import to_module
from qlab.training.watch import Workpiece

IMAGE_BITS = 8  # images come as bytes
_EPS = 1e-5

WeightQuantizer = Callable[[Tensor, int], nn.Module]
InputQuantizer = Callable[[np.ndarray, QuantSpec], nn.Module]


class QuantizedLayer(nn.Module):
    """A Linear or Conv2d whose weights and inputs are quantized as it computes, equation (1).

    Parameters
    ----------
    child
        Gives weight, bias, stride and padding.
    quantizer
        W → Ŵ.
    inputs
        x → x̂, or None for float activations.
    batch_norm
        Whether the bias gives way to batch normalisation.
    """

    def __init__(
        self,
        child: nn.Linear | nn.Conv2d,
        quantizer: nn.Module,
        inputs: nn.Module | None,
        batch_norm: bool,
    ) -> None:
        super().__init__()
        self.weight, self.bias = child.weight, cast(nn.Parameter, child.bias)
        self.stride = child.stride if isinstance(child, nn.Conv2d) else None
        self.padding = child.padding if isinstance(child, nn.Conv2d) else None
        self.quantizer: Any = quantizer  # torch types every attribute of one as Tensor | Module
        self.inputs: Any = inputs
        self.norm = _norm(child) if batch_norm else None

    def forward(self, x: Tensor) -> Tensor:
        """Apply equation (1)."""
        if self.inputs is not None:
            x = self.inputs(x)
        if self.norm is not None and self.training:
            return self.norm(self._product(x, self.quantizer(self.weight), None))
        return self._product(x, *self.folded())

    def folded(self) -> tuple[Tensor, Tensor]:
        """Return weights and bias with the normalisation inside, equation (2)."""
        W = self.quantizer(self.weight)
        if self.norm is None:
            return W, self.bias
        μ, variance = self.norm.running_mean, self.norm.running_var
        f = self.norm.weight / torch.sqrt(variance + self.norm.eps)  # γ/σ, (out,)
        return W * f.reshape(-1, *[1] * (W.ndim - 1)), self.norm.bias - μ * f

    def settle(self, x: Tensor) -> None:
        """Start the normalisation so that means and deviations are those of the float layer."""
        if self.norm is None:
            return
        with torch.no_grad():
            wanted = self._product(x, self.weight, self.bias)
            x̂ = x if self.inputs is None else self.inputs(x)
            got = self._product(x̂, self.quantizer(self.weight), None)
            over = [axis for axis in range(got.ndim) if axis != 1]
            self.norm.running_mean.copy_(got.mean(over))
            self.norm.running_var.copy_(got.var(over, correction=0))
            self.norm.weight.copy_(wanted.std(over, correction=0))
            self.norm.bias.copy_(wanted.mean(over))
            self.bias.zero_()

    def project(self) -> None:
        """Put all parameters back where they must be, after a step."""
        for part in (self.quantizer, self.inputs):
            if hasattr(part, "project"):
                part.project()
        if hasattr(self.quantizer, "hold"):
            self.quantizer.hold(self.weight)

    def _product(self, x: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
        if self.stride is None or self.padding is None:
            return functional.linear(x, W, b)
        return functional.conv2d(x, W, b, self.stride, self.padding)


def _norm(child: nn.Linear | nn.Conv2d) -> Any:
    kind = nn.BatchNorm1d if isinstance(child, nn.Linear) else nn.BatchNorm2d
    return kind(len(child.weight), eps=_EPS)


def quantized_module(
    net: Network,
    sample: np.ndarray,
    weights: WeightQuantizer,
    inputs: InputQuantizer,
    weight_bits: int,
    activation_bits: int | None,
    batch_norm: bool,
    dropout: Mapping[str, float],
) -> Workpiece:
    """Return the module of a network, ready to train with quantizers inside.

    Parameters
    ----------
    net
        Where the weights start.
    sample
        Training images to start ranges and normalisation from.
    weights, inputs
        Make the quantizers of a layer.
    weight_bits, activation_bits
        Of every layer; None for float activations. The images themselves keep 8 bits.
    batch_norm, dropout
        As in `train_quantized`.

    Returns
    -------
    Workpiece
        Its ``export`` gives the network with quantized weights and FakeQuantize layers.
    """
    entering = networks.activations(net, sample)
    children: OrderedDict[str, nn.Module] = OrderedDict()
    first = next(iter(net.weights))
    for name, child in to_module(net, dropout=dropout).named_children():
        if isinstance(child, nn.Linear | nn.Conv2d):
            x, grid = entering[name], None
            if activation_bits is not None:
                bits = max(activation_bits, IMAGE_BITS) if name == first else activation_bits
                signed = bits > 1 and bool((x < 0).any())
                grid = inputs(x, QuantSpec(bits=bits, signed=signed))
            child = QuantizedLayer(child, weights(child.weight, weight_bits), grid, batch_norm)
            child.settle(torch.tensor(x))
        children[name] = child
    module = nn.Sequential(children)
    layers = {n: k for n, k in children.items() if isinstance(k, QuantizedLayer)}

    def project() -> None:
        for layer in layers.values():
            layer.project()

    return Workpiece(module, lambda: _export(net, layers), project)


def _export(net: Network, layers: Mapping[str, QuantizedLayer]) -> Network:
    held, grids = [], {}
    with torch.no_grad():
        for layer in net.layers:
            if isinstance(layer, WEIGHTED):
                W, b = (t.numpy().copy() for t in layers[layer.name].folded())
                layer = dataclasses.replace(layer, weight=W, bias=b)
                if (inputs := layers[layer.name].inputs) is not None:
                    grids[layer.name] = _grid(inputs)
            held.append(layer)
    return networks.fake_quantize_inputs(net.with_layers(held), grids)


def _grid(inputs: Any) -> QParams:
    return inputs.qparams()
