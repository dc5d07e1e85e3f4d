import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from qlab import data, metrics, networks, pruning
from qlab.training import job
from tests.training.workbench import dense


class Client:
    """Whoever asks: a process, its answers, and the seconds between them."""

    def __init__(self, request: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "qlab.training.job"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = request if isinstance(request, str) else json.dumps(request)
        self.tell(line)

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answers(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line)

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            if not pipe.closed:
                pipe.close()
        self.process.wait()


@pytest.fixture
def ask() -> Iterator[Any]:
    clients: list[Client] = []

    def start(request: object) -> Client:
        clients.append(Client(request))
        return clients[-1]

    yield start
    for client in clients:
        client.process.kill()
        client.close()


@pytest.fixture
def request_(tmp_path: Path) -> dict[str, Any]:
    net = dense()
    masks = pruning.magnitude(dict(net.weights), 0.5)
    networks.save(net, tmp_path / "net.safetensors")
    save_file({k: m.astype(np.uint8) for k, m in masks.items()}, tmp_path / "masks.safetensors")
    return {
        "task": "fine_tune",
        "network": str(tmp_path / "net.safetensors"),
        "masks": str(tmp_path / "masks.safetensors"),
        "teacher": None,
        "dataset": "digits",
        "epochs": 2,
        "seed": 1,
        "lr": 0.01,
        "output": str(tmp_path / "best.safetensors"),
    }


def test_a_job_tells_its_way_and_leaves_the_best_network(ask: Any, request_: Any) -> None:
    client = ask(request_)
    answers = list(client.answers())
    events = [answer["event"] for answer in answers]
    assert events[0] == "started"
    assert events[-1] == "done"
    assert {"progress", "best"} <= set(events)
    assert client.process.wait() == 0

    net = networks.read(request_["output"])
    digits, done = data.load("digits"), answers[-1]
    assert done["test"]["value"] == metrics.accuracy(net, digits.test).value
    assert done["validation"]["value"] == metrics.accuracy(net, digits.validation).value
    assert done["test"]["n"] == 360
    best = [answer for answer in answers if answer["event"] == "best"][-1]
    assert (best["epoch"], best["path"]) == (done["best_epoch"], request_["output"])
    assert best["validation_accuracy"] == done["validation"]["value"]
    progress = next(answer for answer in answers if answer["event"] == "progress")
    assert set(progress) == {
        *("event", "epoch", "epochs", "step", "steps", "loss"),
        *("validation_accuracy", "seconds", "seconds_left"),
    }
    for W in net.weights.values():
        assert np.count_nonzero(W) <= np.ceil(W.size / 2)


def test_stop_ends_a_long_training_and_keeps_the_best(ask: Any, request_: Any) -> None:
    client = ask({**request_, "epochs": 100_000})
    answers = client.answers()
    for answer in answers:
        if answer["event"] == "progress":
            client.tell("stop")
            break
    last = list(answers)[-1]
    assert last["event"] == "done"
    assert last["stopped"] is True
    net = networks.read(request_["output"])
    assert last["test"]["value"] == metrics.accuracy(net, data.load("digits").test).value


def test_a_job_ends_when_whoever_asked_is_gone(ask: Any, request_: Any) -> None:
    client = ask({**request_, "epochs": 100_000})
    for answer in client.answers():
        if answer["event"] == "best":
            break
    client.process.stdin.close()
    client.process.stdout.close()
    client.process.wait(timeout=30)
    assert networks.read(request_["output"]).parameters == dense().parameters


def test_started_is_said_before_torch_is_loaded(request_: Any) -> None:
    code = (
        "import sys\n"
        "from qlab.training import job\n"
        "def answer(line):\n"
        "    sys.exit('torch' in sys.modules)\n"
        "job.Job(iter([sys.argv[1]]), answer).run()\n"
    )
    command = [sys.executable, "-c", code, json.dumps(request_)]
    assert subprocess.run(command, check=False).returncode == 0


def endless(request: dict[str, Any]) -> Iterator[str]:
    """The request, and nothing after it: stdin stays open."""
    yield json.dumps(request) + "\n"
    threading.Event().wait()


def answer_to(request: str | dict[str, Any]) -> dict[str, Any]:
    answers: list[str] = []
    line = request if isinstance(request, str) else json.dumps(request)
    lines = iter([line]) if isinstance(request, str) else endless(request)
    status = job.Job(lines, answers.append).run()
    last: dict[str, Any] = json.loads(answers[-1])
    assert (status == 0) == (last["event"] == "done")
    return last


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task": "fly"}, "task must be one of fit, fine_tune, distill, quantize"),
        ({"task": None}, "task must be given"),
        ({"masks": None}, "fine_tune must be given masks"),
        ({"masks": "nowhere.safetensors"}, "masks must be a file, got (masks='nowhere"),
        ({"network": "nowhere"}, "network must be a file or one of"),
        ({"network": 3}, "network must be str, got (network=3)"),
        ({"output": None}, "output must be given"),
        ({"dataset": "letters"}, "name must be one of"),
        ({"task": "distill", "teacher": "nobody"}, "teacher must be a file or one of"),
        ({"temperature": "hot"}, "temperature must be int or float"),
        ({"train_images": 0}, "train_images must be an integer of at least 1"),
        ({"colour": "red"}, "got colour"),
        ({"network": __file__}, "read: file must hold a network"),
    ],
)
def test_a_bad_request_is_answered_by_one_sentence(
    change: dict[str, Any], words: str, request_: Any
) -> None:
    answer = answer_to({**request_, **change})
    assert answer["event"] == "failed"
    assert words in answer["message"]
    assert "\n" not in answer["message"]
    assert "Traceback" not in answer["message"]


