"""Write a dataset's folder: all of it, or nothing."""

import contextlib
import hashlib
import tempfile
from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8

from qlab.data import dataset, digests, idx


def store(
    name: str,
    train_images: UInt8[np.ndarray, "..."],
    train_labels: Integer[np.ndarray, "..."],
    test_images: UInt8[np.ndarray, "..."],
    test_labels: Integer[np.ndarray, "..."],
) -> Path:
    """Write the four arrays of a dataset where `load` reads them, with their digests.

    Everything is written to a folder beside it first, and takes its place at the end: an
    interruption or a full disk leaves what was there before. Other files of the folder, such as
    its card, stay.

    Parameters
    ----------
    name
        One of `qlab.data.NAMES`.
    train_images, test_images
        (N, H, W) or, for colour, (N, C, H, W).
    train_labels, test_labels
        Class numbers, 0 to 255.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        If the name is unknown, the axes are not those of its layout, images and labels differ
        in number, or a label does not fit a byte.
    OSError
        If the folder can't be written, with one sentence that says why.
    """
    if name not in dataset.LAYOUTS:
        raise ValueError(f"store: name must be one of {', '.join(dataset.NAMES)}, got {name!r}.")
    layout = dataset.LAYOUTS[name]
    arrays: dict[str, np.ndarray] = {}
    for part, images, labels in (
        ("train", train_images, train_labels),
        ("test", test_images, test_labels),
    ):
        _check(name, part, images, labels, layout.ndim)
        arrays[dataset.image_file(part, layout.ndim)] = images
        arrays[dataset.label_file(part)] = labels.astype(np.uint8)
    folder = digests.root() / name
    try:
        _write(folder, arrays)
    except OSError as error:
        raise OSError(
            f"store: dataset {name!r} could not be written: {error.strerror or error}. Nothing "
            "was changed; free some space or let QLAB_DATASETS name another folder."
        ) from error
    dataset._open.cache_clear()
    return folder


def _check(
    name: str,
    part: str,
    images: UInt8[np.ndarray, "..."],
    labels: Integer[np.ndarray, "..."],
    ndim: int,
) -> None:
    if images.ndim != ndim or labels.shape != images.shape[:1]:
        raise ValueError(
            f"store: {part} images of {name!r} must have {ndim} axes and one label each, got "
            f"(images={images.shape}, labels={labels.shape})."
        )
    if labels.size and not (0 <= labels.min() and labels.max() <= 255):
        raise ValueError(
            f"store: {part} labels must be 0 to 255, got {labels.min()} to {labels.max()}."
        )


def _write(folder: Path, arrays: dict[str, UInt8[np.ndarray, "..."]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as scratch:
            fresh, lines = Path(scratch), []
            for file, array in arrays.items():
                packed = idx.compress(idx.encode(array))
                (fresh / file).write_bytes(packed)
                lines.append(f"{hashlib.sha256(packed).hexdigest()}  {file}\n")
            (fresh / digests.SUMS).write_text("".join(lines), encoding="ascii")
            for file in (*arrays, digests.SUMS):  # all is written: now each takes its place
                (fresh / file).replace(folder / file)
    finally:
        with contextlib.suppress(OSError):  # only an empty folder goes: nothing came into it
            folder.rmdir()
