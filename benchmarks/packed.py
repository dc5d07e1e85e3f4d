"""The packed file: how long it is, and what it predicts after it has been read again.

LeNets, weights with one scale for each output by the mse range, or with one exact k-means table a
layer; biases and activations float32. Beside the file: its bytes with Huffman's words for codes.
"""

import tempfile
from pathlib import Path
from typing import Any

from benchmarks import table
from benchmarks.integer import percent

Row = dict[str, object]
TITLE = "Packed files: bytes, and accuracy in % [95 % interval] on all test images"
NETWORKS = ("lenet_300_100", "lenet_5")
BITS = (8, 5, 4, 2)
TABLE_BITS = (5, 4)


def run() -> list[Row]:
    """Return one row for each network and number of bits."""
    from qlab import codebooks, data, networks, ranges
    from qlab.core import PerAxis, QuantSpec

    test = data.load("mnist").test
    rows: list[Row] = []
    for name in NETWORKS:
        net = networks.load(name)
        for bits in BITS:
            spec = QuantSpec(bits=bits, granularity=PerAxis(0))
            small = networks.quantize_weights(net, spec, ranges.mse)
            rows.append(_row(net, "scales", bits, small, list(small.codes.values()), test))
        for bits in TABLE_BITS:
            coded = networks.code_weights(net, codebooks.kmeans, bits=bits)
            codes = [one.codes for one in coded.coded.values()]
            rows.append(_row(net, "k-means", bits, coded, codes, test))
    return rows


def _row(net: Any, levels: str, bits: int, small: Any, codes: list[Any], test: Any) -> Row:
    """Write, read again, compare with what was counted."""
    from qlab import coding, metrics, networks

    with tempfile.TemporaryDirectory() as folder:
        path = networks.save_packed(small, Path(folder) / "small.packed")
        size, header = path.stat().st_size, networks.packed_header_bytes(path)
        back = networks.read_packed(path)
    parts = small.qparams if hasattr(small, "qparams") else small.coded
    counted = metrics.bytes_packed(small.network, parts)
    words = sum(len(coding.huffman_encode(q)) for q in codes)
    return {
        "network": net.name,
        "levels": levels,
        "bits": bits,
        "file": size,
        "header": header,
        "bytes packed": counted.total,
        "is their sum": "yes" if size == header + counted.total else "no",
        "times smaller than float32": metrics.bytes_dense(net).total / size,
        "bytes with Huffman's words": counted.total - counted.codes + words,
        "accuracy": percent(metrics.accuracy(back.network, test)),
    }


def main() -> None:
    """Print the table."""
    print(table(TITLE, run()))


if __name__ == "__main__":
    main()
