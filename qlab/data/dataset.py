"""Datasets by name, cut into four splits, each read when it is first asked for.

    train file  =  train ‖ validation          validation: the last images of the file
    calibration ⊂  train                       drawn once, with a fixed seed
    test        =  the test file

Fetched datasets are cut as MNIST is.
"""

import functools
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from qlab.data import digests, idx
from qlab.data.split import Role, Split

CALIBRATION_SEED = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """How a dataset is cut, and what its brightest byte is.

    Parameters
    ----------
    validation
        Images at the end of the training file kept for choosing.
    calibration
        Images drawn from the rest.
    peak
        The byte that becomes 1.0.
    ndim
        Axes of the stored images: 3 for grey, 4 for colour.
    """

    validation: int
    calibration: int
    peak: int = 255
    ndim: int = 3


LAYOUTS = {
    "mnist": Layout(5_000, 1_024),
    "digits": Layout(180, 256, peak=16),
    "fashion_mnist": Layout(5_000, 1_024),
    "cifar10": Layout(5_000, 1_024, ndim=4),
}
NAMES = tuple(LAYOUTS)


class Dataset:
    """Four splits of one dataset, each read when it is first asked for.

    Parameters
    ----------
    name
        As in `NAMES`, or your own.
    train, calibration, validation, test
        A split, or a function that returns it.

    Examples
    --------
    >>> digits = load("digits")
    >>> len(digits.train), len(digits.calibration), len(digits.validation), len(digits.test)
    (1257, 256, 180, 360)
    """

    def __init__(
        self,
        name: str,
        *,
        train: Split | Callable[[], Split],
        calibration: Split | Callable[[], Split],
        validation: Split | Callable[[], Split],
        test: Split | Callable[[], Split],
    ) -> None:
        self.name = name
        self._splits: dict[Role, Split | Callable[[], Split]] = {
            "train": train,
            "calibration": calibration,
            "validation": validation,
            "test": test,
        }

    def __repr__(self) -> str:
        return f"Dataset({self.name!r})"

    @property
    def train(self) -> Split:
        """The images that weights are learnt from."""
        return self._split("train")

    @property
    def calibration(self) -> Split:
        """A few training images, to choose activation ranges from."""
        return self._split("calibration")

    @property
    def validation(self) -> Split:
        """Images kept from training, to choose between settings and to stop on."""
        return self._split("validation")

    @property
    def test(self) -> Split:
        """Images that choose nothing, to measure on."""
        return self._split("test")

    def _split(self, role: Role) -> Split:
        split = self._splits[role]
        if not isinstance(split, Split):
            self._splits[role] = split = split()
        return split


def load(name: str) -> Dataset:
    """Return a dataset; its files are read and checked split by split, once per process.

    Parameters
    ----------
    name
        One of `NAMES`.

    Returns
    -------
    Dataset
        Images float32 (N, C, H, W) in [0, 1], kept as bytes until they are asked for; labels
        int64. The arrays are shared by all who load the same name, so they are read-only.

    Raises
    ------
    ValueError
        If the name is unknown or a file does not match its digest (when the split is read).
    FileNotFoundError
        If the dataset's folder or one of its files is not there.

    Examples
    --------
    >>> images, labels = load("mnist").test
    >>> images.shape, images.dtype.name, labels[:5]
    ((10000, 1, 28, 28), 'float32', array([7, 2, 1, 0, 4]))
    """
    if name not in LAYOUTS:
        raise ValueError(f"load: name must be one of {', '.join(NAMES)}, got {name!r}.")
    folder = digests.root() / name
    digests.sums(folder)  # a missing dataset is told at once
    return _open(folder)


@functools.cache
def _open(folder: Path) -> Dataset:
    layout = LAYOUTS[folder.name]

    def train_labels() -> Int64[np.ndarray, " n"]:
        return _labels(folder, "train")

    def cut(role: Role, rows: slice | Int64[np.ndarray, " n"]) -> Split:
        images = idx.decode(_read(folder, image_file("train", layout.ndim)))
        part = images[rows]
        if len(part) < len(images) / 2:
            part = part.copy()  # a view would keep the whole file in memory
        return _split(part, train_labels()[rows], role, folder.name, layout)

    def calibration() -> Split:
        rows = calibration_rows(len(train_labels()), layout)
        return cut("calibration", rows)

    def test() -> Split:
        images = idx.decode(_read(folder, image_file("test", layout.ndim)))
        return _split(images, _labels(folder, "test"), "test", folder.name, layout)

    return Dataset(
        folder.name,
        train=lambda: cut("train", slice(None, -layout.validation)),
        calibration=calibration,
        validation=lambda: cut("validation", slice(-layout.validation, None)),
        test=test,
    )


def calibration_rows(in_file: int, layout: Layout) -> Int64[np.ndarray, " n"]:
    """Return the rows of the training file that calibrate, sorted, never one of validation."""
    rng = np.random.default_rng(CALIBRATION_SEED)
    return np.sort(rng.choice(in_file - layout.validation, layout.calibration, replace=False))


def image_file(part: str, ndim: int) -> str:
    """Return the name of the file with the images of "train" or "test"."""
    return f"{part.replace('test', 't10k')}-images-idx{ndim}-ubyte.gz"


def label_file(part: str) -> str:
    """Return the name of the file with the labels of "train" or "test"."""
    return f"{part.replace('test', 't10k')}-labels-idx1-ubyte.gz"


def files(name: str) -> tuple[str, ...]:
    """Return the names of the four files of a dataset.

    Examples
    --------
    >>> files("digits")[0]
    'train-images-idx3-ubyte.gz'
    """
    ndim = LAYOUTS[name].ndim
    parts = ("train", "test")
    return tuple(file for part in parts for file in (image_file(part, ndim), label_file(part)))


def _read(folder: Path, file: str) -> bytes:
    packed = digests.read_checked(folder, file)
    try:
        return idx.decompress(packed)
    except zlib.error as error:
        raise ValueError(
            f"load: dataset {folder.name!r} is damaged, expected gzip, got {error} "
            f"(file='{folder.name}/{file}'). {digests.remedy(folder.name)}"
        ) from None


def _labels(folder: Path, part: str) -> Int64[np.ndarray, " n"]:
    return idx.decode(_read(folder, label_file(part))).astype(np.int64)


def _split(
    images: UInt8[np.ndarray, "n *shape"],
    labels: Int64[np.ndarray, " n"],
    role: Role,
    name: str,
    layout: Layout,
) -> Split:
    channels = images[:, None] if images.ndim == 3 else images  # (N, H, W) -> (N, 1, H, W)
    channels.flags.writeable = labels.flags.writeable = False
    return Split(channels, labels, role, name, layout.peak)
