import asyncio
import threading
import time

import qlab.live.worker as module
from qlab.live import Worker
from qlab.live.worker import LONG_REST, REST, SLICE


def steps(n, seen, name, seconds=0.0):
    for i in range(n):
        time.sleep(seconds)
        seen.append((name, i))
        yield


def test_tasks_run_in_the_order_planned():
    seen, worker = [], Worker()
    worker.plan(iter([steps(2, seen, "a"), steps(1, seen, "b")]))
    worker.flush()
    assert seen == [("a", 0), ("a", 1), ("b", 0)] and worker.idle


def test_a_new_plan_closes_what_was_under_way():
    closed, worker = [], Worker()

    def task():
        try:
            yield
            yield
        finally:
            closed.append(True)

    worker.plan([task()])
    worker.flush(0)
    worker.flush(0)
    worker.plan([])
    assert closed == [True]
    worker.flush()
    assert worker.idle


def test_a_task_may_plan_anew_from_inside():
    seen, worker = [], Worker()

    def first():
        worker.plan([steps(1, seen, "second")])
        yield
        seen.append("never")

    worker.plan([first()])
    worker.flush()
    assert seen == [("second", 0)]


def test_one_failing_task_is_reported_and_the_others_run():
    seen, errors = [], []

    def broken():
        yield
        raise ValueError("no")

    worker = Worker(on_error=errors.append)
    worker.plan([broken(), steps(1, seen, "a")])
    worker.flush()
    assert [str(e) for e in errors] == ["no"] and seen == [("a", 0)] and worker.idle


def test_tasks_are_made_only_when_due():
    made, worker = [], Worker()

    def plan():
        for i in range(3):
            made.append(i)
            yield steps(1, [], i)

    worker.plan(plan())
    worker.flush(0)
    assert made == [0]


def test_on_a_loop_slices_are_short_and_messages_pass_between_them():
    async def visit():
        seen, worker, ticks = [], Worker(), []
        worker.plan([steps(60, seen, "a", 0.002)])
        while not worker.idle:
            await asyncio.sleep(0)
            ticks.append(len(seen))
        return seen, ticks

    seen, ticks = asyncio.run(visit())
    assert len(seen) == 60
    assert len(set(ticks)) >= 60 * 0.002 / (2 * SLICE)  # the loop ran between the slices


def test_nothing_runs_until_the_hand_has_rested():
    async def visit():
        seen, worker = [], Worker()
        worker.touch()
        start = time.perf_counter()
        worker.plan([steps(1, seen, "a")])
        while not seen:
            await asyncio.sleep(0.005)
        return time.perf_counter() - start

    assert asyncio.run(visit()) >= REST * 0.99


def test_what_nobody_waits_for_wants_a_longer_rest_until_the_next_plan():
    async def visit():
        seen, times, worker = [], [], Worker()
        worker.touch()
        start = time.perf_counter()
        worker.plan(iter([steps(1, seen, "soon"), worker.pause(), steps(1, seen, "late")]))
        for n in (1, 2):
            while len(seen) < n:
                await asyncio.sleep(0.005)
            times.append(time.perf_counter() - start)
        worker.touch()
        start = time.perf_counter()
        worker.plan(iter([steps(1, seen, "soon")]))
        while len(seen) < 3:
            await asyncio.sleep(0.005)
        return [*times, time.perf_counter() - start]

    soon, late, again = asyncio.run(visit())
    assert REST * 0.99 <= soon < LONG_REST * 0.99 <= late
    assert REST * 0.99 <= again < LONG_REST * 0.99


def test_one_task_does_not_wait_for_the_hand_to_rest_and_lets_messages_pass(monkeypatch):
    monkeypatch.setattr(module, "REST", 3600)  # a hand that does not come to rest

    async def visit():
        seen, worker, ticks = [], Worker(), 0
        worker.touch()
        worker.plan([steps(1, seen, "never")])  # waits for the hand to rest
        worker.plan([steps(1, seen, "idle")], steps(5, seen, "at once"))
        while len(seen) < 5:
            await asyncio.sleep(0)
            ticks += 1
        return seen, ticks, worker

    seen, ticks, worker = asyncio.run(asyncio.wait_for(visit(), 60))
    assert seen == [("at once", i) for i in range(5)] and not worker.idle
    assert ticks >= 5  # the loop ran between the steps
    worker.flush()
    assert seen[5:] == [("idle", 0)] and worker.idle


def test_idle_work_waits_for_the_hand_after_a_task_of_at_once():
    async def visit():
        seen, worker = [], Worker()
        worker.touch()
        start = time.perf_counter()
        worker.plan([steps(1, seen, "idle")], steps(5, seen, "at once"))
        while len(seen) < 6:
            await asyncio.sleep(0.005)
        return time.perf_counter() - start

    assert asyncio.run(visit()) >= REST * 0.99


def test_a_task_of_at_once_is_hurried_as_far_as_needed_and_dropped_by_the_next_plan():
    seen, worker = [], Worker()
    worker.plan([], steps(9, seen, "at once"))
    worker.hurry(lambda: len(seen) == 3)
    assert len(seen) == 3 and not worker.idle
    worker.plan([steps(1, seen, "next")])
    worker.flush()
    assert seen[3:] == [("next", 0)] and worker.idle
    worker.plan([], steps(1, seen, "short"))
    worker.hurry(lambda: False)  # ends with its task
    assert seen[4:] == [("short", 0)]


def test_an_event_in_another_thread_waits_for_the_step_under_way():
    errors, seen = [], []
    worker = Worker(on_error=errors.append)

    def plan_and_run():
        for i in range(20):
            worker.plan([steps(5, seen, i, 0.0002)])
            worker.flush()

    threads = [threading.Thread(target=plan_and_run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and worker.idle and seen


def test_a_loop_that_ended_does_not_keep_the_work_of_the_next():
    seen, worker = [], Worker()
    worker.touch()

    async def leave():
        worker.plan([steps(1, seen, "a")])  # due in 120 ms, when this loop is over

    async def come():
        worker.plan([steps(1, seen, "b")])
        while not worker.idle:
            await asyncio.sleep(0.01)

    asyncio.run(leave())
    asyncio.run(asyncio.wait_for(come(), 5))
    assert seen == [("b", 0)]


def test_held_work_starts_when_it_is_released_and_not_before():
    async def visit():
        seen, worker = [], Worker()
        worker.hold(60)
        worker.plan([steps(1, seen, "a")])
        await asyncio.sleep(2 * REST)
        before = list(seen)
        worker.release()
        while not worker.idle:
            await asyncio.sleep(0.005)
        return before, seen

    assert asyncio.run(asyncio.wait_for(visit(), 10)) == ([], [("a", 0)])


def test_stop_drops_everything():
    async def visit():
        seen, worker = [], Worker()
        worker.plan([steps(1, seen, "a")])
        worker.stop()
        await asyncio.sleep(0.05)
        return seen

    assert asyncio.run(visit()) == []
