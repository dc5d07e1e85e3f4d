"""What is measured: errors, accuracy, bytes, operations, time; each says how sure it is."""

from qlab.metrics.accuracy import accuracy
from qlab.metrics.measured import Measured, wilson, within_noise

__all__ = ["Measured", "accuracy", "wilson", "within_noise"]
