"""GPTQ of a 1024×1024 layer: qlab's against the authors' algorithm in plain torch, in turns.

The torch version follows the authors' repository line by line: float32, two Cholesky factorizations
and an inverse, a rank-one update of the block for each column. Both start from the same W and H's
inputs, quantize to 4 bits with one minmax scale a row, and get one thread.
"""

import statistics
from typing import TYPE_CHECKING

from benchmarks import one_thread, table
from benchmarks.inference import _in_turns, _no_slower, _spread

if TYPE_CHECKING:
    import torch

TITLE = "GPTQ of a 1024×1024 layer on 2,048 inputs, milliseconds: median (quartiles)"
SIZE, ROWS, BITS, BLOCK, PERCDAMP = 1024, 2048, 4, 128, 0.01


def run() -> list[dict[str, object]]:
    """Return one row."""
    import numpy as np
    import torch

    from qlab import ptq, ranges
    from qlab.core import PerAxis, QuantSpec

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    W = rng.normal(size=(SIZE, SIZE)).astype(np.float32)
    X = (rng.normal(size=(ROWS, SIZE)) @ rng.normal(size=(SIZE, SIZE)) / 32).astype(np.float32)
    spec = QuantSpec(bits=BITS, granularity=PerAxis(0))
    scale = torch.tensor(ranges.minmax(W, spec).scale)
    weight, inputs = torch.tensor(W), torch.tensor(X)
    kept: dict[str, np.ndarray] = {}

    def ours() -> None:
        kept["qlab"] = ptq.gptq(W, X, spec, method=ranges.minmax).dequantize()

    def theirs() -> None:
        kept["torch"] = in_torch(weight, inputs, scale, spec.quant_max).numpy()

    ours_ms, theirs_ms = _in_turns(ours, theirs)
    errors = {name: ptq.output_error(W, found, X) for name, found in kept.items()}
    return [
        {
            "qlab": _spread(ours_ms),
            "torch": _spread(theirs_ms),
            "torch / qlab": round(statistics.median(theirs_ms) / statistics.median(ours_ms), 2),
            "no slower": _no_slower(ours_ms, theirs_ms),
            "output error, qlab / torch": round(errors["qlab"] / errors["torch"], 4),
        }
    ]


def in_torch(
    W: "torch.Tensor", X: "torch.Tensor", scale: "torch.Tensor", quant_max: int
) -> "torch.Tensor":
    """Return Ŵ: arXiv:2210.17323, algorithm 1, as the authors wrote it for one layer."""
    import torch

    W, Q = W.clone(), torch.zeros_like(W)
    H = 2 / len(X) * X.T @ X
    H += PERCDAMP * H.diagonal().mean() * torch.eye(len(H))
    H = torch.cholesky_inverse(torch.linalg.cholesky(H))
    U = torch.linalg.cholesky(H, upper=True)
    for begin in range(0, W.shape[1], BLOCK):
        end = min(begin + BLOCK, W.shape[1])
        block, part = W[:, begin:end].clone(), U[begin:end, begin:end]
        errors = torch.zeros_like(block)
        for j in range(end - begin):
            w = block[:, j]
            q = scale * torch.clamp(torch.round(w / scale), -quant_max, quant_max)
            Q[:, begin + j] = q
            error = (w - q) / part[j, j]
            block[:, j:] -= error[:, None] @ part[j, j:][None]
            errors[:, j] = error
        W[:, end:] -= errors @ U[begin:end, end:]
    return Q


def main() -> None:
    """Print the table."""
    one_thread()
    print(table(TITLE, run()))


if __name__ == "__main__":
    main()
