"""ONNX Runtime on exported networks: the same predictions, and 8 bits against floats.

Networks of the zoo in integers (8 bits, one scale for each output, minmax on the calibration split)
are exported with QuantizeLinear and DequantizeLinear, and run beside their float export on all
10,000 test images, one thread each, in turns. "changed" counts the images that the runtime
classifies otherwise than qlab does with the same network: the float export beside the float
network, the 8-bit ones beside `IntegerNetwork`. uint8 and int8 hold the same weights; where a
processor has no VNNI the runtime's kernel for int8 weights saturates. This counts it, and promises
nothing for it.
"""

import statistics
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import one_thread, table
from benchmarks.integer import in_turns, spread

if TYPE_CHECKING:
    import onnxruntime

TITLE = (
    "ONNX Runtime, 10,000 test images, one thread: milliseconds, median (quartiles) in turns, "
    "and predictions changed"
)
NETWORKS = ("lenet_300_100", "lenet_5", "teacher_1200")
BUDGETS = {"float32": 0, "uint8": 0, "int8": None}  # predictions that may change


def run() -> list[dict[str, object]]:
    """Return one row for each network and way to write its weights."""
    from qlab import data, metrics, networks

    mnist = data.load("mnist")
    images, labels = mnist.test
    rows: list[dict[str, object]] = []
    for name in NETWORKS:
        net = networks.load(name)
        small = networks.IntegerNetwork.from_calibration(net, mnist.calibration)
        floats, integers = (one.predict(images).argmax(axis=1) for one in (net, small))
        models = {
            "float32": networks.to_onnx(net),
            "uint8": networks.to_onnx(small, "uint8"),
            "int8": networks.to_onnx(small, "int8"),
        }
        sessions = {kind: _session(model) for kind, model in models.items()}
        logits = {kind: s.run(None, {"images": images})[0] for kind, s in sessions.items()}
        ms = in_turns(
            {kind: partial(s.run, None, {"images": images}) for kind, s in sessions.items()}
        )
        for kind in models:
            beside = floats if kind == "float32" else integers
            changed = int((logits[kind].argmax(axis=1) != beside).sum())
            rows.append(
                {
                    "network": name,
                    "weights": kind,
                    "kB": len(models[kind]) / 1e3,
                    "ms": spread(ms[kind]),
                    "times faster than float32": statistics.median(ms["float32"])
                    / statistics.median(ms[kind]),
                    "beside qlab in": "floats" if kind == "float32" else "integers",
                    "changed": changed,
                    **promise(changed, BUDGETS[kind]),
                    "accuracy %": f"{100 * metrics.accuracy(logits[kind], labels).value:.2f}",
                }
            )
    return rows


def promise(changed: int, budget: int | None) -> dict[str, str]:
    """Say what is promised and whether it is kept; nothing where nothing is."""
    if budget is None:
        return {"budget": "", "kept": ""}
    return {"budget": str(budget), "kept": "yes" if changed <= budget else "no"}


def main() -> None:
    """Print the table."""
    one_thread()
    print(table(TITLE, run()))


def _session(model: bytes) -> "onnxruntime.InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    main()
