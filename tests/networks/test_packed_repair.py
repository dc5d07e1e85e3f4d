"""The packed file of repaired weights: every repair returns bit for bit, and lies are refused."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from qlab import data, metrics, networks, ptq
from qlab.core import PerAxis, PerGroup, PerTensor, QParams, QuantSpec
from qlab.networks import (
    Quantized,
    packed_header_bytes,
    quantize_weights,
    read_packed,
    repair,
    save_packed,
)
from tests.networks.test_packed import (
    ONE_SENTENCE,
    PYTHON,
    every_kind,
    field,
    put,
    rewritten,
    same,
    spec,
)
from tests.strategies import unchecked

QUICK = ptq.METHODS | {
    "adaround": partial(ptq.adaround, iterations=5),
    "awq": partial(ptq.awq, candidates=4),
}
BESIDE = {"hqq": "offset", "smoothquant": "input_scale", "awq": "input_scale"}


def images() -> data.Split:
    pixels = np.random.default_rng(2).random((6, 1, 8, 7), np.float32)
    return data.Split(pixels, np.zeros(6, np.int64), "calibration")


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(0), PerGroup(3)], ids=str)
@pytest.mark.parametrize("name", QUICK)
def test_every_repair_returns_bit_for_bit_and_takes_what_it_counts(
    name: str, granularity, symmetric: bool, tmp_path: Path
) -> None:
    grid = QuantSpec(bits=3, symmetric=symmetric, granularity=granularity)
    small = repair(every_kind(), grid, QUICK[name], images())
    path = save_packed(small, tmp_path / "small.packed")
    back = read_packed(path)
    same(small, back)
    for layer, W in small.network.weights.items():
        np.testing.assert_array_equal(back.network.weights[layer], W)
        np.testing.assert_array_equal(back.network.biases[layer], small.network.biases[layer])
        for part in ("offset", "input_scale"):
            kept = getattr(small.repaired[layer], part)
            assert (kept is not None) == (part == BESIDE.get(name))
            if kept is not None:
                np.testing.assert_array_equal(getattr(back.repaired[layer], part), kept)
    assert (back.repaired == {}) == (name not in BESIDE)
    assert path.stat().st_size == packed_header_bytes(path) + small.bytes.total
    assert back.bytes == small.bytes == metrics.bytes_packed(small.network, small.repaired)
    save_packed(back, tmp_path / "again.packed")
    assert (tmp_path / "again.packed").read_bytes() == path.read_bytes()


def test_golden_the_bytes_of_repairs_by_hand() -> None:
    """784·128 + 1280 codes of 4 bits, 138 rows with a scale and a bias each."""
    net, calibration = networks.load("mlp_784_128_10"), data.load("mnist").calibration[:20]
    rows = QuantSpec(bits=4, granularity=PerAxis(0))
    plain = 101_632 // 2 + 4 * 138 + 4 * 138
    for name, beside in (("least_squares", 0), ("smoothquant", 4 * (784 + 128))):
        small = repair(net, rows, ptq.METHODS[name], calibration)
        assert small.bytes.total == plain + beside
        assert metrics.bytes_packed(small.network, small.qparams).total == plain
    rows = QuantSpec(bits=4, signed=False, symmetric=False, granularity=PerAxis(0))
    small = repair(net, rows, ptq.METHODS["hqq"], calibration)
    assert small.bytes.total == plain + 64 + 5 + 4 * 138  # zero points of 4 bits, and offsets


def test_a_repair_whose_offsets_were_lost_is_not_saved(tmp_path: Path) -> None:
    rows = QuantSpec(bits=3, granularity=PerAxis(0))
    for name in BESIDE:
        small = repair(every_kind(), rows, QUICK[name], images())
        with pytest.raises(ValueError, match="save_packed: weights must be what their codes mean"):
            save_packed(Quantized(small.network, small.qparams, small.codes), tmp_path / "no")
    assert list(tmp_path.iterdir()) == []


def test_rows_counted_from_the_end_are_rows_of_a_convolution_too(tmp_path: Path) -> None:
    rows = QuantSpec(bits=3, granularity=PerAxis(-2))  # of (out, in); of the kernels, their height
    small = repair(every_kind(), rows, ptq.gptq, images())
    same(small, read_packed(save_packed(small, tmp_path / "small.packed")))
    first = repair(every_kind(), replace(rows, granularity=PerAxis(0)), ptq.gptq, images())
    np.testing.assert_array_equal(small.codes["c"], first.codes["c"])


def test_scales_of_other_blocks_than_those_of_the_codes_are_not_saved(tmp_path: Path) -> None:
    small = quantize_weights(every_kind(), QuantSpec(bits=3))
    scale = np.full(4, small.qparams["c"].scale)
    rows = QParams(scale, np.zeros(4, np.int32), QuantSpec(bits=3, granularity=PerAxis(0)))
    small = Quantized(small.network, small.qparams | {"c": rows}, small.codes)
    with pytest.raises(ValueError, match=r"scales must fit codes of \(3, 1, 3, 3\), .* got \(4,\)"):
        save_packed(small, tmp_path / "no.packed")


def holds(part: str, array: np.ndarray):
    return put(f"fc.{part}", array)


def ones(*shape: int, put_first: float = 1.0) -> np.ndarray:
    array = np.ones(shape, np.float32)
    array.flat[0] = put_first
    return array


SHAPES = r"its array fc\.(offset|input_scale) must be \(.*\), got \("
POSITIVE = "the factors of its layer 'fc' must be finite and positive"
FINITE = "the offsets of its layer 'fc' must be finite"
REPAIR_LIES = {
    "offsets of another shape": (holds("offset", ones(4)), SHAPES),
    "an offset that is NaN": (holds("offset", ones(put_first=np.nan)), FINITE),
    "an infinite offset": (holds("offset", ones(put_first=np.inf)), FINITE),
    "an offset of float64": (holds("offset", np.ones(())), "must be float32, got float64"),
    "an offset of a rectifier": (put("r.offset", ones()), "no layer owns its array 'r.offset'"),
    "too few factors": (holds("input_scale", ones(11)), SHAPES),
    "a square of factors": (holds("input_scale", ones(4, 12)), SHAPES),
    "one factor": (holds("input_scale", ones()), SHAPES),
    "no factors at all": (holds("input_scale", np.ones(0, np.float32)), SHAPES),
    "a factor of 0": (holds("input_scale", ones(12, put_first=0)), POSITIVE),
    "a negative factor": (holds("input_scale", ones(12, put_first=-1)), POSITIVE),
    "an infinite factor": (holds("input_scale", ones(12, put_first=np.inf)), POSITIVE),
    "a factor that is NaN": (holds("input_scale", ones(12, put_first=np.nan)), POSITIVE),
    "factors of int32": (holds("input_scale", np.ones(12, np.int32)), "must be float32, got int32"),
    "factors so small that weights are infinite": (
        lambda about, layers, arrays: arrays.update(
            {"fc.input_scale": ones(12) * 1e-40, "fc.offset": ones()}
        ),
        "weight must be finite",
    ),
    "offsets of columns": (
        lambda about, layers, arrays: (
            layers[5]["spec"].update(granularity=["PerAxis", 1]),
            arrays.update({"fc.scale": ones(12), "fc.offset": ones(12)}),
            arrays.update({"fc.zero_point": np.zeros(6, np.uint8)}),
        ),
        "A scale for each input cannot leave the sum",
    ),
    "a field that announces them": (field(5, offset=True), "has the unknown field 'offset'"),
    "a grid that announces them": (spec(5, offset=True), "has the unknown field 'offset'"),
}


@pytest.mark.parametrize(("change", "words"), REPAIR_LIES.values(), ids=REPAIR_LIES)
def test_a_repair_that_lies_is_refused_in_one_sentence(change, words: str, tmp_path) -> None:
    path = rewritten(tmp_path / "lie.packed", change)
    with unchecked(), pytest.raises(ValueError, match=f"{ONE_SENTENCE}.*{words}") as told:
        read_packed(path)
    assert "\n" not in str(told.value) and len(str(told.value)) < 500
    assert not PYTHON.search(str(told.value)), str(told.value)


def test_offsets_and_factors_that_are_written_by_hand_are_read(tmp_path: Path) -> None:
    o, t = ones(put_first=0.25), np.linspace(1, 2, 12, dtype=np.float32)
    plain = read_packed(rewritten(tmp_path / "plain.packed", lambda *_: None))
    path = rewritten(
        tmp_path / "honest.packed",
        lambda about, layers, arrays: arrays.update({"fc.offset": o, "fc.input_scale": t}),
    )
    W = read_packed(path).network.weights
    np.testing.assert_array_equal(W["fc"], (plain.network.weights["fc"] + o) / t)
    np.testing.assert_array_equal(W["c"], plain.network.weights["c"])
