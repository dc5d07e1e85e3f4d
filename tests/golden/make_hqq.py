"""Zero points of HQQ's proximal solver, turn by turn, on weights counted in steps.

    pip install hqq==0.2.8.post1 termcolor torch==2.13.0    (not among what qlab's tests install)
    python tests/golden/make_hqq.py

The solver counts errors in units of the weights it is given. Weights in steps (scale 1) make it
count as qlab does.
"""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from hqq.core.optimize import optimize_weights_proximal_legacy_step

BITS, TURNS, BETA, KAPPA, NORM = 3, 20, 10.0, 1.01, 0.7
rng = np.random.default_rng(70)
W = rng.standard_t(3, size=(8, 96)).astype(np.float32)
low = np.minimum(W.min(axis=1, keepdims=True), 0).astype(np.float64)
high = np.maximum(W.max(axis=1, keepdims=True), 0).astype(np.float64)
scale = (high - low) / (2**BITS - 1)
zero = torch.from_numpy(np.rint(-low / scale))
steps, one = torch.from_numpy(W / scale), torch.ones(1, dtype=torch.float64)
zeros, beta = [zero.numpy()], BETA
for _ in range(TURNS):
    _, _, zero, _ = optimize_weights_proximal_legacy_step(
        steps, one, zero, [0, 2**BITS - 1], beta, NORM, 1
    )
    zeros.append(zero.numpy())
    beta *= KAPPA
target = Path(__file__).with_name(f"hqq_{version('hqq')}.npz")
np.savez_compressed(target, W=W, scale=scale, zeros=np.stack(zeros), bits=BITS)
print(target.name, target.stat().st_size, "bytes")
