"""The packed file: as long as promised, the same codes back, and lies refused in one sentence."""

import json
import re
import struct
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab import data, metrics, networks, ranges
from qlab.core import PerAxis, PerGroup, PerTensor, QParams, QuantSpec
from qlab.networks import (
    Conv2d,
    FakeQuantize,
    Flatten,
    Linear,
    MaxPool2d,
    Network,
    Quantized,
    ReLU,
    build,
    packed_header_bytes,
    quantize_activations,
    quantize_weights,
    read_packed,
    save,
    save_packed,
)
from tests.strategies import SPECS, unchecked

ONE_SENTENCE = "read_packed: file must be one that qlab packed"


def every_kind() -> Network:
    rng = np.random.default_rng(0)
    spec = QuantSpec(bits=5, signed=False, symmetric=False)
    return Network(
        "every",
        (
            FakeQuantize("in", QParams(np.array(0.1), np.array(2), spec)),
            Conv2d("c", rng.standard_normal((3, 1, 3, 3)), rng.standard_normal(3), 2, 1),
            MaxPool2d("p", 2),
            ReLU("r"),
            Flatten("f"),
            Linear("fc", rng.standard_normal((4, 12)), rng.standard_normal(4)),
        ),
        (1, 8, 7),
    )


@dataclass(frozen=True)
class Custom:
    """A layer that no file knows."""

    name: str

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def macs(self, shape: tuple[int, ...]) -> int:
        return 0


def same(one: Quantized, other: Quantized) -> None:
    assert list(one.codes) == list(other.codes)
    for name, codes in one.codes.items():
        np.testing.assert_array_equal(other.codes[name], codes)
        assert other.codes[name].dtype == np.int32
        assert other.qparams[name].spec == one.qparams[name].spec
        np.testing.assert_array_equal(other.qparams[name].scale, one.qparams[name].scale)
        np.testing.assert_array_equal(other.qparams[name].zero_point, one.qparams[name].zero_point)
    x = np.random.default_rng(1).random((3, *one.network.input_shape), np.float32)
    np.testing.assert_array_equal(other.network.predict(x), one.network.predict(x))


@settings(max_examples=60)
@given(spec=SPECS)
def test_codes_grids_and_predictions_return_bit_for_bit(spec: QuantSpec, tmp_path_factory) -> None:
    small = quantize_weights(every_kind(), spec)
    path = tmp_path_factory.mktemp("packed") / "small.packed"
    same(small, read_packed(save_packed(small, path)))
    counted = metrics.bytes_packed(small.network, small.qparams).total
    assert path.stat().st_size == packed_header_bytes(path) + counted


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("name", ["lenet_300_100", "lenet_5"])
def test_a_zoo_network_takes_header_and_bytes_packed(name: str, bits: int, tmp_path: Path) -> None:
    spec = QuantSpec(bits=bits, granularity=PerAxis(0))
    small = quantize_weights(networks.load(name), spec)
    path = save_packed(small, tmp_path / "small.packed")
    counted = metrics.bytes_packed(small.network, small.qparams).total
    assert path.stat().st_size - counted == packed_header_bytes(path) < 2200
    same(small, read_packed(path))


def test_layers_left_in_floats_and_calibrated_activations_return_too(tmp_path: Path) -> None:
    calibration = data.load("mnist").calibration[:20]
    net = quantize_activations(networks.load("lenet_300_100"), calibration, QuantSpec(bits=6))
    small = quantize_weights(net, QuantSpec(bits=3), layers=["fc1", "fc3"])
    same(small, read_packed(save_packed(small, tmp_path / "s.packed")))


@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(0)], ids=str)
def test_ranges_that_are_found_for_each_image_return_too(granularity, tmp_path: Path) -> None:
    rows = QuantSpec(bits=4, symmetric=False, granularity=granularity)
    net = networks.quantize_dynamically(every_kind(), rows, ranges.sigma)
    small = quantize_weights(net, QuantSpec(bits=4))
    same(small, back := read_packed(save_packed(small, tmp_path / "s.packed")))
    kinds = [(k.name, k.spec, k.method) for k in back.network.layers if hasattr(k, "method")]
    assert kinds == [("c_input", rows, ranges.sigma), ("fc_input", rows, ranges.sigma)]
    net = networks.quantize_dynamically(every_kind(), rows, lambda x, spec: ranges.sigma(x, spec))
    with pytest.raises(TypeError, match=r"^save_packed: the range method .* \(name='c_input'\)"):
        save_packed(quantize_weights(net, QuantSpec(bits=4)), tmp_path / "no.packed")


