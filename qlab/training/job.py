"""One training as a process: a JSON request on stdin, JSON lines on stdout.

    {"task": "fine_tune", "network": "net.safetensors", "masks": "masks.safetensors",
     "dataset": "mnist", "epochs": 3, "seed": 0, "output": "best.safetensors"}
    ← {"event": "started"}                                      before torch is loaded
    ← {"event": "progress", "epoch": 1, "step": 12, …}          at least every 0.3 s
    ← {"event": "best", "epoch": 1, "validation_accuracy": 0.98, "path": "best.safetensors"}
    ← {"event": "done", "test": {"value": 0.98, "low": …}, …}   or "failed" with one sentence

The task "quantize" takes method, weight_bits, activation_bits and resume of ``train_quantized``.
The line ``stop``, or the end of stdin because whoever asked is gone, ends the training after the
step under way; the best so far is kept. So the kernel of a page never loads torch, and stopping
needs no more than closing a pipe. The process asks for one thread and a lower priority:
the page that waits for it stays quick.
"""

import contextlib
import json
import math
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from qlab.metrics import Measured
    from qlab.networks import Network
    from qlab.training import Epoch, Fitted, Progress

INTERVAL = 0.2  # seconds between two progress lines
TASKS = ("fit", "fine_tune", "distill", "quantize")
_REQUEST = {  # field: (types, whether null or absence is allowed)
    "task": ((str,), False),
    "network": ((str,), False),
    "output": ((str,), False),
    "dataset": ((str,), True),
    "masks": ((str,), True),
    "teacher": ((str,), True),
    "temperature": ((int, float), True),
    "alpha": ((int, float), True),
    "method": ((str,), True),  # the next four are those of ``train_quantized``
    "weight_bits": ((int,), True),
    "activation_bits": ((int,), True),
    "resume": ((str,), True),
    "threads": ((int,), True),
}


class Job:
    """Does what a line asks, and listens for another that stops it.

    Parameters
    ----------
    lines
        The request, then perhaps ``stop``.
    answer
        Called with each line of JSON.
    """

    def __init__(self, lines: Iterator[str], answer: Callable[[str], object]) -> None:
        self.lines, self.answer = lines, answer
        self.stop = threading.Event()
        self.told = -math.inf

    def run(self) -> int:
        """Do the job; return the exit status, 0 for done and 1 for failed."""
        try:
            request = checked(next(self.lines, ""))
            self.say("started")
            threading.Thread(target=self._listen, daemon=True).start()
            self.say("done", **self._train(request))
        except BrokenPipeError:  # whoever asked is gone
            return 1
        except Exception as error:  # the last door: all that went wrong becomes one sentence
            if not isinstance(error, OSError | ValueError | TypeError | ArithmeticError):
                traceback.print_exc(file=sys.stderr)
            with contextlib.suppress(BrokenPipeError):
                self.say("failed", message=sentence(error))
            return 1
        return 0

    def say(self, event: str, **values: Any) -> None:
        """Write one line; a number that JSON can't say becomes null."""
        finite = {k: None if v != v else v for k, v in values.items()}
        self.answer(json.dumps({"event": event, **finite}))

    def _listen(self) -> None:
        for line in self.lines:
            if line.strip() == "stop":
                break
        self.stop.set()  # at the end of stdin too

    def _progress(self, progress: "Progress") -> None:
        now = time.monotonic()
        if now - self.told >= INTERVAL or progress.step == progress.steps:
            self.told = now
            self.say("progress", **asdict(progress))

    def _train(self, request: Mapping[str, Any]) -> dict[str, Any]:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        import torch

        from qlab import data, metrics, networks, training

        torch.set_num_threads(request.get("threads") or 1)
        dataset = data.load(request.get("dataset", "mnist"))
        output = Path(request["output"])

        def on_best(network: "Network", row: "Epoch") -> None:
            networks.save(network, output)  # all of it or nothing
            self.say(
                "best",
                epoch=row.epoch,
                validation_accuracy=row.validation.value,
                path=str(output),
            )

        given = {
            "on_progress": self._progress,
            "on_best": on_best,
            "should_stop": self.stop.is_set,
            **{f.name: request[f.name] for f in fields(training.Plan) if f.name in request},
        }
        network = _network(request)
        masks = _masks(request)
        if request["task"] == "distill":
            fitted = training.distill(
                network,
                _named("teacher", request.get("teacher") or "teacher_1200"),
                dataset,
                float(request.get("temperature", 4)),
                float(request.get("alpha", 0.9)),
                masks=masks,
                **given,
            )
        elif request["task"] == "fine_tune":
            fitted = training.fine_tune(network, masks, dataset, **given)
        elif request["task"] == "quantize":
            fitted = training.train_quantized(network, dataset, **_bits(request), **given)
        else:
            fitted = training.fit(network, dataset, masks=masks, **given)
        return result(fitted, metrics.accuracy(fitted.network, dataset.test), output)


