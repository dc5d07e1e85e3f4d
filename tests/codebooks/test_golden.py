"""What other libraries make of the same weights: ``tests/golden/make_*.py`` wrote the arrays."""

from pathlib import Path

import numpy as np
import pytest

from qlab.codebooks import E3M2, mx, nf4, normal_levels, ternary, xnor
from qlab.core import E5M2, PerAxis, PerGroup, PerTensor

GOLDEN = Path(__file__).parents[1] / "golden"
MX = {
    "mxfp4": {"bits": 4},
    "mxfp6_e2m3": {"bits": 6},
    "mxfp6_e3m2": {"format": E3M2},
    "mxfp8_e4m3": {"bits": 8},
    "mxfp8_e5m2": {"format": E5M2},
}


@pytest.fixture(scope="module")
def bitsandbytes():
    return np.load(GOLDEN / "bitsandbytes_0.50.2.npz")


@pytest.fixture(scope="module")
def torchao():
    return np.load(GOLDEN / "torchao_0.18.0.npz")


def test_the_table_of_nf4_is_that_of_bitsandbytes(bitsandbytes) -> None:
    # theirs was printed from quantiles computed in float32
    assert normal_levels(4) == pytest.approx(bitsandbytes["table"].astype(float), abs=2e-7)


@pytest.mark.parametrize("name", ["normal", "heavy"])
def test_nf4_codes_are_those_of_bitsandbytes(bitsandbytes, name) -> None:
    W, codes = bitsandbytes[f"{name}_W"], bitsandbytes[f"{name}_codes"]
    coded = nf4(W, granularity=PerGroup(64))
    assert coded.scale.ravel().tolist() == bitsandbytes[f"{name}_absmax"].tolist()
    assert coded.codes.tolist() == codes.tolist()
    back = bitsandbytes[f"{name}_back"]
    absmax = np.repeat(coded.scale, 64, axis=1)
    assert (np.abs(coded.dequantize() - back) <= 3e-7 * absmax).all()  # the tables differ by 2e-7


def test_binary_weights_are_those_of_torchao(torchao) -> None:
    for granularity, name in ((PerTensor(), "binary"), (PerAxis(0), "binary_rows")):
        ours = xnor(torchao["W"], granularity=granularity).dequantize()
        assert ours == pytest.approx(torchao[name], rel=1e-6)  # α, a mean in float32 there


def test_ternary_weights_of_each_row_are_better_than_torchaos_by_a_little(torchao) -> None:
    W = torchao["W"].astype(np.float64)
    ours = ternary(torchao["W"], granularity=PerAxis(0)).dequantize()
    theirs = torchao["ternary_rows"]
    error, error_there = (np.sum((W - f) ** 2, axis=1) for f in (ours, theirs))
    assert (error < error_there).all()  # its α is twice the magnitude of one of the weights
    assert (error > 0.98 * error_there).all()
    assert (np.sign(ours) * np.sign(theirs) >= 0).all()


@pytest.mark.parametrize("name", MX)
def test_microscaling_is_that_of_torchao(torchao, name) -> None:
    W = torchao["mx_W"]
    coded = mx(W, **MX[name])
    live = np.abs(W.reshape(6, 4, 32)).max(axis=2) > 0  # a block of zeros may have any scale
    assert (coded.scale[live] == torchao[f"{name}_scale"][live]).all()
    assert (coded.dequantize() == torchao[f"{name}_back"]).all()
