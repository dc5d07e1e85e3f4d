"""The palette and the plain look of every picture.

Okabe and Ito's eight colours stay apart for every common kind of colour blindness.
Roles, not colours, are what the other files name; a role always carries a second
mark (fill, stem, dash, ring), so no picture needs its colours to be read.

Source: Okabe & Ito 2008, "Color Universal Design", https://jfly.uni-koeln.de/color/.
"""

from matplotlib.axes import Axes

BLACK = "#000000"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"
OKABE_ITO = (BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE)

INK = "#1f2933"  # text: 14.7:1 on white
GREY = "#5b6770"  # ticks and axis labels: 5.9:1 on white
MIST = "#c9d1d8"  # the float original, filled
BEFORE, AFTER, ERROR, NOW = MIST, BLUE, VERMILLION, VERMILLION

TEXT = 9.5  # points, on a picture 400 pixels wide


def dress(ax: Axes, xlabel: str, ylabel: str) -> Axes:
    """Give an Axes the house's look: two thin spines, small grey ticks, named axes.

    Parameters
    ----------
    ax
        Drawn on in place.
    xlabel, ylabel
        Name and unit of each axis.

    Returns
    -------
    Axes
        The same one.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> dress(Figure().add_subplot(), "weight", "count").get_xlabel()
    'weight'
    """
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(GREY)
        ax.spines[side].set_linewidth(0.8)
    ax.tick_params(which="both", colors=GREY, labelsize=TEXT - 1, width=0.8, length=3, pad=2)
    ax.tick_params(which="minor", length=0)
    ax.set_xlabel(xlabel, color=INK, fontsize=TEXT, labelpad=2)
    ax.set_ylabel(ylabel, color=INK, fontsize=TEXT, labelpad=2)
    ax.set_axisbelow(True)
    return ax
