"""Decibels a bit: the SQNR of a fine, even grid on even data grows by 6.02 dB with each bit.

    SQNR = σ² / (s²/12),   s halves with each bit  ⇒  20·log₁₀ 2 = 6.02 dB                (1)

A million uniform values in [−1, 1], one scale from smallest to largest, asymmetric, so that b bits
have 2^b − 1 steps and σ²/(s²/12) = (2^b − 1)². Ten seeds; the interval is the mean's, ± 2.26
standard errors (Student's t for ten). Normal data stand beside them: there the largest value sets
the scale, and a bit is worth the same while the level is lower.
"""

import math

import numpy as np

from benchmarks import table

TITLE = "SQNR of an asymmetric minmax grid on a million values, dB: mean of ten seeds ± 95 %"
BITS, SEEDS, VALUES = range(2, 13), 10, 1_000_000
STUDENT = 2.262  # 97.5 % point of t with nine degrees of freedom


def run() -> list[dict[str, object]]:
    """Return a row for each number of bits."""
    found = {name: np.array([_decibels(name, seed) for seed in range(SEEDS)]) for name in DRAWS}
    rows: list[dict[str, object]] = []
    for k, bits in enumerate(BITS):
        row: dict[str, object] = {"bits": bits}
        for name, decibels in found.items():
            row[name] = _interval(decibels[:, k])
            gains = decibels[:, k] - decibels[:, k - 1]
            row[f"{name}, more than one bit less"] = _interval(gains) if k else ""
        rows.append(row | {"by equation 1, uniform": round(20 * math.log10(2**bits - 1), 2)})
    return rows


DRAWS = {
    "uniform": lambda rng: rng.uniform(-1, 1, VALUES),
    "normal": lambda rng: rng.normal(0, 1, VALUES),
}


def _decibels(name: str, seed: int) -> list[float]:
    from qlab import core, metrics, ranges

    x = DRAWS[name](np.random.default_rng(seed)).astype(np.float32)
    specs = (core.QuantSpec(bits=bits, symmetric=False) for bits in BITS)
    return [metrics.sqnr(x, core.fake_quantize(x, ranges.minmax(x, spec))) for spec in specs]


def _interval(decibels: np.ndarray) -> str:
    error = STUDENT * decibels.std(ddof=1) / math.sqrt(len(decibels))
    return f"{decibels.mean():.3f} ± {error:.3f}"


def main() -> None:
    """Print the table."""
    print(table(TITLE, run()))


if __name__ == "__main__":
    main()