@pytest.mark.parametrize(
    "line",
    ["", "{", "[1, 2]", "null", "stop", "\x00" * 50, "[" * 100_000],
    ids=["empty", "open", "list", "null", "stop", "zeros", "deep"],
)
def test_a_line_that_is_no_request_is_answered_by_one_sentence(line: str) -> None:
    answer = answer_to(line)
    assert answer["event"] == "failed"
    assert answer["message"].startswith("job: the request must be")


def test_plans_of_wrong_types_are_refused_in_a_process_without_the_shape_checker(
    request_: Any,
) -> None:
    said = {
        "epochs must be an integer of at least 1, got (epochs=2.5)": {"epochs": 2.5},
        "seed must be an integer": {"seed": "x"},
        "lr must be above 0": {"lr": True},
    }
    lines = [json.dumps({**request_, **change}) for change in said.values()]
    code = "import sys\nfrom qlab.training import job\n"
    code += "for line in sys.argv[1:]: job.Job(iter([line]), print).run()\n"  # one process for all
    command = [sys.executable, "-c", code, *lines]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    last = [a for a in map(json.loads, done.stdout.splitlines()) if a["event"] != "started"]
    assert [answer["event"] for answer in last] == ["failed"] * 3
    for words, answer in zip(said, last, strict=True):
        assert words in answer["message"]


def test_a_damaged_file_and_a_full_folder_are_told_by_one_sentence(
    request_: Any, tmp_path: Path
) -> None:
    masks = tmp_path / "damaged.safetensors"
    masks.write_bytes(b"no header")
    message = answer_to({**request_, "masks": str(masks)})["message"]
    assert message == "job: masks must be a safetensors file, got (masks='damaged.safetensors')."
    message = answer_to({**request_, "output": str(tmp_path / "no" / "best")})["message"]
    assert "save: file could not be written" in message
    assert str(tmp_path) not in message


def test_fewer_training_images_are_used_when_asked(request_: Any) -> None:
    request_.update(train_images=64, epochs=1, batch_size=16)
    answers: list[str] = []
    job.Job(endless(request_), answers.append).run()
    told = [json.loads(line) for line in answers]
    assert {a["steps"] for a in told if a["event"] == "progress"} == {4}  # 64 / 16


def test_a_student_is_built_from_its_name_and_hears_the_teacher(request_: Any) -> None:
    request_.update(task="distill", network="student_30", teacher="mlp_784_128_10", masks=None)
    request_.update(dataset="mnist", train_images=500, epochs=1, temperature=4, alpha=0.9)
    answer = answer_to(request_)
    assert answer["event"] == "done"
    assert networks.read(request_["output"]).name == "student_30"


