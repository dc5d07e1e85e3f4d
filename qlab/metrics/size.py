"""Bytes: what a network takes, with everything counted that its reader needs.

    dense            4·n                                                              (1)
    packed           ⌈n·b/8⌉ + 4·scales + ⌈zero points·b/8⌉                           (2)
    bitmap           ⌈n/8⌉ + values kept                                              (3)
    relative index   ⌈entries·g/8⌉ + values of all entries                            (4)
                     a gap d between kept weights costs ⌈d/2^g⌉ entries; all but the last are
                     filler zeros, which are stored like values

Kept values take 4 bytes, or b bits where they are quantized too. Biases stay float32.

Source of (4): Han, Mao and Dally 2016, arXiv:1510.00149, section 2 and figure 2: gaps of
g = 5 bits for fully connected, 8 bits for convolution layers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from qlab.core import QParams, packed_bytes

QParamsByLayer = Mapping[str, QParams]


@runtime_checkable
class Stored(Protocol):
    """Weights that know what they take: ``qlab.codebooks.Coded``, ``qlab.ptq.Repaired``."""

    @property
    def bytes(self) -> "Bytes":
        """Codes with everything that their reader needs."""
        ...


@runtime_checkable
class Weighted(Protocol):
    """Anything with named weights and biases."""

    @property
    def weights(self) -> Mapping[str, np.ndarray]:
        """Weights by layer."""
        ...

    @property
    def biases(self) -> Mapping[str, np.ndarray]:
        """Biases by layer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """Bytes by part.

    Parameters
    ----------
    values
        Weights as float32.
    codes
        Weights as packed codes.
    scales, zero_points, levels
        What codes need to become weights again. Factors of inputs are scales, and a real offset is
        a zero point that is no integer.
    mask
        One bit a weight, that says which are stored.
    index
        Gaps between stored weights.
    biases
        Biases as float32.
    """

    values: int = 0
    codes: int = 0
    scales: int = 0
    zero_points: int = 0
    mask: int = 0
    index: int = 0
    biases: int = 0
    levels: int = 0

    @property
    def total(self) -> int:
        """Sum of the parts."""
        return sum(getattr(self, field.name) for field in fields(self))

    def __add__(self, other: "Bytes") -> "Bytes":
        return Bytes(
            **{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        )


def bytes_dense(net: Weighted) -> Bytes:
    """Every weight as float32, equation 1.

    Parameters
    ----------
    net
        Anything with ``.weights`` and ``.biases``.

    Returns
    -------
    size
        ``.total`` and its parts.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> net = SimpleNamespace(weights={"fc1": np.zeros((3, 4))}, biases={"fc1": np.zeros(3)})
    >>> bytes_dense(net).total
    60
    """
    return bytes_packed(net, {})


def bytes_packed(net: Weighted, qparams: Mapping[str, QParams | Stored]) -> Bytes:
    """Weights as packed codes with their scales and zero points, equation 2.

    Parameters
    ----------
    net
        Anything with ``.weights`` and ``.biases``.
    qparams
        By layer; a layer without stays float32. Symmetric quantizers store no zero points.
        ``Coded`` and ``Repaired`` weights in their place count what they need beside: all of it is
        ``small.bytes`` of what ``code_weights``, ``quantize_weights`` and ``repair`` return.

    Returns
    -------
    size
        ``.total`` and its parts.

    Raises
    ------
    ValueError
        ``qparams`` names a layer that there is not.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from qlab.core import QuantSpec
    >>> net = SimpleNamespace(weights={"fc1": np.zeros((3, 4))}, biases={"fc1": np.zeros(3)})
    >>> one = QParams(np.array(0.1), np.array(0), QuantSpec(bits=4))
    >>> bytes_packed(net, {"fc1": one})
    Bytes(values=0, codes=6, scales=4, zero_points=0, mask=0, index=0, biases=12, levels=0)
    """
    _check_layers("bytes_packed", net, qparams)
    stored = (_stored(w.size, qparams.get(name)) for name, w in net.weights.items())
    return sum(stored, _biases(net))


def bytes_bitmap(net: Weighted, qparams: QParamsByLayer | None = None) -> Bytes:
    """Kept weights and one bit for every weight that says whether it is kept, equation 3.

    Parameters
    ----------
    net
        Anything with ``.weights``, zero where pruned, and ``.biases``.
    qparams
        By layer, where the kept weights are stored as codes.

    Returns
    -------
    size
        ``.total`` and its parts.

    Raises
    ------
    ValueError
        ``qparams`` names a layer that there is not.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> net = SimpleNamespace(weights={"fc1": np.eye(8)}, biases={})
    >>> bytes_bitmap(net)
    Bytes(values=32, codes=0, scales=0, zero_points=0, mask=8, index=0, biases=0, levels=0)
    """
    qparams = qparams or {}
    _check_layers("bytes_bitmap", net, qparams)
    size = _biases(net)
    for name, w in net.weights.items():
        kept = int(np.count_nonzero(w))
        size += _stored(kept, qparams.get(name)) + Bytes(mask=packed_bytes(w.size, 1))
    return size


def bytes_relative_index(net: Weighted, qparams: QParamsByLayer | None = None) -> Bytes:
    """Kept weights and the gaps between them, equation 4.

    Parameters
    ----------
    net
        Anything with ``.weights``, zero where pruned, and ``.biases``.
    qparams
        By layer, where the kept weights are stored as codes.

    Returns
    -------
    size
        ``.total`` and its parts; filler zeros are counted as values (or codes) and in the index.

    Raises
    ------
    ValueError
        ``qparams`` names a layer that there is not.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> net = SimpleNamespace(weights={"fc1": np.eye(8)}, biases={})
    >>> bytes_relative_index(net)                   # 8 gaps of 5 bits
    Bytes(values=32, codes=0, scales=0, zero_points=0, mask=0, index=5, biases=0, levels=0)
    """
    qparams = qparams or {}
    _check_layers("bytes_relative_index", net, qparams)
    size = _biases(net)
    for name, w in net.weights.items():
        g = 8 if w.ndim == 4 else 5
        entries = relative_entries(w, g)
        size += _stored(entries, qparams.get(name)) + Bytes(index=packed_bytes(entries, g))
    return size


def relative_entries(w: Float[np.ndarray, "..."], gap_bits: int) -> int:
    """Entries of the relative index: kept weights and filler zeros.

    Parameters
    ----------
    w
        Weights, zero where pruned; read in C order.
    gap_bits
        g; a gap is 1 … 2^g, the first counted from just before the first weight.

    Returns
    -------
    entries
        Σ ⌈gap/2^g⌉; zeros after the last kept weight need no entry.

    Examples
    --------
    >>> w = np.zeros(16)
    >>> w[[1, 4, 15]] = 3.4, 0.9, 1.7           # figure 2 of arXiv:1510.00149: one filler zero
    >>> relative_entries(w, gap_bits=3)
    4
    """
    gaps = np.diff(np.flatnonzero(w != 0), prepend=-1)  # bools: ten times quicker than floats
    return int(np.sum(-(-gaps >> gap_bits)))  # ⌈d/2^g⌉


def bytes_coded(count: int, qparams: QParams) -> Bytes:
    """Codes with their scales and zero points, equation 2.

    Parameters
    ----------
    count
        n, how many codes.
    qparams
        What they mean.

    Returns
    -------
    size
        ``.total`` and its parts.

    Examples
    --------
    >>> from qlab.core import QuantSpec
    >>> bytes_coded(12, QParams(np.array(0.1), np.array(0), QuantSpec(bits=4))).total
    10
    """
    spec, blocks = qparams.spec, qparams.scale.size
    return Bytes(
        codes=packed_bytes(count, spec.bits),
        scales=4 * blocks,
        zero_points=0 if spec.symmetric else packed_bytes(blocks, spec.bits),
    )


def _stored(count: int, qparams: QParams | Stored | None) -> Bytes:
    """``count`` weights as float32, or as codes with what belongs to them; equations 1 and 2."""
    if qparams is None:
        return Bytes(values=4 * count)
    return qparams.bytes if isinstance(qparams, Stored) else bytes_coded(count, qparams)


def _biases(net: Weighted) -> Bytes:
    """Biases as float32."""
    return Bytes(biases=4 * sum(b.size for b in net.biases.values()))


def _check_layers(function: str, net: Weighted, qparams: Mapping[str, object]) -> None:
    """Refuse quantization parameters of layers that there are not."""
    unknown = sorted(set(qparams) - set(net.weights))
    if unknown:
        raise ValueError(
            f"{function}: qparams must name layers of the network, got {unknown}. "
            f"Its layers are {sorted(net.weights)}."
        )