def test_what_is_no_quantized_network_is_not_saved(tmp_path: Path) -> None:
    said = (
        r"^save_packed: small must be a Quantized or a CodedNetwork, got Network\. "
        r"qlab\.networks\.quantize_weights makes one; qlab\.networks\.save keeps floats\.$"
    )
    with unchecked(), pytest.raises(TypeError, match=said):
        save_packed(every_kind(), tmp_path / "no.packed")
    own = Quantized(every_kind().with_layers([Custom("own")]), {}, {})
    with pytest.raises(TypeError, match=r"^save_packed: each layer must be one of .*got Custom"):
        save_packed(own, tmp_path / "no.packed")
    many = every_kind().with_layers([ReLU(f"r{k}") for k in range(1001)])
    with pytest.raises(ValueError, match=r"^save_packed: layers must be at most 1000, got 1001"):
        save_packed(Quantized(many, {}, {}), tmp_path / "no.packed")
    for named in (
        Network("n" * 201, every_kind().layers, (1, 8, 7)),
        every_kind().with_layers([ReLU("r" * 201)]),
    ):
        with pytest.raises(ValueError, match="a name must have at most 200 characters, got 201"):
            save_packed(Quantized(named, {}, {}), tmp_path / "no.packed")
    assert list(tmp_path.iterdir()) == []


def test_as_much_as_a_file_may_hold_is_read_again(tmp_path: Path) -> None:
    layers = [ReLU(f"{k:03}" + "r" * 197) for k in range(1000)]
    small = Quantized(Network("n" * 200, tuple(layers), (1, 8, 7)), {}, {})
    same(small, read_packed(save_packed(small, tmp_path / "large.packed")))


def test_weights_that_are_not_those_of_the_codes_are_not_saved(tmp_path: Path) -> None:
    small = quantize_weights(every_kind(), QuantSpec(bits=3))
    moved = small.network.with_weights({"fc": small.network.weights["fc"] * 2})
    with pytest.raises(ValueError, match=r"weights must be what their codes mean.*name='fc'"):
        save_packed(Quantized(moved, small.qparams, small.codes), tmp_path / "no.packed")
    assert list(tmp_path.iterdir()) == []


def test_arrays_come_back_whatever_order_they_lie_in(tmp_path: Path) -> None:
    W = np.arange(12, dtype=np.float32).reshape(4, 3).T
    net = Network("t", (Flatten("f"), Linear("fc", W, W[:, 1])), (1, 2, 2))
    back = read_packed(save_packed(Quantized(net, {}, {}), tmp_path / "t.packed")).network
    np.testing.assert_array_equal(back.weights["fc"], W)
    np.testing.assert_array_equal(back.biases["fc"], W[:, 1])


def test_the_same_network_is_packed_into_the_same_bytes(tmp_path: Path) -> None:
    small = quantize_weights(every_kind(), QuantSpec(bits=3))
    one, two = (save_packed(small, tmp_path / name).read_bytes() for name in ("a", "b"))
    assert one == two


def test_codes_of_something_else_are_not_saved(tmp_path: Path) -> None:
    small = quantize_weights(every_kind(), QuantSpec(bits=3))
    path = tmp_path / "no.packed"
    with pytest.raises(ValueError, match="of the same layers of the network, got 'c'"):
        save_packed(Quantized(small.network, small.qparams, {"fc": small.codes["fc"]}), path)
    with pytest.raises(ValueError, match="codes must have the shape of the weights"):
        save_packed(
            Quantized(small.network, small.qparams, small.codes | {"fc": small.codes["fc"].T}), path
        )
    with pytest.raises(ValueError, match="codes must lie in -3 … 3, got -4"):
        off = small.codes | {"fc": small.codes["fc"] * 0 - 4}
        save_packed(Quantized(small.network, small.qparams, off), path)
    assert not path.exists()


