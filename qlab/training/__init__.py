"""PyTorch: whatever needs a gradient. No other room imports torch.

    Network → nn.Module → minibatches → Network

The names below load torch on first use, so that ``python -m qlab.training.job`` can answer
before it does.

>>> import qlab
>>> digits = qlab.data.load("digits")
>>> qlab.training.fit  # doctest: +ELLIPSIS
<function fit at ...>
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qlab.training.distilling import distill, distillation_loss
    from qlab.training.fine_tuning import fine_tune
    from qlab.training.fitting import fit
    from qlab.training.hessian import hessian_traces, hutchinson_traces
    from qlab.training.jitter import Jitter
    from qlab.training.module import from_module, to_module
    from qlab.training.plan import Plan
    from qlab.training.progress import Epoch, Fitted, Progress
    from qlab.training.qat import METHODS, Method, train_quantized
    from qlab.training.straight_through import fake_quantize
    from qlab.training.vision import fetch

_FILES = {
    "METHODS": "qat",
    "Epoch": "progress",
    "Fitted": "progress",
    "Jitter": "jitter",
    "Method": "qat",
    "Plan": "plan",
    "Progress": "progress",
    "distill": "distilling",
    "distillation_loss": "distilling",
    "fake_quantize": "straight_through",
    "fetch": "vision",
    "fine_tune": "fine_tuning",
    "fit": "fitting",
    "from_module": "module",
    "hessian_traces": "hessian",
    "hutchinson_traces": "hessian",
    "to_module": "module",
    "train_quantized": "qat",
}

__all__ = [
    "METHODS",
    "Epoch",
    "Fitted",
    "Jitter",
    "Method",
    "Plan",
    "Progress",
    "distill",
    "distillation_loss",
    "fake_quantize",
    "fetch",
    "fine_tune",
    "fit",
    "from_module",
    "hessian_traces",
    "hutchinson_traces",
    "to_module",
    "train_quantized",
]


def __getattr__(name: str) -> Any:
    if name in _FILES:
        return getattr(importlib.import_module(f"qlab.training.{_FILES[name]}"), name)
    raise AttributeError(f"module 'qlab.training' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
