import errno
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from qlab.core import QParams, QuantSpec
from qlab.networks import (
    Conv2d,
    FakeQuantize,
    Flatten,
    Linear,
    MaxPool2d,
    Network,
    ReLU,
    build,
    read,
    save,
)
from tests.networks.test_packed import PYTHON


def every_kind() -> Network:
    rng = np.random.default_rng(0)
    spec = QuantSpec(bits=5, signed=False, symmetric=False)
    return Network(
        "every",
        (
            FakeQuantize("in", QParams(np.array(0.03), np.array(2), spec)),
            Conv2d("c", rng.standard_normal((2, 1, 3, 3)), np.ones(2), stride=2, padding=1),
            MaxPool2d("p", 3),
            ReLU("r"),
            Flatten("f"),
            Linear("fc", rng.standard_normal((4, 2)), rng.standard_normal(4)),
        ),
        (1, 7, 7),
    )


@pytest.mark.parametrize("net", [every_kind(), build("lenet_5", np.random.default_rng(3))])
def test_a_saved_network_predicts_bit_for_bit_as_before(net: Network, tmp_path: Path) -> None:
    back = read(save(net, tmp_path / "net.safetensors"))
    x = np.random.default_rng(1).random((3, *net.input_shape), np.float32)
    np.testing.assert_array_equal(back.predict(x), net.predict(x))
    assert (back.name, back.input_shape) == (net.name, net.input_shape)
    assert str(back.summary()) == str(net.summary())


def test_the_same_network_is_saved_as_the_same_bytes(tmp_path: Path) -> None:
    one, two = (save(every_kind(), tmp_path / name).read_bytes() for name in ("a", "b"))
    assert one == two


def rewritten(path: Path, change) -> Path:
    """Save a tiny network whose description or arrays `change` has touched."""
    net = Network("tiny", (Flatten("f"), Linear("fc", np.ones((2, 4)), np.zeros(2))), (1, 2, 2))
    save(net, path)
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])
    about = json.loads(header["__metadata__"]["qlab"])
    arrays = {name: array.copy() for name, array in safetensors.numpy.load(raw).items()}
    change(about, arrays)
    path.write_bytes(safetensors.numpy.save(arrays, {"qlab": json.dumps(about)}))
    return path


LIES = {
    "kind": lambda about, _: about["layers"][0].update(kind="Sigmoid"),
    "path as a kind": lambda about, _: about["layers"][0].update(kind="os.system"),
    "more fields": lambda about, _: about["layers"][0].update(size=2),
    "no name": lambda about, _: about["layers"][0].pop("name"),
    "number as a name": lambda about, _: about["layers"][0].update(name=7),
    "no layers": lambda about, _: about.pop("layers"),
    "layers are a number": lambda about, _: about.update(layers=3),
    "layers are words": lambda about, _: about.update(layers=["Flatten"]),
    "layers are a word": lambda about, _: about.update(layers="fc"),
    "a layer is a list of words": lambda about, _: about.update(layers=[["kind", "name"]]),
    "no kind": lambda about, _: about["layers"][0].pop("kind"),
    "shape is a number": lambda about, _: about.update(input_shape=4),
    "format": lambda about, _: about.update(format=99),
    "shapes do not chain": lambda about, _: about.update(input_shape=[1, 3, 3]),
    "shape of words": lambda about, _: about.update(input_shape=["1", "2", "2"]),
    "array missing": lambda _, arrays: arrays.pop("fc.bias"),
    "array too many": lambda _, arrays: arrays.update(extra=np.zeros(1, np.float32)),
    "array of another shape": lambda _, arrays: arrays.update({"fc.bias": np.zeros(3)}),
    "array of integers": lambda _, arrays: arrays.update({"fc.bias": np.zeros(2, np.int32)}),
    "array not finite": lambda _, arrays: arrays.update({"fc.bias": np.full(2, np.nan)}),
    "name twice": lambda about, _: about["layers"].append({"kind": "ReLU", "name": "fc"}),
}


@pytest.mark.parametrize("change", LIES.values(), ids=LIES)
def test_a_file_that_contradicts_itself_is_refused_in_one_sentence(change, tmp_path: Path) -> None:
    path = rewritten(tmp_path / "lie.safetensors", change)
    with pytest.raises(ValueError, match="read: file must hold a network that qlab saved") as told:
        read(path)
    assert "lie.safetensors" in str(told.value)
    assert "\n" not in str(told.value)
    assert str(tmp_path) not in str(told.value)
    assert not PYTHON.search(str(told.value)), str(told.value)


def test_a_field_that_is_missing_is_named(tmp_path: Path) -> None:
    path = rewritten(tmp_path / "lie.safetensors", LIES["no kind"])
    with pytest.raises(ValueError, match=r"it lacks 'kind'\. Save it again"):
        read(path)


def test_a_description_that_is_none_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "deep.safetensors"
    for text in ("[" * 100_000, "", "7", "[]"):
        path.write_bytes(safetensors.numpy.save({"w": np.zeros(2)}, {"qlab": text}))
        with pytest.raises(ValueError, match=r"its description (is no JSON, or|must be a record)"):
            read(path)


@pytest.mark.parametrize("cut", [0, 4, 8, 100, -1])
def test_a_file_cut_short_is_refused(cut: int, tmp_path: Path) -> None:
    path = save(every_kind(), tmp_path / "net.safetensors")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match="damaged or foreign"):
        read(path)


def test_a_header_that_promises_more_than_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.safetensors"
    path.write_bytes(struct.pack("<Q", 2**60) + b"{}")
    with pytest.raises(ValueError, match="damaged or foreign"):
        read(path)


def test_arrays_come_back_whatever_order_they_lie_in(tmp_path: Path) -> None:
    W = np.arange(12, dtype=np.float32).reshape(4, 3).T
    net = Network(
        "t", (Flatten("f"), Linear("fc", W, np.arange(6, dtype=np.float32)[::2])), (1, 2, 2)
    )
    back = read(save(net, tmp_path / "t.safetensors"))
    np.testing.assert_array_equal(back.weights["fc"], W)
    np.testing.assert_array_equal(back.biases["fc"], [0, 2, 4])


def test_a_safetensors_file_of_someone_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(safetensors.numpy.save({"w": np.zeros(2, np.float32)}))
    with pytest.raises(ValueError, match="describes no qlab network"):
        read(path)


def test_a_missing_file_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No such file.*gone\.safetensors"):
        read(tmp_path / "gone.safetensors")


def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    def halve(_, arrays) -> None:
        arrays.update({name: array.astype(np.float16) for name, array in arrays.items()})

    net = read(rewritten(tmp_path / "half.safetensors", halve))
    assert net.weights["fc"].dtype == np.float32


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(every_kind(), tmp_path / "net.safetensors")
    before = path.read_bytes()

    def full(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match=r"No space left on device.*Nothing was changed") as told:
        save(build("student_30", np.random.default_rng(0)), path)
    assert told.value.errno == errno.ENOSPC
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file or directory"):
        save(every_kind(), tmp_path / "nowhere" / "net.safetensors")
