"""Networks: an ordered list of layers that hold arrays, inference in NumPy, and the zoo.

>>> import numpy as np, qlab
>>> net = qlab.networks.build("lenet_5", np.random.default_rng(0))
>>> print(net.summary())
lenet_5, input 1×28×28
layer    kind         output  parameters       MACs
conv1    Conv2d     20×24×24         520    288,000
pool1    MaxPool2d  20×12×12           0          0
conv2    Conv2d       50×8×8      25,050  1,600,000
pool2    MaxPool2d    50×4×4           0          0
flatten  Flatten         800           0          0
fc1      Linear          500     400,500    400,000
relu1    ReLU            500           0          0
fc2      Linear           10       5,010      5,000
total                            431,080  2,293,000
"""

from qlab.networks.accumulator import OVERFLOWS, bits_for
from qlab.networks.allocation import (
    Allocation,
    budget_at,
    exact,
    front,
    greedy,
    priced,
    quantize_mixed,
    uniform,
)
from qlab.networks.architectures import ARCHITECTURES, build, mlp
from qlab.networks.choosing import Candidate, Choice, candidates, choose
from qlab.networks.coding import CodedNetwork, code_weights
from qlab.networks.costs import (
    bytes_huffman,
    codes_of,
    layer_bytes_huffman,
    network_bit_operations,
    weight_errors,
)
from qlab.networks.criteria import (
    Criterion,
    Outcome,
    cross_entropy,
    divergence,
    error_rate,
    fewest_bytes,
    output_error,
)
from qlab.networks.dynamic import DynamicQuantize, dynamic_ranges, quantize_dynamically
from qlab.networks.equalizing import equalize
from qlab.networks.files import read, save
from qlab.networks.folding import fold_awq, fold_smoothquant
from qlab.networks.hessian import Trace, hessian_sensitivity, last_layer_trace
from qlab.networks.integer import Counts, IntegerNetwork
from qlab.networks.integer_layers import IntegerLayer, LayerRun
from qlab.networks.integer_walk import Walk, follow
from qlab.networks.layers import (
    Conv2d,
    FakeQuantize,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
)
from qlab.networks.network import Network
from qlab.networks.onnx import save_onnx, to_onnx
from qlab.networks.packed import packed_header_bytes, read_packed, save_packed
from qlab.networks.pareto import pareto_front
from qlab.networks.pruning import prune
from qlab.networks.quantization import (
    Quantized,
    activations,
    fake_quantize_inputs,
    quantize_activations,
    quantize_weights,
    without_fake_quantize,
)
from qlab.networks.quantized_runs import QuantizedRun, QuantizedTable, quantized_table
from qlab.networks.repairing import repair, unfold
from qlab.networks.requantize import REQUANTIZATIONS, Multiplier, fixed_point
from qlab.networks.sensitivity import (
    Sensitivity,
    bit_operations,
    layer_bit_operations,
    layer_bytes,
    sensitivity,
)
from qlab.networks.shrinking import shrink
from qlab.networks.stored_sensitivity import (
    stored_qparams,
    stored_sensitivity,
    stored_traces,
)
from qlab.networks.students import (
    StudentRun,
    mean_error,
    mean_of,
    stored_student,
    student_recipe,
    student_runs,
)
from qlab.networks.summary import Row, Summary
from qlab.networks.trained import card, load, names
from qlab.networks.whole import bytes_biases, quantize_whole

__all__ = [
    "ARCHITECTURES",
    "OVERFLOWS",
    "REQUANTIZATIONS",
    "ZOO",
    "Allocation",
    "Candidate",
    "Choice",
    "CodedNetwork",
    "Conv2d",
    "Counts",
    "Criterion",
    "DynamicQuantize",
    "FakeQuantize",
    "Flatten",
    "IntegerLayer",
    "IntegerNetwork",
    "Layer",
    "LayerRun",
    "Linear",
    "MaxPool2d",
    "Multiplier",
    "Network",
    "Outcome",
    "Quantized",
    "QuantizedRun",
    "QuantizedTable",
    "ReLU",
    "Row",
    "Sensitivity",
    "StudentRun",
    "Summary",
    "Trace",
    "Walk",
    "activations",
    "bit_operations",
    "bits_for",
    "budget_at",
    "build",
    "bytes_biases",
    "bytes_huffman",
    "candidates",
    "card",
    "choose",
    "code_weights",
    "codes_of",
    "cross_entropy",
    "divergence",
    "dynamic_ranges",
    "equalize",
    "error_rate",
    "exact",
    "fake_quantize_inputs",
    "fewest_bytes",
    "fixed_point",
    "fold_awq",
    "fold_smoothquant",
    "follow",
    "front",
    "greedy",
    "hessian_sensitivity",
    "last_layer_trace",
    "layer_bit_operations",
    "layer_bytes",
    "layer_bytes_huffman",
    "load",
    "mean_error",
    "mean_of",
    "mlp",
    "names",
    "network_bit_operations",
    "output_error",
    "packed_header_bytes",
    "pareto_front",
    "priced",
    "prune",
    "quantize_activations",
    "quantize_dynamically",
    "quantize_mixed",
    "quantize_weights",
    "quantize_whole",
    "quantized_table",
    "read",
    "read_packed",
    "repair",
    "save",
    "save_onnx",
    "save_packed",
    "sensitivity",
    "shrink",
    "stored_qparams",
    "stored_sensitivity",
    "stored_student",
    "stored_traces",
    "student_recipe",
    "student_runs",
    "to_onnx",
    "unfold",
    "uniform",
    "weight_errors",
    "without_fake_quantize",
]


def __getattr__(name: str) -> tuple[str, ...]:
    if name == "ZOO":  # asked anew each time: ``make zoo`` may have added one
        return names()
    raise AttributeError(f"module 'qlab.networks' has no attribute {name!r}")
