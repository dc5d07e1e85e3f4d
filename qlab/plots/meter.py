"""Two quantities against the most that they can be: bars on one scale with its end marked."""

from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from qlab.plots.style import BLUE, GREY, INK, TEXT, VERMILLION

PALE = "#fdf1e7"  # inside the outlined bar
HEIGHT = 0.7  # of a bar; rows are 1 apart


@dataclass(frozen=True, slots=True)
class Meter:
    """The artists of one meter; ``set_meter`` moves them."""

    first: Rectangle
    second: Rectangle

    @property
    def artists(self) -> tuple[Artist, ...]:
        """Both, in drawing order."""
        return (self.first, self.second)


def meter(ax: Axes, most: float, words: str, names: tuple[str, str]) -> Meter:
    """Prepare an empty meter: the first bar filled, the second an outline, as in ``answers``.

    Parameters
    ----------
    ax
        Drawn on in place.
    most
        End of the scale, above 0.
    words
        What stands at the end, for instance "log₂ 10".
    names
        Of the two bars, at their left.

    Returns
    -------
    Meter
        Filled by ``set_meter``.
    """
    ax.set_xlim(0.0, most)
    ax.set_ylim(1.5, -0.5)  # the first on top
    ax.set_yticks([0, 1], names, color=INK)
    ax.tick_params(axis="y", length=0)
    ax.axvline(most, color=GREY, lw=1.2, clip_on=False)
    ax.annotate(
        words,
        (most, 1.0),
        (0, 2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right",
        color=GREY,
        fontsize=TEXT - 1.5,
    )
    first = Rectangle((0.0, -HEIGHT / 2), 0.0, HEIGHT, fc=BLUE, ec=BLUE, lw=1.0)
    second = Rectangle((0.0, 1 - HEIGHT / 2), 0.0, HEIGHT, fc=PALE, ec=VERMILLION, lw=1.4)
    for bar in (first, second):
        ax.add_patch(bar)
    return Meter(first, second)


def set_meter(drawn: Meter, first: float, second: float) -> None:
    """Show these two quantities.

    Parameters
    ----------
    drawn
        What ``meter`` returned; changed in place.
    first, second
        From 0 to the end of the scale.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> drawn = meter(Figure().add_subplot(), 2.0, "log₂ 4", ("a", "b"))
    >>> set_meter(drawn, 0.5, 1.5)
    >>> drawn.first.get_width(), drawn.second.get_width()
    (0.5, 1.5)
    """
    drawn.first.set_width(first)
    drawn.second.set_width(second)
