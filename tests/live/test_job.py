import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qlab.live import Job, JobPanel
from qlab.live import job as module

FAKE = (sys.executable, str(Path(__file__).with_name("fake_job.py")))


@pytest.fixture
def heard():
    return []


def job(do, heard):
    made = Job({"do": do}, heard.append, FAKE)
    made.start()
    return made


def test_a_job_reports_progress_keeps_the_best_and_is_done(heard):
    made = job("finish", heard)
    assert made.wait(20) == "done"
    assert [e["event"] for e in heard if e["event"] != "progress"] == ["started", "best", "done"]
    assert made.progress["seconds_left"] == 0
    assert made.best["path"] == "best.safetensors"


def test_stop_ends_it_after_the_step_and_keeps_the_best(heard):
    made = job("endless", heard)
    while made.best is None:
        made._take(made._answers.get(timeout=10))
    made.stop()
    assert made.wait(20) == "done"
    assert heard[-1]["stopped"] is True and made.best is not None


def test_a_program_deaf_to_stop_is_ended_anyway(heard, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    made = job("deaf", heard)
    while made.progress is None:
        made._take(made._answers.get(timeout=10))
    made.stop()
    assert made.wait(20) == "stopped"


def test_failure_is_one_sentence(heard):
    assert job("fail", heard).wait(20) == "failed"
    assert heard[-1]["message"].startswith("job: a network is expected")


def test_a_crash_is_one_sentence(heard):
    assert job("crash", heard).wait(20) == "failed"
    assert heard[-1]["message"] == "Training ended unexpectedly (exit status 3)."


def test_a_program_that_is_not_there_is_one_sentence(heard):
    made = Job({}, heard.append, ("/no/such/program",))
    made.start()
    assert made.status == "failed"
    assert "/no/such" not in heard[-1]["message"]


def test_the_program_ends_when_its_kernel_is_killed(tmp_path):
    code = (
        "import sys, time; from qlab.live import Job\n"
        f"job = Job({{'do': 'endless'}}, command={FAKE!r}); job.start()\n"
        "print(job._process.pid, flush=True); time.sleep(60)"
    )
    kernel = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(kernel.stdout.readline())
    kernel.kill()
    kernel.communicate()
    state = Path(f"/proc/{pid}/stat")
    for _ in range(100):
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError("the program outlived its kernel")


def test_answers_arrive_on_the_running_loop(heard):
    async def visit():
        made = job("finish", heard)
        for _ in range(400):
            await asyncio.sleep(0.02)
            if not made.running:
                return made
        return made

    assert asyncio.run(visit()).status == "done"


def panel(do, heard, errors):
    return JobPanel("Train", "Trains", lambda: {"do": do}, heard.append, errors.append, FAKE)


def test_the_panel_shows_progress_with_time_left_and_what_was_kept(heard):
    made = panel("endless", heard, [])
    made.start_button.click()
    assert made.start_button.disabled and not made.stop_button.disabled
    while made.job.progress is None:
        made.job._take(made.job._answers.get(timeout=10))
    assert "Epoch 1 of 1, loss 0.500, 167 min left." in made.shown.value
    assert "<progress" in made.shown.value
    while made.job.best is None:
        made.job._take(made.job._answers.get(timeout=10))
    made.stop_button.click()
    made.job.wait(20)
    assert "Stopped. Kept: epoch 1, 98.00 % on validation." in made.shown.value
    assert not made.start_button.disabled and made.stop_button.disabled


def test_the_panel_escapes_a_failure_and_can_start_again(heard):
    made = panel("fail", heard, [])
    made.start_button.click()
    made.job.wait(20)
    assert "&lt;b&gt;Remedy&lt;/b&gt;" in made.shown.value
    assert not made.start_button.disabled


def test_a_request_that_cannot_be_made_is_reported_and_nothing_starts(heard):
    errors = []

    def request():
        raise OSError("disk full")

    made = JobPanel("Train", "Trains", request, heard.append, errors.append, FAKE)
    made.start_button.click()
    assert str(errors[0]) == "disk full" and made.job is None
    assert not made.start_button.disabled
