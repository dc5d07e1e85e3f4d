"""Binary and ternary weights of torchao's PARQ, its microscaling formats, SmoothQuant and AWQ.

pip install torchao==0.18.0 torch==2.13.0           (not among what qlab's tests install)
python tests/golden/make_torchao.py
"""

from pathlib import Path

import numpy as np
import torch
import torchao
from torchao.prototype.awq.core import AWQObserver
from torchao.prototype.mx_formats.mx_tensor import MXTensor
from torchao.prototype.parq.quant import LSBQuantizer
from torchao.prototype.smoothquant.core import SmoothQuantObserver
from torchao.quantization import IntxWeightOnlyConfig, PerAxis, PerGroup
from torchao.quantization.quant_primitives import MappingType

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

X = torch.from_numpy((rng.normal(size=(20, 16)) * np.exp(rng.normal(0, 2, 16))).astype(np.float32))
W = torch.from_numpy((rng.normal(size=(6, 16)) * np.exp(rng.normal(size=16))).astype(np.float32))
arrays["smoothquant_X"], arrays["smoothquant_W"] = X.numpy(), W.numpy()
for percent in (25, 50, 80):
    observer = SmoothQuantObserver(W, alpha=percent / 100)
    observer(X)
    arrays[f"smoothquant_{percent}"] = observer.calculate_qparams()[0].numpy()

arrays["awq_X"] = rng.normal(size=(4, 12, 16)).astype(np.float32)  # four layers
arrays["awq_X"] *= np.exp(rng.normal(0, 1, (4, 1, 16))).astype(np.float32)
arrays["awq_W"] = rng.standard_t(4, size=(4, 4, 16)).astype(np.float32)
for name, granularity in {"rows": PerAxis(0), "groups": PerGroup(8)}.items():
    config = IntxWeightOnlyConfig(torch.int4, granularity, MappingType.ASYMMETRIC)
    found = []
    for X, W in zip(arrays["awq_X"], arrays["awq_W"], strict=True):
        observer = AWQObserver(torch.from_numpy(W), None, config, scale_search_space_size=20)
        observer(torch.from_numpy(X), None)
        found.append(observer.calculate_qparams().numpy())
    arrays[f"awq_{name}"] = np.stack(found)
target = Path(__file__).with_name(f"torchao_{torchao.__version__}.npz")
np.savez_compressed(target, **arrays)
print(target.name, target.stat().st_size, "bytes", sorted(arrays))