def rewritten(path: Path, change, **spec) -> Path:
    """Pack a small network whose description or arrays `change` has touched."""
    small = quantize_weights(every_kind(), QuantSpec(**{"bits": 4, "symmetric": False} | spec))
    raw = save_packed(small, path).read_bytes()
    header = json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])
    about = json.loads(header["__metadata__"]["qlab.packed"])
    arrays = {name: array.copy() for name, array in safetensors.numpy.load(raw).items()}
    change(about, about["layers"], arrays)
    text = json.dumps(about)
    path.write_bytes(safetensors.numpy.save(arrays, {"qlab.packed": text}))
    return path


def put(name: str, array: np.ndarray):
    return lambda about, layers, arrays: arrays.update({name: array})


def field(index: int, **values):
    return lambda about, layers, arrays: layers[index].update(values)


def spec(index: int, **values):
    return lambda about, layers, arrays: layers[index]["spec"].update(values)


LIES = {
    "another version": lambda about, *_: about.update(version=2),
    "no version": lambda about, *_: about.pop("version"),
    "no layers": lambda about, *_: about.pop("layers"),
    "layers are a number": lambda about, *_: about.update(layers=7),
    "a layer is a number": lambda about, *_: about.update(layers=[7]),
    "layers are a word": lambda about, *_: about.update(layers="cf"),
    "a layer is a list": lambda about, *_: about.update(layers=[["kind", "name"]]),
    "a layer of no kind": lambda about, *_: about.update(layers=[{"name": "r"}]),
    "ten thousand layers": lambda about, layers, arrays: layers.extend(
        {"kind": "ReLU", "name": f"r{k}"} for k in range(10_000)
    ),
    "a description that is a list": lambda about, *_: about.clear(),
    "a name that is a number": lambda about, *_: about.update(name=7),
    "a name of 100 kB": lambda about, *_: about.update(name="n" * 100_000),
    "a layer's name of 100 kB": field(3, name="n" * 100_000),
    "a layer's name that is a number": field(3, name=7),
    "an image that is a number": lambda about, *_: about.update(input_shape=7),
    "an image of many axes": lambda about, *_: about.update(input_shape=[1] * 30),
    "a huge image": lambda about, *_: about.update(input_shape=[1, 2**60, 2**60]),
    "an image of no size": lambda about, *_: about.update(input_shape=[0, 8, 7]),
    "an image of words": lambda about, *_: about.update(input_shape=["1", "8", "7"]),
    "shapes do not chain": lambda about, *_: about.update(input_shape=[1, 9, 99]),
    "a path as a kind": field(3, kind="os.system"),
    "a kind that is a list": field(3, kind=["ReLU"]),
    "a kind that is long": field(3, kind="k" * 100_000),
    "a field too many": field(3, size=2),
    "a field of a long name": field(3, **{"k" * 100_000: 2}),
    "a shape that is a number": field(5, shape=48),
    "a huge shape": field(5, shape=[2**31, 2**31]),
    "a shape beyond 64 bits": field(5, shape=[2**100, 2]),
    "an empty shape": field(5, shape=[0, 2**39]),
    "a negative shape": field(5, shape=[-4, -12]),
    "a shape of floats": field(5, shape=[4.0, 12.0]),
    "a shape of truth": field(5, shape=[True, 48]),
    "another shape of the same size": field(5, shape=[12, 4]),
    "a shape of five axes": field(5, shape=[4, 1, 1, 1, 12]),
    "a huge padding": field(1, padding=2**16),
    "a huge stride": field(1, stride=2**40),
    "a stride of 0": field(1, stride=0),
    "a pool of 0": field(2, size=0),
    "a pool of a float": field(2, size=2.0),
    "17 bits": spec(5, bits=17),
    "0 bits": spec(5, bits=0),
    "bits of a float": spec(5, bits=4.0),
    "fewer bits": spec(5, bits=3),
    "sign as a number": spec(5, signed=1),
    "a grid that is a list": field(5, spec=[4, True]),
    "a grid without bits": lambda about, layers, arrays: layers[5]["spec"].pop("bits"),
    "an unknown granularity": spec(5, granularity=["PerCloud"]),
    "a granularity that is a number": spec(5, granularity=7),
    "a granularity of lists": spec(5, granularity=[["PerTensor"]]),
    "a granularity with more": spec(5, granularity=["PerTensor", 3]),
    "a granularity with less": spec(5, granularity=["PerGroup"]),
    "an axis of words": spec(5, granularity=["PerAxis", "0"]),
    "a granularity that is a word": spec(5, granularity="PerTensor"),
    "groups of 0": spec(5, granularity=["PerGroup", 0]),
    "groups where there is one scale": spec(5, granularity=["PerGroup", 3]),
    "an axis that is not there": spec(5, granularity=["PerAxis", 7]),
    "a spec with more": spec(5, colour="red"),
    "a NaN scale": put("fc.scale", np.array(np.nan, np.float32)),
    "an infinite scale": put("fc.scale", np.array(np.inf, np.float32)),
    "a negative scale": put("fc.scale", np.array(-1, np.float32)),
    "scales of another shape": put("fc.scale", np.ones(4, np.float32)),
    "scales of float64": put("fc.scale", np.ones(())),
    "codes cut short": put("fc.codes", np.zeros(23, np.uint8)),
    "codes too long": put("fc.codes", np.zeros(25, np.uint8)),
    "codes of int32": put("fc.codes", np.zeros(24, np.int32)),
    "codes in a square": put("fc.codes", np.zeros((4, 6), np.uint8)),
    "zero points too long": put("fc.zero_point", np.zeros(2, np.uint8)),
    "a NaN bias": put("fc.bias", np.full(4, np.nan, np.float32)),
    "a bias of another shape": put("fc.bias", np.zeros(5, np.float32)),
    "an array missing": lambda about, layers, arrays: arrays.pop("c.scale"),
    "a bias missing": lambda about, layers, arrays: arrays.pop("c.bias"),
    "an array too many": put("more", np.zeros(3, np.uint8)),
    "a NaN scale of activations": field(0, scale=float("nan")),
    "a scale of words": field(0, scale="0.1"),
    "a zero point off the grid": field(0, zero_point=99),
    "a zero point beyond 64 bits": field(0, zero_point=2**80),
    "a zero point of words": field(0, zero_point="2"),
    "a range that is found by an unknown method": lambda about, layers, arrays: layers.append(
        {"kind": "DynamicQuantize", "name": "d", "method": "exec", "spec": layers[0]["spec"]}
    ),
    "a range that is found by a list": lambda about, layers, arrays: layers.append(
        {"kind": "DynamicQuantize", "name": "d", "method": ["mse"], "spec": layers[0]["spec"]}
    ),
    "a name twice": field(3, name="f"),
}


