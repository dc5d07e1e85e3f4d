"""A technique of each room, as short as can be: what test_contributing adds to a copy of qlab.

Each is a file of its room and a line in the room's list; a rounding is a function among the others.
"""

CODEBOOK = '''"""Levels at even distances from -absmax to absmax, none of them at zero."""
import numpy as np
from qlab.codebooks.scale import absmax, checked_bits, with_table
from qlab.core import PerTensor
from qlab.core.arrays import finite32
from qlab.core.granularity import checked_granularity


def mid_rise(W, *, bits=4, granularity=PerTensor()):
    W = finite32("mid_rise", "W", W)
    checked_granularity("mid_rise", granularity)
    b = checked_bits("mid_rise", bits, range(1, 9))
    return with_table(W, np.linspace(-1, 1, 2**b), absmax(W, granularity), b, granularity)
'''

PRUNER = '''"""The first weights go; nothing is ranked, and no two layers together."""
import numpy as np
from qlab.pruning.masks import check_sparsity, check_weights, keep_largest


def in_order(W, sparsity):
    check_sparsity("in_order", sparsity)
    check_weights("in_order", W)
    if not isinstance(W, dict):
        return keep_largest(np.arange(float(W.size)).reshape(W.shape), sparsity)
    return {name: in_order(w, sparsity) for name, w in W.items()}
'''

ROW_PRUNER = '''"""The last rows go."""
import numpy as np
from qlab.pruning.masks import check_sparsity, check_weights, keep_largest


def last_rows(W, sparsity):
    check_sparsity("last_rows", sparsity)
    check_weights("last_rows", W)
    if isinstance(W, dict):
        return {name: last_rows(w, sparsity) for name, w in W.items()}
    keep = keep_largest(-np.arange(float(len(W))), sparsity)
    return np.broadcast_to(keep.reshape(-1, *[1] * (W.ndim - 1)), W.shape).copy()
'''

REPAIR = '''"""The grid of a range method, and nothing else."""
from qlab import ranges
from qlab.core.arguments import chosen
from qlab.ptq.arguments import check_spec, layer_inputs, weight_matrix
from qlab.ptq.repaired import rounded


def as_it_is(W, X, spec, *, method=ranges.mse):
    w = weight_matrix("as_it_is", W)
    layer_inputs("as_it_is", X, w.shape[1])
    check_spec("as_it_is", spec, w.shape[1])
    chosen("as_it_is", "method", method, "ranges.METHODS")
    return rounded(w, method(w, spec))
'''

CODER = '''"""Arithmetic coding from the last code to the first."""
import numpy as np
from qlab.coding.rans import rans_decode, rans_encode


def backward_encode(codes):
    return rans_encode(codes.ravel()[::-1])


def backward_decode(data, count):
    try:
        return rans_decode(data, count)[::-1].copy()
    except (TypeError, ValueError) as refusal:
        raise type(refusal)(str(refusal).replace("rans_decode", "backward_decode")) from None
'''

ROUNDING = """def away(y: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    y = float_array("away", "y", y)
    return np.asarray(np.copysign(np.ceil(np.abs(y)), y))


"""

FILES = {
    "codebooks/mid_rise.py": CODEBOOK,
    "pruning/in_order.py": PRUNER,
    "pruning/last_rows.py": ROW_PRUNER,
    "ptq/as_it_is.py": REPAIR,
    "coding/backward.py": CODER,
}
LINES = {  # by file: what stands there, and what stands before it then
    "codebooks/__init__.py": {
        "Method = Callable": "from qlab.codebooks.mid_rise import mid_rise\n",
        '    "kmeans": kmeans,\n': '    "mid_rise": mid_rise,\n',
    },
    "pruning/__init__.py": {
        "METHODS: dict": "from qlab.pruning.in_order import in_order\n"
        "from qlab.pruning.last_rows import last_rows\n",
        '    "random": random,\n': '    "in_order": in_order,\n    "last_rows": last_rows,\n',
        '"neurons", "filters")': '"last_rows", ',
    },
    "ptq/__init__.py": {
        "METHODS: dict": "from qlab.ptq.as_it_is import as_it_is\n",
        '    "gptq": gptq,\n}': '    "as_it_is": as_it_is,\n',
    },
    "coding/__init__.py": {
        "@dataclass": "from qlab.coding.backward import backward_decode, backward_encode\n",
        '    "rans": Coder': '    "backward": Coder(backward_encode, backward_decode),\n',
    },
    "core/rounding.py": {
        "ROUNDINGS: dict": ROUNDING,
        '    "floor": floor,\n': '    "away": away,\n',
    },
    "core/__init__.py": {
        "from qlab.core.spec import": "from qlab.core.rounding import away\n",
    },
}
ROOMS = {  # tests over all methods, and the names that they must have found by themselves
    "codebooks/test_methods.py": ["mid_rise"],
    "pruning/test_masks.py": ["in_order", "last_rows"],
    "ptq/test_methods.py": ["as_it_is"],
    "coding/test_damaged.py": ["backward"],
    "core/test_rounding.py": ["away"],
    "networks/test_coding.py": ["mid_rise"],
    "networks/test_packed_table.py": ["mid_rise"],
}
CHOICES = {  # by instrument: settings that only a menu with the new technique lets in
    "Quantize": [
        {"layer": "fc3", "method": "mean_std"},
        {"layer": "fc3", "grid": "mid_rise", "bits": 1},
        {"layer": "fc3", "grid": "affine", "bits": 4, "repair": "as_it_is"},
        {"layer": "fc3", "repair": "none", "rounding": "away"},
    ],
    "Prune": [
        {"network": "mlp_784_128_10", "sparsity": 0.8, "method": "in_order"},
        {"method": "magnitude", "structure": "last_rows"},
    ],
    "Grids": [{"layer": "fc3", "format": "mid_rise", "code_bits": 3, "block": "row"}],
    "Pack": [{"layer": "fc3", "bits": 3}],
    "Microscope": [{"method": "mean_std"}],
}
