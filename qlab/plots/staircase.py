"""The quantizer as a function: what goes in along x, what comes out along y.

Without quantization the picture is the diagonal; b bits turn it into at most 2^b treads.
A tread is one step (scale) wide, and where the stairs end the values are clipped.
"""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from qlab.plots.style import AFTER, GREY


def staircase(
    ax: Axes,
    x: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " n"],
    color: str = AFTER,
    linestyle: str = "-",
    label: str = "quantized",
) -> Line2D:
    """Draw the stairs over the diagonal that perfect copying would give.

    Parameters
    ----------
    ax
        Drawn on in place.
    x, y
        Values before and after quantization, x ascending.
    color, linestyle, label
        Of the stairs.

    Returns
    -------
    Line2D
        ``set_data(x, y)`` updates it in place.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> x = np.linspace(-1, 1, 5)
    >>> staircase(Figure().add_subplot(), x, np.round(x)).get_ydata()
    array([-1., -0.,  0.,  0.,  1.])
    """
    ax.axline((0.0, 0.0), slope=1.0, color=GREY, lw=0.9, ls=(0, (4, 3)))
    (line,) = ax.plot(x, y, color=color, ls=linestyle, lw=1.5, label=label)
    return line
