import errno
import hashlib
from pathlib import Path

import numpy as np
import pytest

from qlab import data
from qlab.data import idx

RNG = np.random.default_rng(0)


def arrays(n: int = 5_010, shape: tuple[int, ...] = (4, 4), m: int = 7) -> list[np.ndarray]:
    return [
        RNG.integers(0, 256, (n, *shape)).astype(np.uint8),
        RNG.integers(0, 10, n),
        RNG.integers(0, 256, (m, *shape)).astype(np.uint8),
        RNG.integers(0, 10, m),
    ]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QLAB_DATASETS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("name", "shape"), [("fashion_mnist", (4, 4)), ("cifar10", (3, 4, 4))])
def test_what_is_stored_is_what_is_loaded(name: str, shape: tuple[int, ...]) -> None:
    given = arrays(6_100, shape)
    data.store(name, *given)
    loaded = data.load(name)
    pixels = (1, *shape) if len(shape) == 2 else shape
    assert loaded.test.images.shape == (7, *pixels)
    expected = (given[2] / np.float32(255)).reshape(loaded.test.images.shape)
    np.testing.assert_array_equal(loaded.test.images, expected)
    np.testing.assert_array_equal(loaded.test.labels, given[3])
    np.testing.assert_array_equal(loaded.validation.labels, given[1][-5_000:])
    assert len(loaded.train) == 1_100
    assert len(loaded.calibration) == 1_024


def test_storing_again_is_seen_at_once_and_leaves_the_card(elsewhere: Path) -> None:
    data.store("digits", *arrays(500))
    (elsewhere / "digits" / "README.md").write_text("card")
    data.load("digits").test  # noqa: B018
    fresh = arrays(500, m=3)
    data.store("digits", *fresh)
    np.testing.assert_array_equal(data.load("digits").test.labels, fresh[3])
    assert (elsewhere / "digits" / "README.md").read_text() == "card"
    assert not list((elsewhere / "digits").glob(".writing-*"))


def test_a_full_disk_leaves_what_was_there(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.store("digits", *arrays(500))
    before = {p.name: p.read_bytes() for p in (elsewhere / "digits").iterdir()}
    original = Path.write_bytes

    def full(self: Path, raw: bytes) -> int:
        if "t10k" in self.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(self, raw)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"'digits' could not be written: No space left on device"):
        data.store("digits", *arrays(500))
    assert {p.name: p.read_bytes() for p in (elsewhere / "digits").iterdir()} == before


def test_a_full_disk_leaves_no_empty_folder_that_looks_like_a_dataset(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, raw: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="could not be written"):
        data.store("fashion_mnist", *arrays(500))
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("name", ["mnist", "digits"])
def test_a_missing_dataset_says_how_to_get_it_back(name: str) -> None:
    with pytest.raises(FileNotFoundError, match=f"git checkout datasets/{name}.*qlab data prepare"):
        data.load(name)


@pytest.mark.parametrize("name", ["fashion_mnist", "cifar10"])
def test_a_dataset_not_fetched_says_how_and_that_it_needs_the_network(name: str) -> None:
    with pytest.raises(FileNotFoundError, match=f"qlab data fetch {name}`, which needs the netw"):
        data.load(name)


def test_one_wrong_byte_is_noticed(elsewhere: Path) -> None:
    folder = data.store("digits", *arrays(500))
    path = folder / "t10k-images-idx3-ubyte.gz"
    raw = bytearray(path.read_bytes())
    raw[20] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"'digits' is damaged, expected sha256 .*git checkout"):
        data.load("digits").test  # noqa: B018
    assert len(data.load("digits").validation) == 180  # the other files are sound


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"one\n", b"a b c\n"])
def test_a_damaged_list_of_digests_is_noticed(text: bytes) -> None:
    folder = data.store("digits", *arrays(500))
    (folder / "SHA256SUMS").write_bytes(text)
    with pytest.raises(ValueError, match="is damaged, expected sha256 none"):
        data.load("digits").test  # noqa: B018


def test_a_missing_file_is_told() -> None:
    folder = data.store("digits", *arrays(500))
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"incomplete.*digits/train-labels-idx1-ubyte\.gz"):
        data.load("digits").train  # noqa: B018


def test_a_message_names_no_path_of_this_machine(elsewhere: Path) -> None:
    with pytest.raises(FileNotFoundError) as told:
        data.load("mnist")
    assert str(elsewhere) not in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({0: np.zeros((500, 3, 4, 4), np.uint8)}, r"train images of 'digits' must have 3 axes"),
        ({3: np.zeros(8, int)}, r"test images .* one label each, got \(images=\(7, 4, 4\)"),
        ({1: np.full(500, 256)}, "train labels must be 0 to 255, got 256 to 256"),
        ({1: np.full(500, -1)}, "got -1 to -1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[int, np.ndarray], text: str) -> None:
    given = arrays(500)
    for position, array in change.items():
        given[position] = array
    with pytest.raises(ValueError, match=text):
        data.store("digits", *given)


def test_sha256sum_understands_the_list(elsewhere: Path) -> None:
    folder = data.store("digits", *arrays(500))
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, file = line.split("  ")
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
    assert idx.decode(idx.decompress((folder / file).read_bytes())).shape == (7,)
