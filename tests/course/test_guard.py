"""Whatever a learner's function does, it is recognised, and this process goes on as it was."""

import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
import pytest

from qlab import networks
from qlab.course.guard import run
from qlab.course.outcome import Foreign, Outcome

X = np.array([0.5, -1.5, 2.0], np.float32)
BOTH = pytest.mark.parametrize("fork", [True, False], ids=["child", "thread"])


def one(function: Callable[..., Any], *args: Any, **settings: Any) -> Outcome:
    (outcome,) = run(function, [args or (X,)], **settings)
    return outcome


def children() -> set[int]:
    """Return the numbers of this process's children, zombies among them."""
    return {child.pid for child in psutil.Process().children()}


# ---------------------------------------------------------------- what comes home


@BOTH
@pytest.mark.parametrize(
    "value",
    [
        np.arange(6, dtype=np.int16).reshape(2, 3),
        np.array([[True], [False]]),
        np.array(2.5),
        np.empty((0, 3), np.float32),
        np.array([np.nan, np.inf, -0.0]),
        np.array([1 + 2j]),
        np.arange(12.0).reshape(3, 4).T[::2],
        np.float32(0.1),
        np.int8(-3),
        0.1,
        7,
        -(2**70),
        True,
        None,
        "text",
        float("inf"),
        (1.5, -2),
        [np.ones(2), {"a": (True, None), 3: [X]}],
    ],
    ids=repr,
)
def test_numbers_arrays_and_collections_come_home_as_they_are(value: Any, fork: bool) -> None:
    got = one(lambda x: value, fork=fork).value
    assert type(got) is type(value)
    assert repr(got) == repr(value)
    if isinstance(value, np.ndarray):
        assert (got.dtype, got.shape) == (value.dtype, value.shape)


@BOTH
def test_what_is_no_number_is_described_and_stays_away(fork: bool) -> None:
    class Tensor:
        def __repr__(self) -> str:
            return "tensor(1)" * 1000

    Tensor.__module__ = "torch"
    Tensor.__qualname__ = "Tensor"
    found = one(lambda x: (Tensor(), {3}, np.array([None])), fork=fork).value
    assert [type(value) for value in found] == [Foreign] * 3
    assert [value.kind for value in found] == ["torch.Tensor", "set", "an array of dtype object"]
    assert len(found[0].text) == 200


def test_nothing_that_comes_home_is_executed(tmp_path: Any) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "exploded"),))

    assert isinstance(one(lambda x: Bomb()).value, Foreign)
    assert list(tmp_path.iterdir()) == []


@BOTH
def test_too_much_is_refused_and_said(fork: bool) -> None:
    outcome = one(lambda x: np.zeros(1001, np.uint8), fork=fork, most_bytes=1000)
    assert (outcome.state, outcome.error) == ("too large", "more than 1,000 bytes")
    assert one(lambda x: np.zeros(1000, np.uint8), fork=fork, most_bytes=1000).returned
    endless: list[Any] = []
    endless.append(endless)
    assert isinstance(one(lambda x: endless, fork=fork), Outcome)
    assert one(lambda x: [0.0] * 1_000_000, fork=fork).state == "too large"


@BOTH
def test_outcomes_come_in_the_order_of_the_cases(fork: bool) -> None:
    def halve(x: float) -> float:
        return 1 / 0 if x == 3 else x / 2

    found = run(halve, [(float(x),) for x in range(6)], fork=fork)
    assert [one.value for one in found] == [0.0, 0.5, 1.0, None, 2.0, 2.5]
    assert [one.state for one in found].count("raised") == 1
    assert run(halve, [], fork=fork) == []


def test_an_array_that_the_function_keeps_is_not_written_over_by_the_next_case() -> None:
    kept = np.zeros(1)

    def fill(x: float) -> np.ndarray:
        kept[:] = x
        return kept

    for fork in (True, False):
        assert [one.value[0] for one in run(fill, [(1.0,), (2.0,)], fork=fork)] == [1.0, 2.0]


# ---------------------------------------------------------------- what it may do wrong


@BOTH
def test_an_endless_loop_ends_in_time_and_what_came_before_it_is_kept(fork: bool) -> None:
    def loop(x: int) -> int:
        while x == 1:
            pass
        return x

    start = time.monotonic()
    found = run(loop, [(0,), (1,), (2,)], seconds=0.4, fork=fork)
    assert time.monotonic() - start < 5
    assert [one.state for one in found] == ["returned", "timeout", "not run"]
    assert "within 0.4 s: is there a loop that never ends?" in found[1].sentence


