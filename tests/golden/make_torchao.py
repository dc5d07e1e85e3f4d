"""Binary and ternary weights of torchao's PARQ, and its microscaling formats.

pip install torchao==0.18.0 torch==2.13.0           (not among what qlab's tests install)
python tests/golden/make_torchao.py
"""

from pathlib import Path

import numpy as np
import torch
import torchao
from torchao.prototype.mx_formats.mx_tensor import MXTensor
from torchao.prototype.parq.quant import LSBQuantizer

rng = np.random.default_rng(1605)
W = torch.from_numpy(rng.normal(size=(8, 200)).astype(np.float32))
arrays = {"W": W.numpy()}
best = LSBQuantizer(optimal=True)
arrays["binary_rows"] = best.quantize(W, 1, dim=-1)[0].numpy()
arrays["binary"] = best.quantize(W, 1)[0].numpy()
arrays["ternary_rows"] = best.quantize(W, 0, dim=-1)[0].numpy()

wide = rng.normal(size=(6, 128)) * 2.0 ** rng.integers(-20, 20, (6, 1)) * rng.choice([1, 1, 9], 128)
wide[0, :32] = 0
wide = torch.from_numpy(wide.astype(np.float32))
arrays["mx_W"] = wide.numpy()
for name, kind in {
    "mxfp4": torch.float4_e2m1fn_x2,
    "mxfp6_e2m3": "fp6_e2m3",
    "mxfp6_e3m2": "fp6_e3m2",
    "mxfp8_e4m3": torch.float8_e4m3fn,
    "mxfp8_e5m2": torch.float8_e5m2,
}.items():
    try:
        made = MXTensor.to_mx(wide, kind, 32)
    except Exception as trouble:
        print("left out:", name, trouble)
        continue
    arrays[f"{name}_scale"] = made.scale.float().numpy()
    arrays[f"{name}_back"] = made.dequantize(torch.float32).numpy()
target = Path(__file__).with_name(f"torchao_{torchao.__version__}.npz")
np.savez_compressed(target, **arrays)
print(target.name, target.stat().st_size, "bytes", sorted(arrays))
