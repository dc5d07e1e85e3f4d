import hashlib

import numpy as np
import pytest

from qlab import data
from qlab.data import dataset, idx
from qlab.data.prepare import MNIST_FILES


def test_mnist_is_the_published_one() -> None:
    folder = data.root() / "mnist"
    for file, digest in MNIST_FILES.items():
        raw = idx.decompress((folder / f"{file}.gz").read_bytes())
        assert hashlib.sha256(raw).hexdigest() == digest


def test_mnist_has_the_promised_splits() -> None:
    mnist = data.load("mnist")
    parts = (mnist.train, mnist.calibration, mnist.validation, mnist.test)
    assert [len(part) for part in parts] == [55_000, 1_024, 5_000, 10_000]
    assert [part.role for part in parts] == ["train", "calibration", "validation", "test"]
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(mnist.test.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["mnist", "digits"])
@pytest.mark.parametrize("role", ["calibration", "validation", "test"])
def test_images_are_float32_from_0_to_1_and_labels_int64(name: str, role: str) -> None:
    images, labels = getattr(data.load(name), role)
    assert images.dtype == np.float32
    assert labels.dtype == np.int64
    assert images.ndim == 4
    assert (images.min(), images.max()) == (0, 1)
    assert set(labels) == set(range(10))


def test_train_and_validation_are_the_training_file_in_its_order() -> None:
    digits = data.load("digits")
    raw = idx.decompress((data.root() / "digits" / "train-images-idx3-ubyte.gz").read_bytes())
    together = np.concatenate([digits.train.images, digits.validation.images])
    np.testing.assert_array_equal(together[:, 0] * 16, idx.decode(raw))


@pytest.mark.parametrize("name", ["mnist", "digits"])
def test_calibration_is_drawn_from_train_once_and_for_all(name: str) -> None:
    layout, loaded = dataset.LAYOUTS[name], data.load(name)
    in_file = len(loaded.train) + len(loaded.validation)
    rows = dataset.calibration_rows(in_file, layout)
    assert len(set(rows.tolist())) == layout.calibration
    assert rows.max() < len(loaded.train)
    np.testing.assert_array_equal(loaded.calibration.images, loaded.train.images[rows])
    np.testing.assert_array_equal(loaded.calibration.labels, loaded.train.labels[rows])


def test_the_rows_that_calibrate_mnist_stay_the_same_in_every_release() -> None:
    rows = dataset.calibration_rows(60_000, dataset.LAYOUTS["mnist"])
    assert rows[:4].tolist() == [16, 147, 192, 268]


def test_shared_images_cannot_be_written() -> None:
    test = data.load("digits").test
    for array in test:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_split_is_read_once_and_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset._open.cache_clear()
    read: list[str] = []
    original = dataset._read

    def spy(folder, file):
        read.append(file)
        return original(folder, file)

    monkeypatch.setattr(dataset, "_read", spy)
    digits = data.load("digits")
    assert read == []
    assert data.load("digits").test is digits.test
    assert read == ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]
    dataset._open.cache_clear()


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="mnist, digits, fashion_mnist, cifar10, got 'imagenet'"):
        data.load("imagenet")
