"""The packed file: how long it is, and what it predicts after it has been read again.

LeNets, weights with one scale for each output by the mse range, biases and activations float32.
"""

import tempfile
from pathlib import Path

from benchmarks import table
from benchmarks.integer import percent

TITLE = "Packed files: bytes, and accuracy in % [95 % interval] on all test images"
NETWORKS = ("lenet_300_100", "lenet_5")
BITS = (8, 5, 4, 2)


def run() -> list[dict[str, object]]:
    """Return one row for each network and number of bits."""
    from qlab import data, metrics, networks, ranges
    from qlab.core import PerAxis, QuantSpec

    test = data.load("mnist").test
    rows: list[dict[str, object]] = []
    for name in NETWORKS:
        net = networks.load(name)
        for bits in BITS:
            spec = QuantSpec(bits=bits, granularity=PerAxis(0))
            small = networks.quantize_weights(net, spec, ranges.mse)
            with tempfile.TemporaryDirectory() as folder:
                path = networks.save_packed(small, Path(folder) / "small.packed")
                size, header = path.stat().st_size, networks.packed_header_bytes(path)
                back = networks.read_packed(path)
            counted = metrics.bytes_packed(small.network, small.qparams).total
            rows.append(
                {
                    "network": name,
                    "bits": bits,
                    "file": size,
                    "header": header,
                    "bytes packed": counted,
                    "is their sum": "yes" if size == header + counted else "no",
                    "times smaller than float32": metrics.bytes_dense(net).total / size,
                    "accuracy": percent(metrics.accuracy(back.network, test)),
                }
            )
    return rows


def main() -> None:
    """Print the table."""
    print(table(TITLE, run()))


if __name__ == "__main__":
    main()