PYTHON = re.compile(
    r"object|argument|sequence|subscript|to unpack|itera|unhashable|NoneType|indices|__|'(?:int|"
    r"str|list|dict|float)'|setting an|convert"
)  # words of Python's own errors, which tell a reader nothing of the file


@pytest.mark.parametrize("change", LIES.values(), ids=LIES)
def test_a_file_that_lies_is_refused_in_one_sentence(change, tmp_path: Path) -> None:
    path = tmp_path / "lie.packed"
    rewritten(path, change)
    with unchecked(), pytest.raises(ValueError, match=ONE_SENTENCE) as told:
        read_packed(path)
    assert "lie.packed" in str(told.value)
    assert "\n" not in str(told.value)
    assert str(tmp_path) not in str(told.value)
    assert len(str(told.value)) < 500
    assert not PYTHON.search(str(told.value)), str(told.value)


def test_the_file_that_is_rewritten_without_a_lie_is_read(tmp_path: Path) -> None:
    path = rewritten(tmp_path / "honest.packed", lambda *_: None)
    assert list(read_packed(path).codes) == ["c", "fc"]


def test_a_code_that_fits_its_bits_and_not_its_grid_is_refused(tmp_path: Path) -> None:
    lie = put("fc.codes", np.full(24, 0x88, np.uint8))  # −8, and the symmetric grid ends at −7
    path = rewritten(tmp_path / "lie.packed", lie, symmetric=True)
    with pytest.raises(ValueError, match=r"codes must lie in -7 … 7, got -8 … -8"):
        read_packed(path)


