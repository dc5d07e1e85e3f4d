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
    from qlab.training.jitter import Jitter
    from qlab.training.module import from_module, to_module
    from qlab.training.plan import Plan
    from qlab.training.progress import Epoch, Fitted, Progress
    from qlab.training.vision import fetch

_FILES = {
    "Epoch": "progress",
    "Fitted": "progress",
    "Jitter": "jitter",
    "Plan": "plan",
    "Progress": "progress",
    "distill": "distilling",
    "distillation_loss": "distilling",
    "fetch": "vision",
    "fine_tune": "fine_tuning",
    "fit": "fitting",
    "from_module": "module",
    "to_module": "module",
}

__all__ = [
    "Epoch",
    "Fitted",
    "Jitter",
    "Plan",
    "Progress",
    "distill",
    "distillation_loss",
    "fetch",
    "fine_tune",
    "fit",
    "from_module",
    "to_module",
]


def __getattr__(name: str) -> Any:
    if name in _FILES:
        return getattr(importlib.import_module(f"qlab.training.{_FILES[name]}"), name)
    raise AttributeError(f"module 'qlab.training' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