def test_progress_is_told_often_and_not_always(
    request_: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[str] = []
    waiter = job.Job(iter([]), answers.append)
    clock = iter(np.arange(0, 10, 0.05))  # 20 steps a second
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    for step in range(1, 101):
        from qlab.training import Progress

        waiter._progress(Progress(1, 1, step, 100, 0.5, 0.9, step * 0.05, 5 - step * 0.05))
    steps = [json.loads(line)["step"] for line in answers]
    gaps = np.diff(steps) * 0.05
    assert gaps.max() <= 0.3
    assert len(steps) < 50
    assert steps[-1] == 100


# -- quantization-aware ----------------------------------------------------------------


@pytest.fixture
def quantize_(request_: dict[str, Any]) -> dict[str, Any]:
    del request_["masks"], request_["teacher"]
    return {**request_, "task": "quantize", "method": "lsq", "weight_bits": 2}


def told(request: dict[str, Any]) -> list[dict[str, Any]]:
    answers: list[str] = []
    assert job.Job(endless(request), answers.append).run() == 0, answers[-1]
    return [json.loads(answer) for answer in answers]


@pytest.mark.parametrize(
    ("method", "weight_bits", "activation_bits"),
    [("lsq", 2, None), ("pact", 3, 4), ("bnn", 1, 1), ("twn", 2, None)],
)
def test_a_network_is_trained_on_its_levels(
    method: str, weight_bits: int, activation_bits: int | None, quantize_: Any
) -> None:
    quantize_ |= {"method": method, "weight_bits": weight_bits, "activation_bits": activation_bits}
    answers = told(quantize_)
    assert {"progress", "best"} <= {answer["event"] for answer in answers}
    net, done = networks.read(quantize_["output"]), answers[-1]
    for W in net.weights.values():
        of_a_row = max(len(np.unique(row)) for row in W.reshape(len(W), -1))
        assert of_a_row <= 2**weight_bits
    inputs = [layer for layer in net.layers if layer.name.endswith("_input")]
    assert len(inputs) == (0 if activation_bits is None else 3)
    assert done["test"]["value"] == metrics.accuracy(net, data.load("digits").test).value
    assert done["history"][0]["epoch"] == 0  # the quantized network before any step


def test_the_process_trains_what_the_library_trains(quantize_: Any) -> None:
    from qlab.training import train_quantized

    told(quantize_)
    start, digits = networks.read(quantize_["network"]), data.load("digits")
    fitted = train_quantized(start, digits, "lsq", 2, epochs=2, seed=1, lr=0.01)
    for name, W in networks.read(quantize_["output"]).weights.items():
        np.testing.assert_array_equal(W, fitted.network.weights[name])


def test_quantizing_goes_on_from_its_checkpoint(quantize_: Any, tmp_path: Path) -> None:
    whole = told(quantize_)[-1]
    quantize_["resume"] = str(tmp_path / "half.pt")
    answers: list[dict[str, Any]] = []

    def hear(line: str) -> None:
        answers.append(json.loads(line))
        if answers[-1]["event"] == "best" and answers[-1]["epoch"] == 1:
            stopped.stop.set()

    stopped = job.Job(endless(quantize_), hear)
    stopped.run()
    assert answers[-1]["stopped"] is True
    assert (tmp_path / "half.pt").exists()
    again = told(quantize_)[-1]
    assert (again["history"], again["test"]) == (whole["history"], whole["test"])
    third = told(quantize_)
    assert not [answer for answer in third if answer["event"] == "progress"]  # nothing is left
    assert third[-1]["test"] == whole["test"]
    quantize_["weight_bits"] = 3
    message = answer_to(quantize_)["message"]
    assert "resume must be the file of this training" in message
    assert str(tmp_path) not in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "magic"}, "method must be one of straight_through, lsq"),
        ({"method": 3}, "method must be str, got (method=3)"),
        ({"weight_bits": 1}, "weight_bits must be 2 to 8 for 'lsq'"),
        ({"weight_bits": 2.0}, "weight_bits must be int, got (weight_bits=2.0)"),
        ({"activation_bits": 0}, "activation_bits must be 1 to 8, or None"),
        ({"activation_bits": True}, "activation_bits must be int"),
        ({"masks": "masks.safetensors"}, "quantize must be given no masks"),
        ({"network": "nowhere"}, "network must be a file or one of"),
        ({"resume": "nowhere/half.pt"}, "resume must name a file in a folder that exists"),
    ],
)
def test_a_bad_request_to_quantize_is_answered_by_one_sentence(
    change: dict[str, Any], words: str, quantize_: Any
) -> None:
    answer = answer_to({**quantize_, **change})
    assert answer["event"] == "failed"
    assert words in answer["message"]
    assert "\n" not in answer["message"]
