"""The five steps from products to a code, as a table: integer, binary, type, real number."""

import html
from collections.abc import Iterator
from typing import Any

import numpy as np

from qlab.live.integer_state import IntegerResult

Row = tuple[str, str, str, str, str]  # step, integer, binary, type, real number


def binary(value: int, bits: int) -> str:
    """Write the low bits of a whole number in two's complement, eight by eight.

    Examples
    --------
    >>> binary(-2, 8), binary(300, 12)
    ('11111110', '0001 00101100')
    """
    digits = f"{value & ((1 << bits) - 1):0{bits}b}"
    cut = len(digits) % 8
    parts = [digits[:cut]] if cut else []
    return " ".join([*parts, *(digits[i : i + 8] for i in range(cut, len(digits), 8))])


def rows(r: IntegerResult) -> Iterator[Row]:
    """List the steps of the neuron that is followed."""
    w, b = r.walk, r.accumulator_bits
    s_x, s_w, s_y = r.scales
    unit, wide = s_x * s_w, r.types["accumulator"]
    products = int(w.products.sum())
    shift = 31 - w.e
    yield (
        f"1. {len(w.products)} products, summed",
        _whole(products),
        binary(products, b),
        wide,
        _real(products * unit),
    )
    yield (
        "2. with the bias, in the register",
        _whole(int(w.registers[-1])),
        binary(int(w.registers[-1]), b),
        wide,
        _real(int(w.registers[-1]) * unit),
    )
    yield (
        f"3. times M₀ = {w.m:,}, shifted right by {shift}, rounded",
        _whole(w.rescaled),
        binary(w.rescaled, 32),
        "int64",
        _real(w.rescaled * s_y),
    )
    yield (
        f"4. plus the zero point, {_whole(w.zero_point)}",
        _whole(w.rescaled + w.zero_point),
        binary(w.rescaled + w.zero_point, 32),
        "int64",
        _real(w.rescaled * s_y),
    )
    fused = "" if r.last else "; the lower end is the rectifier"
    yield (
        f"5. clipped to {_whole(w.low)} … {_whole(w.high)}{fused}",
        _whole(w.code),
        binary(w.code, r.leaving.spec.bits),
        r.types["codes out"],
        _real((w.code - w.zero_point) * s_y),
    )


def table(r: IntegerResult) -> str:
    """Write the steps and the types as HTML; the numbers are derived from what was computed."""
    place = f", place {w[0]}, {w[1]}" if (w := r.walk.place) else ""
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("Step", "Integer", "In binary", "Type", "As a real number")
    )
    body = "".join(
        '<tr><th scope="row">'
        + html.escape(row[0])
        + "</th>"
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:2])
        + f"<td><code>{row[2]}</code></td>"
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[3:])
        + "</tr>"
        for row in rows(r)
    )
    kinds = ", ".join(f"{name} {kind}" for name, kind in r.types.items())
    sums = "" if np.array_equal(r.walk.registers[-1:], r.walk.sums[-1:]) else _wrong(r)
    return (
        f'<div class="qlab-steps"><h2>The five steps of output {r.walk.output} of {r.layer}{place}'
        f'</h2>{sums}<div class="qlab-steps-frame" tabindex="0" role="region" '
        f'aria-label="The five steps"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>'
        f'</table></div><p class="qlab-caption">In floats the same network gives '
        f"{_real(r.float_value)}{'' if r.last else ' before the rectifier'}. No float entered: "
        f"{kinds}; products and shifts int64.</p></div>"
    )


def csv_rows(r: IntegerResult) -> list[list[Any]]:
    """List the steps for a file."""
    return [list(row) for row in rows(r)]


def _wrong(r: IntegerResult) -> str:
    return (
        '<p class="qlab-remark">The true sum is '
        f"{_whole(int(r.walk.sums[-1]))}: it takes {r.walk.bits} bits, and the register has "
        f"{r.accumulator_bits}.</p>"
    )


def _whole(value: int) -> str:
    return f"{value:,}".replace("-", "−")


def _real(value: float) -> str:
    return f"{value:.5g}".replace("-", "−")
