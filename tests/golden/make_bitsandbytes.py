"""NF4 as bitsandbytes codes it: its table, and codes and absmax of two arrays.

pip install bitsandbytes==0.50.2 torch==2.13.0      (not among what qlab's tests install)
python tests/golden/make_bitsandbytes.py
"""

from pathlib import Path

import bitsandbytes
import numpy as np
import torch
from bitsandbytes.functional import dequantize_4bit, get_4bit_type, quantize_4bit

rng = np.random.default_rng(2305)
arrays = {}
for name, W in {
    "normal": rng.normal(size=(12, 128)),
    "heavy": rng.standard_t(2, size=(6, 256)) * 10.0 ** rng.integers(-6, 4, (6, 1)),
}.items():
    given = torch.from_numpy(W.astype(np.float32))
    packed, state = quantize_4bit(given, blocksize=64, quant_type="nf4")
    pairs = packed.numpy().ravel()
    codes = np.stack([pairs >> 4, pairs & 15], axis=1).reshape(W.shape)  # high half first
    arrays[f"{name}_W"] = given.numpy()
    arrays[f"{name}_codes"] = codes
    arrays[f"{name}_absmax"] = state.absmax.numpy()
    arrays[f"{name}_back"] = dequantize_4bit(packed, state).numpy()
target = Path(__file__).with_name(f"bitsandbytes_{bitsandbytes.__version__}.npz")
np.savez_compressed(target, table=get_4bit_type("nf4", device="cpu").numpy(), **arrays)
print(target.name, target.stat().st_size, "bytes")
