"""Real data, its splits, and the guard that keeps the test split a measurement.

>>> import qlab
>>> mnist = qlab.data.load("mnist")
>>> mnist.test
Split(name='mnist', role='test', images=(10000, 1, 28, 28))
"""

from qlab.data.dataset import NAMES, Dataset, load
from qlab.data.digests import root
from qlab.data.prepare import prepare
from qlab.data.split import ROLES, Split
from qlab.data.store import store

__all__ = ["NAMES", "ROLES", "Dataset", "Split", "load", "prepare", "root", "store"]
