"""The packed file of coded weights: every codebook returns bit for bit, and lies are refused."""

import json
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab import codebooks, networks
from qlab.core import PerAxis, PerGroup, PerTensor, QuantSpec
from qlab.networks import (
    CodedNetwork,
    code_weights,
    packed_header_bytes,
    quantize_weights,
    read_packed,
    save_packed,
)
from tests.networks.test_packed import ONE_SENTENCE, PYTHON, every_kind
from tests.strategies import unchecked


def coded_same(one: CodedNetwork, other: object) -> None:
    assert isinstance(other, CodedNetwork)
    assert list(one.coded) == list(other.coded)
    for name, coded in one.coded.items():
        back = other.coded[name]
        np.testing.assert_array_equal(back.codes, coded.codes)
        np.testing.assert_array_equal(back.levels, coded.levels)
        assert (back.scale is None) == (coded.scale is None)
        if coded.scale is not None and back.scale is not None:
            np.testing.assert_array_equal(back.scale, coded.scale)
        settings = ("bits", "granularity", "scale_bits", "table")
        assert [getattr(back, s) for s in settings] == [getattr(coded, s) for s in settings]
        assert back.bytes == coded.bytes
    x = np.random.default_rng(1).random((3, *one.network.input_shape), np.float32)
    np.testing.assert_array_equal(other.network.predict(x), one.network.predict(x))


@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(0), PerGroup(5)], ids=str)
@pytest.mark.parametrize("name", [m for m in codebooks.METHODS if m != "identity"])
def test_codes_of_every_codebook_return_bit_for_bit(name, granularity, tmp_path: Path) -> None:
    for bits in codebooks.BITS[name]:
        options = {"bits": bits, "granularity": granularity}
        small = code_weights(every_kind(), codebooks.METHODS[name], ["fc"], **options)
        path = save_packed(small, tmp_path / "small.packed")
        coded_same(small, read_packed(path))
        assert path.stat().st_size == packed_header_bytes(path) + small.bytes.total


@pytest.mark.parametrize("bits", [3, 4, 8])
@pytest.mark.parametrize("breakpoint", [1 / 3, 0.3, 1e-30, 1 - 2.0**-20])
def test_two_slopes_of_any_breakpoint_return_from_one_number(bits, breakpoint, tmp_path) -> None:
    options = {"bits": bits, "breakpoint": breakpoint}
    small = code_weights(every_kind(), codebooks.piecewise_linear, ["fc"], **options)
    path = save_packed(small, tmp_path / "small.packed")
    coded_same(small, read_packed(path))
    assert safetensors.numpy.load(path.read_bytes())["fc.levels"] == [np.float32(breakpoint)]
    assert path.stat().st_size == packed_header_bytes(path) + small.bytes.total


def test_a_coded_zoo_network_is_as_long_as_promised_and_predicts_the_same(tmp_path: Path) -> None:
    small = code_weights(networks.load("lenet_300_100"), codebooks.kmeans, bits=4)
    path = save_packed(small, tmp_path / "small.packed")
    assert path.stat().st_size == packed_header_bytes(path) + small.bytes.total
    coded_same(small, read_packed(path))


def test_codebooks_that_a_file_cannot_hold_are_not_saved(tmp_path: Path) -> None:
    net = every_kind()
    for coded, words in (
        (code_weights(net, codebooks.identity, ["fc"]).coded, "at most 16 bits.*Leave the layer"),
        ({"fc": code_weights(net, codebooks.bnn, ["c"]).coded["c"]}, "the shape of the weights"),
        (code_weights(net, codebooks.bnn, ["fc"]).coded | {"gone": None}, "got 'gone' in one"),
        (
            {"fc": codebooks.Coded(codes=np.zeros((4, 12), int), levels=np.ones(1), bits=1,
                                   scale=np.array(3.0), scale_bits=8)},
            "scales of 8 bits must be powers of two",
        ),
        (
            {"fc": codebooks.Coded(codes=np.zeros((4, 12), int), levels=np.arange(7.0), bits=3,
                                   table=1)},
            "from one number must be two slopes.*With table=None all of it is stored",
        ),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"save_packed: .*{words}"):
            save_packed(CodedNetwork(net, coded), tmp_path / "no.packed")
    assert list(tmp_path.iterdir()) == []


def rewritten_table(path: Path, change, method=codebooks.kmeans, **options) -> Path:
    small = code_weights(every_kind(), method, ["fc"], **({"bits": 3} | options))
    raw = save_packed(small, path).read_bytes()
    header = json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])
    about = json.loads(header["__metadata__"]["qlab.packed"])
    arrays = {name: array.copy() for name, array in safetensors.numpy.load(raw).items()}
    change(about["layers"][5], about["layers"][5]["codebook"], arrays)
    path.write_bytes(safetensors.numpy.save(arrays, {"qlab.packed": json.dumps(about)}))
    return path


def holds(name: str, array: np.ndarray):
    return lambda layer, book, arrays: arrays.update({name: array})


def says(**values):
    return lambda layer, book, arrays: book.update(values)


def slopes(*r: float):
    return lambda layer, book, arrays: (
        book.update(table=1),
        arrays.update({"fc.levels": np.array(r, np.float32)}),
    )


