"""The table of a network's layers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One layer: what leaves it, what it holds, what it costs for one image."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The layers of a network, one a row; ``str`` gives a table.

    Examples
    --------
    >>> print(Summary("tiny", (1, 2, 2), (Row("fc1", "Linear", (3,), 15, 12),)))
    tiny, input 1×2×2
    layer  kind    output  parameters  MACs
    fc1    Linear       3          15    12
    total                          15    12
    """

    name: str
    input_shape: tuple[int, ...]
    rows: tuple[Row, ...]

    @property
    def parameters(self) -> int:
        """Weights and biases of all layers."""
        return sum(row.parameters for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations for one image."""
        return sum(row.macs for row in self.rows)

    def __str__(self) -> str:
        cells = [
            ("layer", "kind", "output", "parameters", "MACs"),
            *(
                (r.name, r.kind, _shape(r.output_shape), f"{r.parameters:,}", f"{r.macs:,}")
                for r in self.rows
            ),
            ("total", "", "", f"{self.parameters:,}", f"{self.macs:,}"),
        ]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [f"{self.name}, input {_shape(self.input_shape)}"]
        for name, kind, *numbers in cells:
            left = f"{name:<{widths[0]}}  {kind:<{widths[1]}}"
            right = (f"{c:>{w}}" for c, w in zip(numbers, widths[2:], strict=True))
            lines.append("  ".join((left, *right)))
        return "\n".join(lines)


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
