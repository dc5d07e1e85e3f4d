"""What is measured: errors, accuracy, bytes, operations, time; each says how sure it is."""

from qlab.metrics.accuracy import accuracy
from qlab.metrics.errors import Errors, errors, max_error, mse, sparsity, sqnr
from qlab.metrics.histogram import Histogram, bin_index, code_counts, histogram, kept_counts
from qlab.metrics.latency import Latency, latency, latency_in_turns
from qlab.metrics.macs import Macs, macs
from qlab.metrics.measured import Measured, wilson, within_noise
from qlab.metrics.size import (
    Bytes,
    bytes_bitmap,
    bytes_coded,
    bytes_dense,
    bytes_packed,
    bytes_relative_index,
)

__all__ = [
    "Bytes",
    "Errors",
    "Histogram",
    "Latency",
    "Macs",
    "Measured",
    "accuracy",
    "bin_index",
    "bytes_bitmap",
    "bytes_coded",
    "bytes_dense",
    "bytes_packed",
    "bytes_relative_index",
    "code_counts",
    "errors",
    "histogram",
    "kept_counts",
    "latency",
    "latency_in_turns",
    "macs",
    "max_error",
    "mse",
    "sparsity",
    "sqnr",
    "wilson",
    "within_noise",
]
