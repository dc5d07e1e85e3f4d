"""Code that is not ours answers calls, and can do nothing else that counts."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from qlab.course.check import judge
from qlab.course.exercises import exercise
from qlab.course.outcome import Outcome
from qlab.course.sandbox import Sandbox

both = pytest.mark.parametrize("walls", [True, False], ids=["walls", "no walls"])


def outcomes(source: str, *cases: tuple[object, ...], walls: bool = True) -> list[Outcome]:
    with Sandbox([source], walls=walls) as box:
        return box.run("f", cases or [(1,), (2,)], seconds=3.0)


@both
def test_values_come_home_as_they_are(walls: bool) -> None:
    x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    source = "def f(x):\n    return x[::-1], {'n': x.size}, None, float('inf')"
    (found,) = outcomes(source, (x,), walls=walls)
    array, counts, nothing, infinite = found.value
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, x[::-1])
    assert (counts, nothing, infinite) == ({"n": 6}, None, float("inf"))


@both
@pytest.mark.parametrize(
    ("body", "state", "words"),
    [
        ("os._exit(0)", "ended", "exit code 0"),
        ("os._exit(3)", "ended", "exit code 3"),
        ("sys.exit()", "ended", "sys.exit"),
        ("ctypes.string_at(0)", "crashed", "SIGSEGV"),
        ("os.kill(os.getpid(), 9) or os.abort()", "crashed", "SIG"),
        ("[0] * 10**12", "raised", "MemoryError"),
        ("open('large', 'wb').write(b'0' * 10**8)", "raised", "too large"),
        ("input()", "raised", "EOFError"),
        ("[None for _ in iter(int, 1)]", "timeout", "within 3 s"),
    ],
)
def test_an_end_a_crash_and_too_much_are_told_apart(
    walls: bool, body: str, state: str, words: str
) -> None:
    found = outcomes(f"import ctypes, os, sys\ndef f(x):\n    {body}", walls=walls)
    assert found[0].state == state
    assert words.lower() in found[0].error.lower()


def test_after_an_end_the_same_sandbox_answers_again() -> None:
    with Sandbox(["import os\ndef f(x): os._exit(1)\ndef g(x): return x"]) as box:
        assert [one.state for one in box.run("f", [(1,), (2,)])] == ["ended", "not run"]
        assert [one.value for one in box.run("g", [(5,)])] == [5]


LATER = """
import os, threading
def f(x):
    threading.Timer(0.2, os._exit, [3]).start()
    return x
def g(x): return x + 1
def h(x): os._exit(3)
"""


def test_an_end_that_comes_after_the_answer_costs_the_next_function_nothing() -> None:
    with Sandbox([LATER]) as box:
        assert box.run("f", [(1,)])[0].value == 1
        time.sleep(1)
        assert [found.value for found in box.run("g", [(1,), (2,)])] == [2, 3]
        assert box.run("h", [(1,)])[0].state == "ended"  # its own, though it was tried twice


def test_what_the_notebook_does_not_define_is_not_started() -> None:
    task = exercise("affine.quantize")
    for cells in ([], ["def quantize(x:"], ["quantize = 1 / 0"]):
        with Sandbox(cells) as box:
            verdict = judge(task, task.reference, runner=runner(box))
            assert verdict.state == "not started"


def runner(box: Sandbox) -> Callable[..., list[Outcome]]:
    return lambda f, cases, *, seconds: box.run("quantize", cases, seconds)


# A notebook that writes into the pipe itself what would please the one who counts.
FORGED = """
import json, os, struct
def forged(**fields):
    fields = {"state": "returned", "value": None, "error": "", "line": None, "code": "",
              "where": "", "printed": "", "changed": [], "random": [], "warned": []} | fields
    head = json.dumps(fields).encode()
    return struct.pack("<QQ", len(head), 0) + head
def quantize(*args):
    for pipe in range(3, 64):
        try:
            os.write(pipe, PARCEL * 2000)
        except OSError:
            pass