@pytest.mark.parametrize("claim", ["a huge shape", "an empty shape", "a huge image"])
def test_what_a_file_claims_is_not_allocated(claim: str, tmp_path: Path) -> None:
    path = rewritten(tmp_path / "huge.packed", LIES[claim])
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=ONE_SENTENCE):
            read_packed(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@settings(max_examples=80)
@given(cut=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_short_anywhere_is_refused(cut: float, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("cut") / "net.packed"
    save_packed(quantize_weights(every_kind(), QuantSpec(bits=3)), path)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(cut * len(raw))])
    with pytest.raises(ValueError, match=ONE_SENTENCE):
        read_packed(path)


@settings(max_examples=150)
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_changed_byte_is_refused_or_changes_values_alone(place, byte, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("byte") / "net.packed"
    small = quantize_weights(every_kind(), QuantSpec(bits=3, granularity=PerGroup(5)))
    raw = bytearray(save_packed(small, path).read_bytes())
    raw[int(place * len(raw))] = byte
    path.write_bytes(raw)
    try:
        back = read_packed(path)
    except ValueError as error:
        assert ONE_SENTENCE in str(error)
        assert "\n" not in str(error)
    else:
        assert np.isfinite(np.concatenate([W.ravel() for W in back.network.weights.values()])).all()


@settings(max_examples=60)
@given(content=st.binary(max_size=200))
def test_bytes_that_are_no_file_of_ours_are_refused(content: bytes, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("noise") / "noise.packed"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=ONE_SENTENCE):
        read_packed(path)


def test_headers_that_promise_more_than_the_file_or_nest_too_deep_are_refused(tmp_path) -> None:
    path = tmp_path / "huge.packed"
    deep = b'{"__metadata__":{"qlab.packed":"' + b"[" * 100_000 + b'"}}'
    for raw in (
        struct.pack("<Q", 2**60) + b"{}",
        struct.pack("<Q", 3) + b"{}",
        struct.pack("<Q", len(deep)) + deep,
    ):
        path.write_bytes(raw)
        with pytest.raises(ValueError, match=ONE_SENTENCE):
            read_packed(path)


def test_a_float_network_and_a_foreign_file_are_no_packed_files(tmp_path: Path) -> None:
    net = build("student_30", np.random.default_rng(0))
    with pytest.raises(ValueError, match="describes no packed network"):
        read_packed(save(net, tmp_path / "net.safetensors"))
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(safetensors.numpy.save({"w": np.zeros(2, np.float32)}))
    with pytest.raises(ValueError, match="describes no packed network"):
        read_packed(foreign)


def test_a_missing_file_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No such file.*gone\.packed"):
        read_packed(tmp_path / "gone.packed")


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    small = quantize_weights(every_kind(), QuantSpec(granularity=PerTensor()))
    with pytest.raises(OSError, match="No such file or directory"):
        save_packed(small, tmp_path / "nowhere" / "net.packed")
    assert list(tmp_path.iterdir()) == []


def test_a_padding_that_would_be_allocated_on_predicting_is_refused(tmp_path: Path) -> None:
    conv = Conv2d("c", np.ones((1, 1, 3, 3)), np.zeros(1), padding=2)  # as the last layer it chains
    small = quantize_weights(Network("wide", (conv,), (1, 4, 4)), QuantSpec(bits=4))
    path = save_packed(small, tmp_path / "wide.packed")
    raw = path.read_bytes()
    assert raw.count(b'\\"padding\\":2') == 1
    path.write_bytes(raw.replace(b'\\"padding\\":2', b'\\"padding\\":3'))
    with pytest.raises(ValueError, match="padding must be less than the kernel's side, got 3"):
        read_packed(path)
    wider = Network("wide", (Conv2d("c", conv.weight, conv.bias, padding=3),), (1, 4, 4))
    with pytest.raises(ValueError, match="padding must be less than the kernel's side, got 3"):
        save_packed(quantize_weights(wider, QuantSpec(bits=4)), path)
