"""Measurements that the project promises, made on the machine at hand.

A benchmark is one module of this package that offers

    TITLE: str                          the heading of its table
    run() -> list[dict[str, object]]    the rows; every row has the same keys, in the order shown
    main() -> None                      one line: ``print(table(TITLE, run()))``

`python -m benchmarks` runs the modules of `MODULES` in that order, each in its own process (so that
none inherits another's imports, threads or caches), and writes what they print into
`benchmarks/README.md`, between the markers.  A module that holds a promise against a budget gives
the budget a column, so that the table says by itself whether the promise is kept.
"""

import os
import sys
from collections.abc import Mapping, Sequence

__all__ = ["MODULES", "cell", "one_thread", "table"]

MODULES = (
    "sqnr",
    "inference",
    "codebooks",
    "gptq",
    "ptq",
    "integer",
    "onnx",
    "packed",
    "loading",
    "startup",
    "live",
)


def one_thread() -> None:
    """Hold the BLAS of NumPy to one thread, as the apps do; call it before NumPy is loaded.

    More threads wait for each other on a busy machine. They also add in another order, which tips
    a few roundings of GPTQ and AdaRound.

    Raises
    ------
    RuntimeError
        If NumPy is loaded already: it reads its threads once.
    """
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    if "numpy" in sys.modules and {os.environ.get(name) for name in names} != {"1"}:
        raise RuntimeError(
            "one_thread: NumPy must not be loaded yet, got a process that has it. Call it first."
        )
    os.environ.update(dict.fromkeys(names, "1"))


def cell(value: object) -> str:
    r"""Write one value as a table shows it.

    Parameters
    ----------
    value
        A float is written with three significant digits and no exponent up to a million; anything
        else is written as `str` does it.

    Returns
    -------
    str
        The text, with ``|`` escaped, so that it stays one cell.

    Examples
    --------
    >>> cell(0.012345), cell(1234.5), cell(7), cell("a|b")
    ('0.0123', '1234', '7', 'a\\|b')
    """
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value).replace("|", "\\|")


def table(title: str, rows: Sequence[Mapping[str, object]]) -> str:
    """Write rows as a Markdown table under a heading.

    Parameters
    ----------
    title
        The heading, without its ``#``.
    rows
        Rows with the same keys; the keys of the first one are the columns.

    Returns
    -------
    str
        Markdown that ends without a newline.

    Raises
    ------
    ValueError
        If there are no rows, or two rows have different columns.

    Examples
    --------
    >>> print(table("Speed", [{"network": "lenet_5", "ms": 25.04}]))
    ### Speed
    <BLANKLINE>
    | network | ms |
    | :-- | --: |
    | lenet_5 | 25 |
    """
    if not rows:
        raise ValueError("table: expected at least one row, got (rows=[]). Check that it measured.")
    columns = list(rows[0])
    for row in rows:
        if list(row) != columns:
            raise ValueError(
                f"table: every row must have the columns {columns}, got (row={dict(row)}). "
                "Give a missing value as ''."
            )
    numeric = [all(isinstance(row[column], int | float) for row in rows) for column in columns]
    lines = [
        f"### {title}",
        "",
        "| " + " | ".join(columns) + " |",
        "| " + " | ".join("--:" if number else ":--" for number in numeric) + " |",
    ]
    lines += ["| " + " | ".join(cell(row[column]) for column in columns) + " |" for row in rows]
    return "\n".join(lines)
