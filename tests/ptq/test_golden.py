"""What other libraries make of the same weights: ``tests/golden/make_*.py`` wrote the arrays."""

from pathlib import Path

import numpy as np
import pytest

from qlab.core import PerAxis, PerTensor, QuantSpec, quantize
from qlab.ptq import hqq
from qlab.ptq.hqq import P
from qlab.ranges import minmax

GOLDEN = Path(__file__).parents[1] / "golden"


def test_zero_points_are_the_best_of_those_that_hqqs_own_solver_passes() -> None:
    golden = np.load(GOLDEN / "hqq_0.2.8.post1.npz")
    W, scale, zeros, bits = (golden[name] for name in ("W", "scale", "zeros", "bits"))
    last = 2 ** int(bits) - 1
    spec = QuantSpec(bits=int(bits), signed=False, symmetric=False, granularity=PerAxis(0))
    steps = W / scale
    errors = [steps - (np.clip(np.rint(steps + z), 0, last) - z) for z in zeros]
    norms = np.array([np.sum(np.abs(e) ** P, axis=1) for e in errors])
    assert (norms.argmin(axis=0) > 0).any()  # somewhere the beginning is not the best
    for turns in (1, 5, 20):
        best = norms[: turns + 1].argmin(axis=0)
        expected = zeros[best, np.arange(len(W)), 0]
        made = hqq(W, spec, iterations=turns)
        assert made.qparams.scale == pytest.approx(scale[:, 0], rel=1e-6)
        offset = made.offset.ravel() / made.qparams.scale
        found = made.qparams.zero_point - offset
        # offset and scale are float32, a zero point is a few steps
        assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("name", "granularity"), [("tensor", PerTensor()), ("rows", PerAxis(0))])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_symmetric_absmax_scales_and_codes_are_those_of_brevitas(name, granularity, bits) -> None:
    golden = np.load(GOLDEN / "brevitas_0.13.4.npz")
    qparams = minmax(golden["W"], QuantSpec(bits=bits, granularity=granularity))
    theirs = golden[f"{name}_{bits}_scale"].reshape(qparams.scale.shape)
    assert qparams.scale == pytest.approx(theirs, rel=1e-6)
    assert (quantize(golden["W"], qparams) == golden[f"{name}_{bits}_codes"]).all()
