"""How long an app waits for its images and its network: a fresh process, then each step."""

import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import table

TITLE = "Loading in a fresh process, milliseconds: median (least to most)"
STARTS = 5
BUDGET = 500.0  # for what an app needs: the test and the calibration split

_STEPS = """
import json, time
times = {}
def step(name, f):
    began = time.perf_counter(); f(); times[name] = (time.perf_counter() - began) * 1e3
def imports():
    global data
    from qlab import data, networks
step("import qlab.data and qlab.networks", imports)
mnist = data.load("mnist")
step("test split", lambda: mnist.test)
step("calibration split", lambda: mnist.calibration)
step("train split", lambda: mnist.train)
step("validation split", lambda: mnist.validation)
print(json.dumps(times))
"""


def run() -> list[dict[str, object]]:
    """Return one row for each step, and one for what an app needs."""
    starts = [_start() for _ in range(STARTS)]
    rows = {step: [start[step] for start in starts] for step in starts[0]}
    app = [start["test split"] + start["calibration split"] for start in starts]
    steps: list[dict[str, object]] = [
        {"step": s, "ms": _spread(t), "budget": "", "kept": ""} for s, t in rows.items()
    ]
    kept = "yes" if statistics.median(app) <= BUDGET else "no"
    last = {"step": "test and calibration split", "ms": _spread(app)}
    return [*steps, {**last, "budget": f"{BUDGET:.0f}", "kept": kept}]


def main() -> None:
    """Print the table."""
    print(table(TITLE, run()))


def _start() -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", _STEPS],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def _spread(milliseconds: list[float]) -> str:
    median = statistics.median(milliseconds)
    return f"{median:.0f} ({min(milliseconds):.0f} to {max(milliseconds):.0f})"


if __name__ == "__main__":
    main()