def test_a_loop_that_catches_everything_and_ignores_every_signal_ends_too() -> None:
    def stubborn(x: np.ndarray) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        while True:
            try:
                time.sleep(60)
            except BaseException:
                continue

    assert one(stubborn, seconds=0.3).state == "timeout"


@BOTH
def test_an_exception_is_told_with_the_line_of_their_code(fork: bool) -> None:
    def mine(x: np.ndarray) -> np.ndarray:
        return np.linalg.inv(x)  # raises far inside a library

    outcome = one(mine, fork=fork)
    assert outcome.state == "raised"
    assert outcome.error.startswith("LinAlgError: ")
    assert outcome.line == mine.__code__.co_firstlineno + 1
    assert outcome.code == "return np.linalg.inv(x)  # raises far inside a library"
    assert outcome.where == "mine"


@BOTH
def test_an_exception_that_cannot_be_printed_is_named(fork: bool) -> None:
    class Rude(Exception):
        def __str__(self) -> str:
            raise ValueError

    def raises(x: np.ndarray) -> None:
        raise Rude

    assert one(raises, fork=fork).error == "Rude"


@BOTH
@pytest.mark.parametrize("leave", [sys.exit, lambda: exit(3), lambda: quit()])
def test_leaving_python_politely_is_recognised(leave: Callable[[], Any], fork: bool) -> None:
    assert one(lambda x: leave(), fork=fork).state == "ended"


FATAL = {
    "os._exit": (lambda x: os._exit(0), "ended", "exit status 0"),
    "abort": (lambda x: os.abort(), "crashed", "signal SIGABRT"),
    "segfault": (lambda x: ctypes.string_at(0), "crashed", "signal SIGSEGV"),
    "killed": (lambda x: os.kill(os.getpid(), signal.SIGKILL), "crashed", "signal SIGKILL"),
    "closed": (lambda x: os.closerange(3, 256), "ended", "exit status 1"),
}


@pytest.mark.parametrize("case", FATAL)
def test_what_ends_python_ends_only_the_child(case: str) -> None:
    function, state, error = FATAL[case]
    found = run(function, [(X,), (X,)])
    assert [(one.state, one.error) for one in found] == [(state, error), ("not run", "")]


def test_rubbish_in_our_pipe_is_recognised() -> None:
    def scribble(x: np.ndarray) -> np.ndarray:
        for number in range(3, 64):
            try:
                os.write(number, b"\x7f" * 4096)  # lengths, absurd ones
            except OSError:
                continue
        return x

    assert one(scribble, seconds=3).state == "ended"


def test_a_function_that_forks_is_followed_by_nobody() -> None:
    def forks(x: np.ndarray) -> np.ndarray:
        os.fork()
        return x

    assert [one.state for one in run(forks, [(X,), (X,)])] == ["returned", "returned"]


def test_what_the_function_started_ends_with_it() -> None:
    def starts(x: np.ndarray) -> int:
        return subprocess.Popen(["sleep", "60"]).pid

    pid = one(starts).value
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return  # gone, or dead and left to be collected by the system
        time.sleep(0.05)
    pytest.fail("it goes on")


def test_memory_is_bounded() -> None:
    outcome = one(lambda x: np.ones(1 << 29).sum())  # 4 GiB
    assert outcome.state == "raised"
    assert "MemoryError" in outcome.error


@BOTH
def test_printing_is_kept_aside_and_bounded(fork: bool, capfd: pytest.CaptureFixture[str]) -> None:
    def talks(x: np.ndarray) -> np.ndarray:
        print("scale is", 0.5)
        for _ in range(3000):
            sys.stdout.write("z" * 1000)
        sys.stderr.write("!")
        return x

    outcome = one(talks, fork=fork)
    assert outcome.printed.startswith("scale is 0.5\nzzz")
    assert len(outcome.printed) <= 400
    assert outcome.returned
    assert tuple(capfd.readouterr()) == ("", "")


def test_printing_past_python_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    one(lambda x: os.write(1, b"raw") and os.system("echo shell"))
    assert tuple(capfd.readouterr()) == ("", "")


def test_nobody_answers_input() -> None:
    assert one(lambda x: input("?")).error == "EOFError: input() finds nobody to ask here"