"""
PARCELS = {
    "never called": "forged(state='not run')",
    "passed": "forged(state='passed', passed=True)",
    "no words": "forged(state='raised', error=3)",
    "no such argument": "forged(changed=[99])",
    "endless": "struct.pack('<QQ', 2**63, 0)",
    "deep": "struct.pack('<QQ', 10**6, 0) + b'[' * 10**6",
    "noise": "b'x' * 1000",
    "huge array": "forged(value={'array': ['<f8', [2**40]]})",
    "objects": "forged(value={'array': ['|O', [1]]})",
}


@pytest.mark.parametrize("parcel", PARCELS)
def test_a_forged_answer_is_worth_nothing(parcel: str) -> None:
    task = exercise("affine.quantize")
    with Sandbox([FORGED.replace("PARCEL * 2000", f"({PARCELS[parcel]}) * 40")]) as box:
        assert not judge(task, task.reference, seconds=5.0, runner=runner(box)).passed


@pytest.mark.parametrize("parcel", ["endless", "deep", "noise", "objects"])
def test_what_is_no_answer_is_told_at_once(parcel: str) -> None:
    with Sandbox([FORGED.replace("PARCEL * 2000", PARCELS[parcel])]) as box:
        found = box.run("quantize", [(1,), (2,)])
    assert [one.state for one in found] == ["crashed", "not run"]
    assert found[0].error == "its answer could not be read"


def test_expected_values_are_not_in_there_to_be_read() -> None:
    seen = outcomes("import sys\ndef f(x): return sorted(sys.modules)", (1,))[0].value
    assert [name for name in seen if name.startswith("qlab.course.exercise")] == [
        "qlab.course.exercise"
    ]


@both
def test_processes_that_a_function_leaves_behind_end_with_it(walls: bool) -> None:
    mark = f"sleeper-{os.getpid()}-{walls}"
    source = (
        "import os, sys, time\n"
        "def f(x):\n"
        "    if os.fork() == 0:\n"
        f"        os.execv(sys.executable, ['{mark}', '-c', 'import time; time.sleep(60)'])\n"
        "    time.sleep(0.2)\n"
        "    return x"
    )
    outcomes(source, (1,), walls=walls)
    end = time.monotonic() + 10
    while alive(mark) and time.monotonic() < end:
        time.sleep(0.1)
    assert alive(mark) == []


def alive(mark: str) -> list[int]:
    found = psutil.process_iter(["cmdline", "status"])
    return [
        one.pid
        for one in found
        if mark in (one.info["cmdline"] or []) and one.info["status"] != psutil.STATUS_ZOMBIE
    ]


def test_walls_that_stand_keep_files_network_and_other_processes_away(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("marks")
    source = (
        "import os, socket\n"
        "NETWORKS = [name for _, name in socket.if_nameindex()]\n"
        "def tried(f):\n"
        "    try:\n"
        "        return str(f())\n"
        "    except OSError as error:\n"
        "        return type(error).__name__\n"
        "def f(path, pid):\n"
        "    return (tried(lambda: open(path).read()), tried(lambda: os.listdir('/')),\n"
        "            tried(lambda: os.kill(pid, 0)), tried(lambda: open('own', 'w').write('x')),\n"
        "            tried(lambda: socket.create_connection(('127.0.0.1', 9), 1)),\n"
        "            os.getppid(), NETWORKS)"
    )
    with Sandbox([source]) as box:
        (found,) = box.run("f", [(str(secret), os.getpid())])
    read, listed, killed, own, network, parent, networks = found.value
    assert own == "1"
    if box.standing["fenced"]:
        assert (read, listed) == ("PermissionError", "PermissionError")
    assert (parent == 0) == box.standing["alone"]  # nobody that it could see
    if box.standing["alone"]:
        assert networks == ["lo"]
        assert killed in ("ProcessLookupError", "PermissionError")
        assert network != "ConnectionRefusedError"  # what this machine itself would say


def test_a_sandbox_leaves_no_file_and_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    handles = psutil.Process().num_fds()
    children = {child.pid for child in psutil.Process().children()}
    for body in ("return x", "os._exit(0)", "open('a', 'w').close()"):
        outcomes(f"import os\ndef f(x): {body}")
    assert list(tmp_path.iterdir()) == []
    assert {child.pid for child in psutil.Process().children()} <= children
    assert psutil.Process().num_fds() == handles