FLOATS = np.arange(8, dtype=np.float32)
TABLE_LIES = {
    "a huge shape": lambda layer, *_: layer.update(shape=[2**31, 2**31]),
    "another shape of the same size": lambda layer, *_: layer.update(shape=[12, 4]),
    "fewer bits": says(bits=2),
    "more bits": says(bits=16),
    "bits of a word": says(bits="3"),
    "200 bits": says(bits=200),
    "codes cut short": holds("fc.codes", np.zeros(17, np.uint8)),
    "codes too long": holds("fc.codes", np.zeros(19, np.uint8)),
    "a table that is too short for its codes": holds("fc.levels", FLOATS[:2]),
    "a table that is too long for its bits": holds("fc.levels", np.arange(9, dtype=np.float32)),
    "an empty table": holds("fc.levels", FLOATS[:0]),
    "a table of a number": holds("fc.levels", np.array(1, np.float32)),
    "tables of more blocks": holds("fc.levels", np.stack([FLOATS, FLOATS])),
    "a table of float64": holds("fc.levels", FLOATS.astype(np.float64)),
    "a table that falls": holds("fc.levels", FLOATS[::-1].copy()),
    "a NaN level": holds("fc.levels", np.full(8, np.nan, np.float32)),
    "an infinite level": holds("fc.levels", np.append(FLOATS[:7], np.float32(np.inf))),
    "no table": lambda layer, book, arrays: arrays.pop("fc.levels"),
    "two tables": says(levels=[0.0] * 8),
    "a level beyond float32": lambda layer, book, arrays: (
        book.update(levels=[float(k) for k in range(7)] + [1e300]),
        arrays.pop("fc.levels"),
    ),
    "a table in words": says(levels=["0"] * 8),
    "a table that is a word": says(levels="01234567"),
    "a table that counts a lot": says(table=2**40),
    "a table of truth": says(table=True),
    "a whole table where there is one number": says(table=1),
    "a breakpoint that is NaN": slopes(np.nan),
    "a breakpoint beyond 1": slopes(1.5),
    "a breakpoint below 0": slopes(-0.5),
    "two breakpoints": slopes(0.5, 0.5),
    "a breakpoint of so few bits that there is no tail": lambda layer, book, arrays: (
        book.update(table=1, bits=2),
        arrays.update({"fc.levels": FLOATS[:1], "fc.codes": np.zeros(12, np.uint8)}),
    ),
    "scales that are not there": says(scale_bits=32),
    "scales of 5 bits": says(scale_bits=5),
    "scales that nobody announced": holds("fc.scale", np.array(1, np.float32)),
    "an unknown granularity": says(granularity=["PerCloud"]),
    "rows where there is one table": lambda layer, book, arrays: (
        book.update(granularity=["PerAxis", 0]),
        arrays.update({"fc.levels": np.stack([FLOATS] * 3)}),
    ),
    "a codebook with more": says(colour="red"),
    "a codebook that is a word": lambda layer, *_: layer.update(codebook="kmeans"),
    "a scale and a codebook": lambda layer, *_: layer.update(
        spec={"bits": 3, "signed": True, "symmetric": True, "granularity": ["PerTensor"]}
    ),
}


@pytest.mark.parametrize("change", TABLE_LIES.values(), ids=TABLE_LIES)
def test_a_table_that_lies_is_refused_in_one_sentence(change, tmp_path: Path) -> None:
    path = rewritten_table(tmp_path / "lie.packed", change)
    tracemalloc.start()
    try:
        with unchecked(), pytest.raises(ValueError, match=ONE_SENTENCE) as told:
            read_packed(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert "\n" not in str(told.value) and len(str(told.value)) < 500
    assert not PYTHON.search(str(told.value)), str(told.value)


@pytest.mark.parametrize(
    "scale",
    [
        np.full((4, 3), 255, np.uint8),
        np.full((4, 3), np.nan, np.float32),
        np.full((4, 2), 127, np.uint8),
        np.zeros((4, 3), np.int8),
    ],
    ids=["E8M0's NaN", "float32", "another shape", "int8"],
)
def test_scales_of_eight_bits_that_are_none_are_refused(scale, tmp_path: Path) -> None:
    options = {"method": codebooks.mx, "bits": 4, "granularity": PerGroup(5)}
    path = rewritten_table(tmp_path / "good.packed", lambda *_: None, **options)
    read_packed(path)
    rewritten_table(path, holds("fc.scale", scale), **options)
    with pytest.raises(ValueError, match=ONE_SENTENCE):
        read_packed(path)


def test_a_file_with_both_kinds_of_codes_is_refused(tmp_path: Path) -> None:
    small = quantize_weights(every_kind(), QuantSpec(bits=3), layers=["c"])
    raw = save_packed(small, tmp_path / "a").read_bytes()
    header = json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])
    conv = json.loads(header["__metadata__"]["qlab.packed"])["layers"][1]
    held = {k: v for k, v in safetensors.numpy.load(raw).items() if k.startswith("c.")}

    def change(layer, book, arrays):
        arrays.pop("c.weight")
        arrays.update(held)

    path = rewritten_table(tmp_path / "both.packed", change)
    mixed = json.loads(json.dumps(conv))
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])
    about = json.loads(header["__metadata__"]["qlab.packed"])
    about["layers"][1] = mixed
    arrays = safetensors.numpy.load(raw)
    path.write_bytes(safetensors.numpy.save(arrays, {"qlab.packed": json.dumps(about)}))
    with pytest.raises(ValueError, match="some of its layers have a codebook"):
        read_packed(path)


@settings(max_examples=100)
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_changed_byte_of_a_table_is_refused_or_changes_values_alone(
    place, byte, tmp_path_factory
) -> None:
    path = tmp_path_factory.mktemp("byte") / "net.packed"
    options = {"bits": 4, "granularity": PerGroup(5)}
    small = code_weights(every_kind(), codebooks.mx, ["fc"], **options)
    raw = bytearray(save_packed(small, path).read_bytes())
    raw[int(place * len(raw))] = byte
    path.write_bytes(raw)
    try:
        back = read_packed(path)
    except ValueError as error:
        assert ONE_SENTENCE in str(error) and "\n" not in str(error)
    else:
        assert np.isfinite(np.concatenate([W.ravel() for W in back.network.weights.values()])).all()
