"""Datasets from torchvision's loaders, written where ``qlab.data.load`` reads them.

PyPI's Linux torchvision is built for CUDA: beside a CPU torch its compiled operators do not load,
and the import fails with "operator torchvision::nms does not exist". Nothing here detects
objects, so declaring the schemas of the two operators it asks for is enough. That is done
only after a plain import has failed for this reason.
"""

import functools
import tempfile
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import URLError

import numpy as np
import torch
from jaxtyping import UInt8

from qlab import data

_SCHEMAS = tuple(
    f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for name in ("nms", "qnms")
)


@functools.cache
def torchvision() -> ModuleType:
    """Return torchvision with datasets, transforms and models that work, CUDA or not.

    Raises
    ------
    ModuleNotFoundError
        If it is not installed.
    RuntimeError
        If it fails for another reason than its operators.

    Examples
    --------
    >>> torchvision().datasets.FashionMNIST.__name__
    'FashionMNIST'
    """
    try:
        import torchvision as module
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        _declare(_SCHEMAS)
        import torchvision as module
    return module


_libraries: list[torch.library.Library] = []  # a schema lives as long as its Library


def _declare(schemas: Sequence[str]) -> None:
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in schemas:
        library.define(schema)  # type: ignore[no-untyped-call]
    _libraries.append(library)


def _grey(images: Any) -> UInt8[np.ndarray, "n h w"]:
    return np.ascontiguousarray(images.numpy())


def _colour(images: Any) -> UInt8[np.ndarray, "n c h w"]:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))  # (N, H, W, C) -> (N, C, H, W)


LOADERS: dict[str, tuple[str, Callable[[Any], np.ndarray]]] = {
    "fashion_mnist": ("FashionMNIST", _grey),
    "cifar10": ("CIFAR10", _colour),
}
CARDS = {
    "fashion_mnist": """\
# Fashion-MNIST: articles of clothing

- **Origin.** Han Xiao, Kashif Rasul and Roland Vollgraf, Zalando Research; fetched by torchvision.
- **Licence.** MIT.
- **Cite.** H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a novel image dataset for
  benchmarking machine learning algorithms", arXiv:1708.07747, 2017.
""",
    "cifar10": """\
# CIFAR-10: small colour photographs

- **Origin.** Alex Krizhevsky, Vinod Nair and Geoffrey Hinton, a labelled part of the 80 Million
  Tiny Images; fetched by torchvision.
- **Licence.** The authors state none: ask before you pass the images on.
- **Cite.** A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
""",
}


def fetch(name: str, loader: Callable[..., Any] | None = None) -> Path:
    """Download a dataset, with a progress bar on stderr, and store it for ``qlab.data.load``.

    Parameters
    ----------
    name
        "fashion_mnist" or "cifar10".
    loader
        Called as torchvision's dataset classes are; None for the one of that name. One that
        reads files from elsewhere goes here.

    Returns
    -------
    Path
        The dataset's folder, with a card of origin and licence. Nothing is written unless the
        whole dataset has arrived.

    Raises
    ------
    ValueError
        If the name is unknown.
    ConnectionError
        If it can't be downloaded.
    OSError
        If it can't be written.

    Examples
    --------
    >>> fetch("imagenet")
    Traceback (most recent call last):
    ValueError: fetch: name must be one of fashion_mnist, cifar10, got 'imagenet'.
    """
    if name not in LOADERS:
        raise ValueError(f"fetch: name must be one of {', '.join(LOADERS)}, got {name!r}.")
    class_name, convert = LOADERS[name]
    load = loader or getattr(torchvision().datasets, class_name)
    with tempfile.TemporaryDirectory(prefix="qlab-fetch-") as folder:
        try:
            train = load(folder, train=True, download=True)
            test = load(folder, train=False, download=True)
        except (URLError, HTTPException, RuntimeError, ConnectionError, TimeoutError) as error:
            raise ConnectionError(
                f"fetch: {name!r} could not be downloaded ({type(error).__name__}). "
                "Connect to the internet and try again; MNIST and the digits need none."
            ) from error
        except OSError as error:
            raise OSError(
                f"fetch: {name!r} could not be kept while it arrived: {error.strerror or error}. "
                "Nothing was changed; free some space or let TMPDIR name another folder."
            ) from error
        stored = data.store(
            name,
            convert(train.data),
            np.asarray(train.targets, np.int64),
            convert(test.data),
            np.asarray(test.targets, np.int64),
        )
    (stored / "README.md").write_text(CARDS[name], encoding="utf-8")
    return stored
