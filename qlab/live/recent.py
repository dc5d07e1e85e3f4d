"""What was computed last and may be asked for again, as much of it as memory should hold."""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

__all__ = ["Recent"]

K = TypeVar("K")
V = TypeVar("V")


class Recent(OrderedDict[K, V]):
    """A dictionary that drops what was used longest ago.

    Parameters
    ----------
    most
        How many entries it holds.

    Examples
    --------
    >>> kept = Recent(2)
    >>> kept["a"], kept["b"] = 1, 2
    >>> kept.find("a", lambda: "made anew"), kept.find("c", lambda: 3)
    (1, 3)
    >>> list(kept)  # "b" was used longest ago
    ['a', 'c']
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def __getitem__(self, key: K) -> V:
        value = super().__getitem__(key)
        self.move_to_end(key)
        return value

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        while len(self) > self.most:
            del self[next(iter(self))]

    def find(self, key: K, make: Callable[[], V]) -> V:
        """Return what was made for this key before, or make it."""
        if key not in self:
            self[key] = make()
        return self[key]
