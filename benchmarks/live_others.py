"""From the hand to changed pixels: one slider of each other instrument, and LeNet-5 in two.

Read its rows as those of `python -m benchmarks live`, whose budgets stand beside them. It runs when
it is named; `python -m benchmarks.live integer` prints all sliders of one instrument.
"""

from benchmarks import live

SLIDERS = (
    "grids bits",
    "microscope bits",
    "calibrate bits",
    "integer accumulator_bits",
    "allocate bits_fc1",
    "pack bits",
    "qat factor",
    "quantize bits lenet_5",
    "prune sparsity lenet_5",
)


def run() -> dict[str, list[live.Row]]:
    """Return the rows of both tables."""
    return live.run(*SLIDERS)


def main() -> None:
    """Print both tables."""
    live.show(run())


if __name__ == "__main__":
    main()
