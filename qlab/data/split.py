"""A split: images, their labels, and what they may be used for.

An accuracy is a measurement only on images that chose nothing: no range, no threshold, no epoch
to stop at. So whoever chooses asks `Split.for_choosing`, and the test split refuses.

Source: Hastie, Tibshirani and Friedman 2009, "The Elements of Statistical Learning", §7.2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Int, Int64, UInt8

Role = Literal["train", "calibration", "validation", "test"]
ROLES: tuple[Role, ...] = ("train", "calibration", "validation", "test")

Images = Float32[np.ndarray, "n c h w"]
Bytes = UInt8[np.ndarray, "n c h w"]
Labels = Int64[np.ndarray, " labels"]  # as many as images: checked below, in our own words


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Split:
    """Images with labels and a role; iterates as ``images, labels``.

    Parameters
    ----------
    stored
        (N, C, H, W): float32 in [0, 1], or bytes, which take a quarter of the memory.
    labels
        Class numbers.
    role
        What the images may be used for: "train", "calibration", "validation" or "test".
    name
        The dataset they came from.
    peak
        The byte that becomes 1.0.

    Raises
    ------
    ValueError
        If the numbers of images and labels differ, or the role is unknown.

    Examples
    --------
    >>> split = Split(np.zeros((3, 1, 28, 28), np.float32), np.arange(3), "test", "mnist")
    >>> images, labels = split[:2]
    >>> labels
    array([0, 1])
    >>> split[:2].role
    'test'
    """

    stored: Images | Bytes
    labels: Labels
    role: Role
    name: str = "custom"
    peak: int = 255

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ValueError(f"Split: role must be one of {', '.join(ROLES)}, got {self.role!r}.")
        if len(self.stored) != len(self.labels):
            raise ValueError(
                "Split: images and labels must be equally many, got "
                f"(images={len(self.stored)}, labels={len(self.labels)})."
            )

    @property
    def images(self) -> Images:
        """The images as float32 in [0, 1]; bytes are converted anew each time.

        So take the rows first: ``split[:100].images`` converts a hundred images, ``split.images``
        all of them.
        """
        if self.stored.dtype == np.float32:
            return self.stored
        pixels = self.stored / np.float32(self.peak)
        pixels.flags.writeable = False
        return pixels

    def __repr__(self) -> str:
        return f"Split(name={self.name!r}, role={self.role!r}, images={self.stored.shape})"

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.images, self.labels))

    def __getitem__(self, rows: slice | Int[np.ndarray, " k"] | Bool[np.ndarray, " n"]) -> "Split":
        """Return some of the images, in the same role; a slice shares memory."""
        return Split(self.stored[rows], self.labels[rows], self.role, self.name, self.peak)

    def for_choosing(self, purpose: str) -> tuple[Images, Labels]:
        """Return ``(images, labels)`` to whoever decides something from them.

        Parameters
        ----------
        purpose
            What is decided, a few words for the message: "calibrate activation ranges".

        Returns
        -------
        tuple
            The images and labels.

        Raises
        ------
        ValueError
            If this is the test split.
        """
        if self.role == "test":
            raise ValueError(
                f"for_choosing: expected a split other than test to {purpose}, got (role='test'). "
                "Whatever is chosen on the test images makes their accuracy a fit, no longer a "
                "measurement; use calibration, train or validation."
            )
        return self.images, self.labels
