"""qlab: a laboratory where people see neural networks being compressed.

The folder names the topic, the file the technique, the docstring the equation.
Subpackages load on first use, so ``import qlab`` costs nothing and never imports torch.
"""

import importlib
from types import ModuleType

__version__ = "0.1.0"

_ROOMS = (
    "core",
    "metrics",
    "ranges",
    "codebooks",
    "ptq",
    "pruning",
    "distillation",
    "coding",
    "networks",
    "data",
    "training",
    "plots",
    "live",
    "course",
)

__all__ = ["__version__", *_ROOMS]


def __getattr__(name: str) -> ModuleType:
    if name in _ROOMS:
        return importlib.import_module(f"qlab.{name}")
    raise AttributeError(f"module 'qlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
