import errno
import gzip
import struct
import subprocess
import sys
from http.client import IncompleteRead
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import torch

from qlab import data
from qlab.training import fetch, vision


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QLAB_DATASETS", str(tmp_path / "datasets"))
    return tmp_path / "datasets"


def grey(folder: str, *, train: bool, download: bool) -> SimpleNamespace:
    """As torchvision's FashionMNIST holds its images: tensors (N, H, W)."""
    n = 6_000 if train else 20
    rng = np.random.default_rng(int(train))
    images = torch.tensor(rng.integers(0, 256, (n, 28, 28), dtype=np.uint8))
    return SimpleNamespace(data=images, targets=torch.tensor(rng.integers(0, 10, n)))


def colour(folder: str, *, train: bool, download: bool) -> SimpleNamespace:
    """As torchvision's CIFAR10 holds its images: arrays (N, H, W, C), labels in a list."""
    n = 6_000 if train else 20
    rng = np.random.default_rng(int(train))
    images = rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
    return SimpleNamespace(data=images, targets=rng.integers(0, 10, n).tolist())


def test_torchvision_works_beside_a_torch_without_cuda() -> None:
    module = vision.torchvision()
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert module.models.squeezenet1_1(num_classes=10).eval()(x).shape == (1, 10)
    assert module.transforms.functional.center_crop(x, [8, 8]).shape == (1, 3, 8, 8)


def test_only_a_failed_import_declares_operators() -> None:
    code = (
        "import sys, types\n"
        "sys.modules['torchvision'] = fake = types.ModuleType('torchvision')\n"
        "from qlab.training import vision\n"
        "assert vision.torchvision() is fake\n"
        "assert vision._libraries == []\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_fashion_mnist_is_stored_where_load_reads_it(folder: Path) -> None:
    assert fetch("fashion_mnist", grey) == folder / "fashion_mnist"
    images, labels = data.load("fashion_mnist").test
    source = grey("", train=False, download=True)
    np.testing.assert_array_equal(images[:, 0] * 255, source.data.numpy())
    np.testing.assert_array_equal(labels, source.targets.numpy())


def test_cifar_is_stored_with_channels_first(folder: Path) -> None:
    fetch("cifar10", colour)
    images, labels = data.load("cifar10").test
    source = colour("", train=False, download=True)
    assert images.shape == (20, 3, 32, 32)
    np.testing.assert_array_equal(images * 255, source.data.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(labels, source.targets)
    assert "**Licence.**" in (folder / "cifar10" / "README.md").read_text(encoding="utf-8")


def test_torchvisions_own_loader_reads_files_and_shows_nothing_else(
    folder: Path, tmp_path: Path
) -> None:
    def local(root: str, *, train: bool, download: bool) -> object:
        raw = Path(root) / "FashionMNIST" / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        for part, n in (("train", 6_000), ("t10k", 20)):
            head = struct.pack(">IIII", 2051, n, 28, 28)
            (raw / f"{part}-images-idx3-ubyte").write_bytes(head + bytes(n * 784))
            head = struct.pack(">II", 2049, n)
            (raw / f"{part}-labels-idx1-ubyte").write_bytes(head + bytes([7] * n))
        return vision.torchvision().datasets.FashionMNIST(root, train=train, download=False)

    fetch("fashion_mnist", local)
    images, labels = data.load("fashion_mnist").test
    assert images.shape == (20, 1, 28, 28)
    assert set(labels) == {7}
    gzip.decompress(next(folder.rglob("t10k-images*")).read_bytes())


@pytest.mark.parametrize(
    "error",
    [URLError("no route"), RuntimeError("Error downloading x:\nTried"), IncompleteRead(b"x", 9)],
)
def test_offline_is_one_sentence_and_leaves_nothing(folder: Path, error: Exception) -> None:
    def offline(root: str, *, train: bool, download: bool) -> object:
        raise error

    with pytest.raises(ConnectionError, match="could not be downloaded") as raised:
        fetch("fashion_mnist", offline)
    assert "\n" not in str(raised.value)
    assert not folder.exists()


def test_a_disk_that_fills_up_meanwhile_is_one_sentence_and_leaves_nothing(folder: Path) -> None:
    def full(root: str, *, train: bool, download: bool) -> object:
        raise OSError(errno.ENOSPC, "No space left on device", f"{root}/cifar.tar.gz")

    with pytest.raises(OSError, match=r"could not be kept.*No space left on device.*TMPDIR"):
        fetch("cifar10", full)
    assert not folder.exists()


def test_torchvisions_download_without_a_network_is_that_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> object:
        raise URLError("refused")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    for name in vision.LOADERS:
        with pytest.raises(ConnectionError, match=f"fetch: '{name}' could not be downloaded"):
            fetch(name)
    assert not folder.exists()


def test_a_name_without_loader_is_refused() -> None:
    with pytest.raises(ValueError, match="name must be one of fashion_mnist, cifar10, got 'mnist'"):
        fetch("mnist")