def checked(line: str) -> dict[str, Any]:
    """Return the request in a line of JSON.

    Raises
    ------
    ValueError
        If the line is no JSON object, or a field is missing, unknown or of another type.

    Examples
    --------
    >>> checked('{"task": "fly"}')
    Traceback (most recent call last):
    ValueError: job: network must be given, got a request without it.
    """
    try:
        request = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        raise ValueError(f"job: the request must be one line of JSON, got {line[:40]!r}.") from None
    if not isinstance(request, dict):
        raise ValueError(f"job: the request must be a JSON object, got {line[:40]!r}.")
    for name, (types, optional) in _REQUEST.items():
        value = request.get(name)
        if value is None and not optional:
            raise ValueError(f"job: {name} must be given, got a request without it.")
        if value is not None and (isinstance(value, bool) or not isinstance(value, types)):
            words = " or ".join(t.__name__ for t in types)
            raise ValueError(f"job: {name} must be {words}, got ({name}={value!r}).")
    if request["task"] not in TASKS:
        raise ValueError(
            f"job: task must be one of {', '.join(TASKS)}, got (task={request['task']!r})."
        )
    if request["task"] == "fine_tune" and request.get("masks") is None:
        raise ValueError("job: fine_tune must be given masks, got none.")
    if request["task"] == "quantize" and request.get("masks") is not None:
        raise ValueError("job: quantize must be given no masks: it would not hold them.")
    unknown = sorted(set(request) - set(_REQUEST) - set(_PLAN))
    if unknown:
        raise ValueError(
            f"job: fields must be among {', '.join((*_REQUEST, *_PLAN))}, got {', '.join(unknown)}."
        )
    return {name: value for name, value in request.items() if value is not None}


_PLAN = (  # checked by qlab.training.Plan, whose fields they are
    "epochs",
    "batch_size",
    "optimizer",
    "lr",
    "schedule",
    "momentum",
    "weight_decay",
    "max_norm",
    "dropout",
    "jitter",
    "train_images",
    "patience",
    "seed",
)


def sentence(error: Exception) -> str:
    """Return what a page may show of an error: one line, no traceback."""
    if isinstance(error, OSError | ValueError | TypeError | ArithmeticError) and str(error):
        return " ".join(str(error).split())
    return f"job: training failed ({type(error).__name__}). The log says more."


def result(fitted: "Fitted", test: "Measured", output: Path) -> dict[str, Any]:
    """Return what "done" says; test was measured once, after everything was chosen."""
    return {
        "path": str(output),
        "best_epoch": fitted.best_epoch,
        "stopped": fitted.stopped,
        "seed": fitted.seed,
        "seconds": fitted.seconds,
        "history": [
            {"epoch": row.epoch, "validation_accuracy": row.validation.value}
            for row in fitted.history
        ],
        "validation": asdict(fitted.validation),
        "test": asdict(test),
    }


def _bits(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``train_quantized`` is told besides its plan."""
    told = {n: request[n] for n in ("method", "weight_bits", "activation_bits") if n in request}
    return told | ({"resume": Path(request["resume"])} if "resume" in request else {})


def _network(request: Mapping[str, Any]) -> "Network":
    """Return the network to start from: a file, or a name.

    A name means the zoo's trained network for what goes on from one, fine_tune and quantize.
    """
    import numpy as np

    from qlab import networks

    name = request["network"]
    if request["task"] not in ("fine_tune", "quantize") and not Path(name).exists():
        return networks.build(name, np.random.default_rng(request.get("seed", 0)))
    return _named("network", name)


def _named(field: str, name: str) -> "Network":
    from qlab import networks

    if name in networks.ZOO:
        return networks.load(name)
    if not Path(name).is_file():
        raise ValueError(
            f"job: {field} must be a file or one of {', '.join(networks.ZOO)}, "
            f"got ({field}={Path(name).name!r})."
        )
    return networks.read(Path(name))


def _masks(request: Mapping[str, Any]) -> "dict[str, np.ndarray]":
    import safetensors
    from safetensors.numpy import load_file

    path = request.get("masks")
    if path is None:
        return {}
    if not Path(path).is_file():
        raise ValueError(f"job: masks must be a file, got (masks={Path(path).name!r}).")
    try:
        return {name: mask.astype(bool) for name, mask in load_file(path).items()}
    except safetensors.SafetensorError:
        raise ValueError(
            f"job: masks must be a safetensors file, got (masks={Path(path).name!r})."
        ) from None


def main() -> int:
    """Do the request on stdin. All else that is printed goes to stderr."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library's print is no answer
    if hasattr(os, "nice"):
        os.nice(5)
    return Job(sys.stdin, lambda line: print(line, file=answers, flush=True)).run()


if __name__ == "__main__":
    sys.exit(main())
