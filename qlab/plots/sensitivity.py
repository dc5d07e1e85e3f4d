"""What each layer loses at each number of bits: a group of bars a layer, on a logarithmic axis."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch

from qlab.plots.decades import decade_axis
from qlab.plots.style import INK, NOW, TEXT

GAP = 1.5  # bars' widths between two groups


def sensitivity_bars(
    ax: Axes, colors: Sequence[str], hatches: Sequence[str | None]
) -> tuple[list[StepPatch], Line2D]:
    """Prepare empty groups and the marks above the bars that are chosen.

    Parameters
    ----------
    ax
        Drawn on in place.
    colors, hatches
        One for each layer that there may be.

    Returns
    -------
    groups, marks
        ``set_sensitivity_bars`` fills the groups, ``set_chosen`` moves the marks.
    """
    groups = [
        ax.stairs(
            [1.0], [0.0, 1.0], baseline=0.5, fill=True, fc=color, ec="white", lw=0.6, hatch=hatch
        )
        for color, hatch in zip(colors, hatches, strict=True)
    ]
    (marks,) = ax.plot([], [], "v", color=NOW, mec=INK, mew=0.8, ms=8, ls="none", clip_on=False)
    return groups, marks


def set_sensitivity_bars(
    ax: Axes,
    groups: Sequence[StepPatch],
    names: Sequence[str],
    loss: Float[np.ndarray, "layers bits"],
    lowest: int,
) -> None:
    """Give each bar its height; a loss below the axis, or none at all, has no bar.

    Parameters
    ----------
    ax
        Its axes are set in place.
    groups
        At least as many as layers.
    names
        Of the layers.
    loss
        Of each layer at each number of bits, the fewest first.
    lowest
        Exponent of ten at the axis' foot.
    """
    layers, bits = loss.shape
    floor = 10.0**lowest
    for k, group in enumerate(groups):
        group.set_visible(k < layers)
        if k < layers:
            edges = k * (bits + GAP) + np.arange(bits + 1)
            group.set_data(np.maximum(loss[k], floor), edges, floor)
    decade_axis(ax, lowest, int(np.ceil(np.log10(max(loss.max(), 10 * floor)))))
    ax.set_xlim(-GAP / 2, layers * (bits + GAP) - GAP / 2)
    middle = [k * (bits + GAP) + bits / 2 for k in range(layers)]
    ax.set_xticks(middle, list(names), fontsize=TEXT, color=INK)
    ax.tick_params(axis="x", length=0)


def set_chosen(
    marks: Line2D, loss: Float[np.ndarray, "layers bits"], places: Sequence[int], lowest: int
) -> None:
    """Put a mark on the bar of each layer that is chosen.

    Parameters
    ----------
    marks
        What ``sensitivity_bars`` returned.
    loss
        As for ``set_sensitivity_bars``.
    places
        Column of each layer.
    lowest
        Exponent of ten at the axis' foot.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> _, marks = sensitivity_bars(Figure().add_subplot(), ["black"], [None])
    >>> set_chosen(marks, np.array([[1.0, 0.5]]), [1], -3)
    >>> marks.get_xdata(), marks.get_ydata()
    (array([1.5]), array([0.7]))
    """
    layers, bits = loss.shape
    rows = np.arange(layers)
    marks.set_data(
        rows * (bits + GAP) + np.array(places) + 0.5,
        1.4 * np.maximum(loss[rows, list(places)], 10.0**lowest),
    )
