"""What Brevitas makes of weights and layers: scales, codes, and repairs of means and ranges.

pip install brevitas==0.13.4 torch==2.13.0          (not among what qlab's tests install)
python tests/golden/make_brevitas.py
"""

from pathlib import Path

import brevitas
import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.fx import symbolic_trace
from brevitas.graph.calibrate import bias_correction_mode
from brevitas.graph.equalize import EqualizeGraph, activation_equalization_mode
from brevitas.graph.gptq import gptq_mode
from brevitas.inject import ExtendedInjector
from brevitas.inject.enum import ScalingImplType
from brevitas.quant import (
    Int8WeightPerChannelFloat,
    Int8WeightPerChannelFloatMSE,
    Int8WeightPerTensorFloat,
    Int8WeightPerTensorFloatMSE,
)
from torch import nn

torch.set_grad_enabled(False)
rng = np.random.default_rng(13)
W = (rng.normal(size=(6, 40)) * rng.uniform(0.1, 3, (6, 1))).astype(np.float32)
arrays = {"W": W}
ABSMAX = {"tensor": Int8WeightPerTensorFloat, "rows": Int8WeightPerChannelFloat}
MSE = {"tensor": Int8WeightPerTensorFloatMSE, "rows": Int8WeightPerChannelFloatMSE}


def normal(*shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def linear(W: np.ndarray, quantizer: type[ExtendedInjector], bits: int, **rest) -> nn.Module:
    """Return a layer with these weights, their scale chosen, and a bias of zeros."""
    out, width = W.shape
    layer = qnn.QuantLinear(
        width, out, bias=True, weight_quant=quantizer, weight_bit_width=bits, **rest
    )
    layer.weight.data = torch.from_numpy(W.copy())
    layer.bias.data.zero_()
    layer.weight_quant.init_tensor_quant()
    layer.eval().quant_weight()
    return layer


for name, quantizer in ABSMAX.items():
    for bits in (2, 4, 8):
        made = linear(W, quantizer, bits).quant_weight()
        arrays[f"{name}_{bits}_scale"] = made.scale.numpy()
        arrays[f"{name}_{bits}_codes"] = made.int().numpy().astype(np.int16)

# the search over 1/20 … 20/20 of absmax
arrays["mse_W"] = rng.standard_t(3, size=(6, 40)).astype(np.float32)
for name, quantizer in MSE.items():
    for bits in (2, 3, 4, 6):
        layer = linear(arrays["mse_W"], quantizer, bits)
        arrays[f"mse_{name}_{bits}"] = layer.quant_weight().scale.numpy().ravel()

# GPTQ corrects weights while it goes, so the scale has to be a parameter
X = np.maximum(normal(64, 12) @ normal(12, 12) + 0.5, 0)
arrays["gptq_X"], arrays["gptq_W"] = X, normal(6, 12)
for name, quantizer in ABSMAX.items():
    fixed = quantizer.let(scaling_impl_type=ScalingImplType.PARAMETER_FROM_STATS)
    for order in (False, True):
        model = nn.Sequential(linear(arrays["gptq_W"], fixed, 3))
        with gptq_mode(model, act_order=order, use_quant_activations=False) as gptq:
            for _ in range(gptq.num_layers):
                gptq.model(torch.from_numpy(X))
                gptq.update()
        made = model[0].quant_weight().int().numpy().astype(np.int8)
        arrays[f"gptq_{name}{'_ordered' * order}"] = made

# bias correction: a Linear and a Conv2d, 3 bits, one scale a tensor
model = nn.Sequential(linear(arrays["gptq_W"], Int8WeightPerTensorFloat, 3))
with bias_correction_mode(model):
    model(torch.from_numpy(X))
arrays["bias_linear"] = model[0].bias.numpy()
conv = qnn.QuantConv2d(
    2, 4, 3, bias=True, weight_quant=Int8WeightPerTensorFloat, weight_bit_width=3
)
arrays["bias_images"], arrays["bias_W"] = np.abs(normal(5, 2, 6, 6)), normal(4, 2, 3, 3)
conv.weight.data = torch.from_numpy(arrays["bias_W"].copy())
conv.bias.data.zero_()
model = nn.Sequential(conv).eval()
with bias_correction_mode(model):
    model(torch.from_numpy(arrays["bias_images"]))
arrays["bias_conv"] = conv.bias.numpy()


def pair(first: nn.Module, second: nn.Module, name: str) -> nn.Module:
    """Return two layers with uneven channels around a rectifier; note what they hold."""
    size = np.exp(rng.normal(0, 2, first.weight.shape[0])).astype(np.float32)
    W1, W2 = normal(*first.weight.shape), normal(*second.weight.shape)
    W1 *= size.reshape(-1, *[1] * (W1.ndim - 1))
    b1 = normal(len(W1))
    for key, array in {"W1": W1, "b1": b1, "W2": W2}.items():
        arrays[f"{name}_{key}"] = array
    first.weight.data, first.bias.data, second.weight.data = map(torch.tensor, (W1, b1, W2))
    return symbolic_trace(nn.Sequential(first, nn.ReLU(), second).eval())


def note(model: nn.Module, name: str) -> None:
    first, second = (m for m in model.modules() if hasattr(m, "weight"))
    for key, array in {"W1": first.weight, "b1": first.bias, "W2": second.weight}.items():
        arrays[f"{name}_{key}"] = array.detach().numpy().copy()


for name, layers in {
    "cle_linear": (nn.Linear(4, 5), nn.Linear(5, 3)),
    "cle_conv": (nn.Conv2d(2, 4, 3), nn.Conv2d(4, 3, 2)),
}.items():
    model = EqualizeGraph(iterations=1, merge_bias=False).apply(pair(*layers, name))
    note(model, f"{name}_after")

# SmoothQuant with the factors folded into the layer before
arrays["smooth_X"] = normal(20, 4)
for percent in (25, 50, 80):
    model = pair(nn.Linear(4, 5), nn.Linear(5, 3), f"smooth_{percent}")
    with activation_equalization_mode(model, percent / 100, add_mul_node=False, layerwise=False):
        model(torch.from_numpy(arrays["smooth_X"]))
    note(model, f"smooth_{percent}_after")

target = Path(__file__).with_name(f"brevitas_{brevitas.__version__}.npz")
np.savez_compressed(target, **arrays)
print(target.name, target.stat().st_size, "bytes", sorted(arrays))
