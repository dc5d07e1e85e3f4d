"""Divergences of ModelOpt's entropy calibrator, at whole multiples of its levels.

pip install --no-deps nvidia-modelopt==0.47.0       (not among what qlab's tests install)
pip install torch==2.13.0 scipy omegaconf PyYAML nvidia-ml-py huggingface_hub pydantic rich pulp
python tests/golden/make_modelopt.py

It copies the count of the second bin into the first, so the samples keep out of both.
"""

from pathlib import Path

import modelopt
import numpy as np
import torch
from modelopt.torch.quantization.calib import histogram

BINS = 64
rng = np.random.default_rng(2017)
draws = (rng.standard_t(3, size=(2, 250)), rng.normal(size=(2, 250)), rng.laplace(size=(2, 250)))
X = np.concatenate(draws).astype(np.float32)
width = np.abs(X).max(axis=1, keepdims=True) / BINS
arrays = {"X": np.where(np.abs(X) < 2 * width, 2.5 * np.sign(X) * width, X).astype(np.float32)}

entropy, divergences = histogram.entropy, []
histogram.entropy = lambda p, q: divergences.append(entropy(p, q)) or divergences[-1]
for bits in (3, 4, 5):
    levels, rows = 2 ** (bits - 1), []
    for x in arrays["X"]:
        calibrator = histogram.HistogramCalibrator(bits, num_bins=BINS, skip_zeros=True)
        calibrator.collect(torch.from_numpy(x))
        divergences.clear()
        calibrator.compute_amax("entropy", stride=levels, start_bin=levels)
        rows.append(divergences.copy())
    arrays[f"divergences_{bits}"] = np.array(rows)
target = Path(__file__).with_name(f"modelopt_{modelopt.__version__}.npz")
np.savez_compressed(target, bins=BINS, **arrays)
print(target.name, target.stat().st_size, "bytes", sorted(arrays))
