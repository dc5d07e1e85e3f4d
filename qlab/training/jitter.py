"""Jitter: each training image moved by a few pixels, another way each time.

    x'[c, i, j] = x[c, i + dy, j + dx],   dy, dx uniform in −r … r,   0 outside          (1)

The digit stays the same digit, so the labels stay. It is what took the 784-1200-1200-10 teacher
of the paper to 67 test errors.

Source: Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 3.
"""

import torch
from jaxtyping import Float
from torch import Tensor


class Jitter:
    """Moves images by at most ``radius`` pixels each way, equation (1).

    Parameters
    ----------
    radius
        r, pixels, at least 0; 0 returns the images as they are.
    shape
        (channels, height, width) of the images.
    generator
        Draws dy and dx: the same seed moves the same images the same way.

    Raises
    ------
    ValueError
        If the radius is negative or not below the image's size.

    Examples
    --------
    >>> jitter = Jitter(1, (1, 2, 2), torch.Generator().manual_seed(0))
    >>> jitter(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    tensor([[[[0., 3.],
              [0., 0.]]]])
    """

    def __init__(self, radius: int, shape: tuple[int, ...], generator: torch.Generator):
        channels, height, width = shape
        if not 0 <= radius < min(height, width):
            raise ValueError(
                f"Jitter: radius must be 0 to {min(height, width) - 1}, got (radius={radius})."
            )
        self.radius, self.generator = radius, generator
        self._row = width + 2 * radius  # of a padded image
        plane = (height + 2 * radius) * self._row
        c, i, j = torch.arange(channels), torch.arange(height), torch.arange(width)
        window = c[:, None, None] * plane + i[:, None] * self._row + j  # (C, H, W)
        self._window, self._size = window.flatten(), channels * plane

    def __call__(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Return the images, each moved."""
        r, n = self.radius, len(x)
        if r == 0:
            return x
        padded = torch.nn.functional.pad(x, (r, r, r, r))
        dy, dx = torch.randint(0, 2 * r + 1, (2, n), generator=self.generator)
        start = torch.arange(n) * self._size + dy * self._row + dx
        return padded.take(start[:, None] + self._window).view_as(x)  # (1), one gather for all