@BOTH
def test_arguments_that_were_written_into_are_named_and_ours_stay(fork: bool) -> None:
    def writes(x: np.ndarray, weights: dict[str, np.ndarray], n: int) -> np.ndarray:
        weights["a"][0] = np.nan
        return x + n

    mine = {"a": np.ones(2)}
    outcome = one(writes, X, mine, 3, fork=fork)
    assert outcome.changed == (1,)
    assert mine["a"].tolist() == [1.0, 1.0]
    assert one(lambda x: x, np.array([np.nan]), fork=fork).changed == ()


@BOTH
@pytest.mark.parametrize(
    ("move", "names"),
    [
        (lambda: np.random.rand(), ("numpy",)),  # noqa: NPY002
        (lambda: np.random.seed(3), ("numpy",)),  # noqa: NPY002
        (lambda: random.seed(3), ("random",)),
        (lambda: np.random.default_rng(3).random(), ()),
    ],
    ids=["rand", "seed", "random", "own generator"],
)
def test_moving_a_global_generator_is_recognised_and_ours_does_not_move(
    move: Callable[[], Any], names: tuple[str, ...], fork: bool
) -> None:
    numbers = np.random.get_state()  # noqa: NPY002
    assert one(lambda x: move(), fork=fork).random == names
    after = np.random.get_state()  # noqa: NPY002
    assert (numbers[1] == after[1]).all() and numbers[2:] == after[2:]
    assert random.getstate() != random.Random(3).getstate()  # the type checker of the tests draws


@BOTH
def test_warnings_are_told_and_never_raised(fork: bool) -> None:
    outcome = one(lambda x: np.log(x), np.array([-1.0, 1.0]), fork=fork)
    assert outcome.returned
    assert outcome.warned == ("invalid value encountered in log",)


# ---------------------------------------------------------------- and this process


def test_no_child_and_no_zombie_stays() -> None:
    before = children()
    for function in (lambda x: x, *(fatal for fatal, _, _ in FATAL.values())):
        one(function)
    one(lambda x: time.sleep(60), seconds=0.2)
    assert children() <= before


def test_no_file_stays_open() -> None:
    def count() -> int:
        return psutil.Process().num_fds()

    one(lambda x: x)
    before = count()
    for _ in range(5):
        one(lambda x: os._exit(1))
    assert count() == before


def test_an_interrupt_ends_the_child_and_is_ours() -> None:
    before = children()
    timer = threading.Timer(0.3, signal.raise_signal, (signal.SIGINT,))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        one(lambda x: time.sleep(60), seconds=20)
    timer.join()
    assert children() <= before


def test_it_runs_beside_threads_with_warnings_as_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fork

    def warns() -> int:  # as Python 3.12 and later do where threads run
        warnings.warn("multi-threaded, use of fork() may lead to deadlocks", DeprecationWarning, 2)
        return real()

    monkeypatch.setattr(os, "fork", warns)
    stop = threading.Event()
    busy = [threading.Thread(target=stop.wait) for _ in range(3)]
    for thread in busy:
        thread.start()
    try:
        assert one(lambda x: (x @ x).item(), np.ones(300)).value == 300
    finally:
        stop.set()
    with pytest.raises(DeprecationWarning):
        warns()


def test_the_librarys_threads_work_in_a_child_of_a_process_that_has_used_them() -> None:
    net = networks.build("mlp_784_128_10", np.random.default_rng(0))
    images = np.random.default_rng(1).random((64, 1, 28, 28), np.float32)

    def logits(x: np.ndarray) -> np.ndarray:
        return net.predict(x, batch_size=8, threads=3)

    here = logits(images)  # now the threads are there, and a fork leaves them behind
    outcome = one(logits, images)
    assert outcome.state == "returned", outcome.sentence
    np.testing.assert_array_equal(outcome.value, here)


def test_a_thread_other_than_the_first_may_ask() -> None:
    found: list[Outcome] = []
    thread = threading.Thread(target=lambda: found.append(one(lambda x: x.sum().item())))
    thread.start()
    thread.join()
    assert found[0].value == 1.0


def test_after_a_thread_that_hangs_everything_global_is_as_before() -> None:
    before = (sys.stdin, sys.stdout, sys.stderr, warnings.filters, warnings.showwarning)
    assert one(lambda x: time.sleep(2), seconds=0.1, fork=False).state == "timeout"
    after = (sys.stdin, sys.stdout, sys.stderr, warnings.filters, warnings.showwarning)
    assert after == before


def test_a_system_without_fork_takes_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork")
    assert one(lambda x: threading.current_thread().name).value == "qlab-guard"
