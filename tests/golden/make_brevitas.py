"""Scales and codes of Brevitas' weight quantizers, absmax for a tensor and for each row.

pip install brevitas==0.13.4 torch==2.13.0          (not among what qlab's tests install)
python tests/golden/make_brevitas.py
"""

from pathlib import Path

import brevitas
import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.quant import Int8WeightPerChannelFloat, Int8WeightPerTensorFloat

rng = np.random.default_rng(13)
W = (rng.normal(size=(6, 40)) * rng.uniform(0.1, 3, (6, 1))).astype(np.float32)
arrays = {"W": W}
for name, quantizer in {
    "tensor": Int8WeightPerTensorFloat,
    "rows": Int8WeightPerChannelFloat,
}.items():
    for bits in (2, 4, 8):
        layer = qnn.QuantLinear(40, 6, bias=False, weight_quant=quantizer, weight_bit_width=bits)
        layer.weight.data = torch.from_numpy(W.copy())
        with torch.no_grad():
            made = layer.eval().quant_weight()
        arrays[f"{name}_{bits}_scale"] = made.scale.numpy()
        arrays[f"{name}_{bits}_codes"] = made.int().numpy().astype(np.int16)
target = Path(__file__).with_name(f"brevitas_{brevitas.__version__}.npz")
np.savez_compressed(target, **arrays)
print(target.name, target.stat().st_size, "bytes", sorted(arrays))
