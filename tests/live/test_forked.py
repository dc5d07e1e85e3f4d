"""Kernels are copies of one process: they answer, they are apart, and they end with it."""

import asyncio
import errno
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import zmq
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

from qlab.live import forked
from qlab.live.forked import Original
from qlab.live.kernels import Specs, environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux copies processes")


@pytest.fixture(scope="module")
def original() -> Iterator[Original]:
    original = Original(environment())
    yield original
    original.end()


class Kernel:
    """A kernel from the spec that the apps use, and what it prints."""

    async def __aenter__(self) -> "Kernel":
        specs = Specs()
        self.manager = AsyncKernelManager(kernel_spec_manager=specs)
        await self.manager.start_kernel()
        self.client: AsyncKernelClient = self.manager.client()
        self.client.start_channels()
        await self.client.wait_for_ready(60)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.client.stop_channels()
        await self.manager.shutdown_kernel(now=True)

    @property
    def pid(self) -> int:
        assert self.manager.provisioner is not None
        return int(self.manager.provisioner.pid)

    async def prints(self, code: str) -> Any:
        said: list[str] = []

        def heard(message: dict[str, Any]) -> None:
            content = message["content"]
            said.append(content.get("text", "") or "\n".join(content.get("traceback", [])))

        await self.client.execute_interactive(code, output_hook=heard, timeout=60)
        return json.loads("".join(said))


def gone(pid: int, seconds: float = 10) -> bool:
    """Wait until a process is no more."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_a_copy_is_a_kernel_of_its_own_with_all_that_was_imported(original: Original) -> None:
    async def visit() -> None:
        async with Kernel() as one, Kernel() as other:
            parents = {psutil.Process(kernel.pid).ppid() for kernel in (one, other)}
            assert parents == {original.process.pid} and one.pid != other.pid
            assert "ipykernel_launcher" in psutil.Process(one.pid).cmdline()
            assert os.getsid(one.pid) == one.pid  # what is sent to its group reaches no other
            loaded = "import sys, json; print(json.dumps([m in sys.modules for m in %s]))"
            names = ["qlab.live.quantize", "qlab.live.qat", "matplotlib", "torch"]
            assert await one.prints(loaded % names) == [True, True, True, False]
            for module in ("numpy.random", "random"):
                draw = f"import {module} as r; print(r.random())"
                assert await one.prints(draw) != await other.prints(draw)
            child = "import subprocess as s; print(s.run(['false'], check=False).returncode)"
            assert await one.prints(child) == 1  # it can wait for programs that it starts
            one_thread = "import os; print(os.environ['OPENBLAS_NUM_THREADS'])"
            assert await one.prints(one_thread) == 1
        assert gone(one.pid) and gone(other.pid)

    asyncio.run(visit())


def test_a_copy_tells_a_page_all_its_widgets_when_asked_once(original: Original) -> None:
    async def visit() -> None:
        async with Kernel() as kernel:
            made = "import json, ipywidgets as i; made = [i.IntSlider(value=k) for k in (3, 4)]\n"
            ids = await kernel.prints(f"{made}print(json.dumps([w.model_id for w in made]))")
            session, shell = kernel.client.session, kernel.client.shell_channel
            here = {"comm_id": "all"}
            opened = here | {"target_name": "jupyter.widget.control", "data": {}}
            asked = here | {"data": {"method": "request_states"}}
            shell.send(session.msg("comm_open", opened, metadata={"version": "1.0.0"}))
            shell.send(session.msg("comm_msg", asked))
            while True:
                message = await kernel.client.get_iopub_msg(timeout=10)
                assert message["msg_type"] != "comm_close", "nobody answers"
                if message["msg_type"] == "comm_msg" and message["content"]["comm_id"] == "all":
                    break
            states = message["content"]["data"]["states"]
            assert [states[one]["state"]["value"] for one in ids] == [3, 4]

    asyncio.run(visit())


def test_a_copy_has_the_environment_and_folder_it_was_asked_for(
    original: Original, tmp_path: Path
) -> None:
    async def visit() -> None:
        manager = AsyncKernelManager(kernel_spec_manager=Specs())
        await manager.start_kernel(cwd=str(tmp_path), env={**os.environ, "QUERY_STRING": "bits=3"})
        async with Kernel() as kernel:  # waits until both are there
            assert Path(f"/proc/{manager.provisioner.pid}/cwd").resolve() == tmp_path.resolve()
            assert await kernel.prints("import os; print('QUERY_STRING' in os.environ or 0)") == 0
        await manager.shutdown_kernel(now=True)

    asyncio.run(visit())


def test_who_stops_waiting_for_a_copy_leaves_none_behind_and_no_answer_to_the_next(
    original: Original,
) -> None:
    def kernels() -> list[psutil.Process]:
        return psutil.Process(original.process.pid).children()

    async def visit() -> None:
        asked = asyncio.create_task(original.copy(["python", "-f", "none"], {}, "/"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # it has been sent
        asked.cancel()
        async with Kernel() as kernel:
            assert await kernel.prints("import os; print(os.getpid())") == kernel.pid
            while len(kernels()) > 1:
                await asyncio.sleep(0.01)
            assert [child.pid for child in kernels()] == [kernel.pid]

    asyncio.run(asyncio.wait_for(visit(), 30))


def test_an_interrupt_reaches_the_copy_alone_and_a_killed_one_is_noticed(
    original: Original,
) -> None:
    async def visit() -> None:
        async with Kernel() as kernel:
            sleeping = "import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print(7)"
            waits = asyncio.create_task(kernel.prints(sleeping))
            await asyncio.sleep(0.5)
            await kernel.manager.interrupt_kernel()
            assert await waits == 7
            assert await kernel.manager.is_alive()
            os.kill(kernel.pid, signal.SIGKILL)
            while await kernel.manager.is_alive():
                await asyncio.sleep(0.01)
        assert original.process.poll() is None

    asyncio.run(asyncio.wait_for(visit(), 60))


def test_copies_end_when_the_server_is_killed() -> None:
    code = """
import asyncio, time
from jupyter_client.manager import AsyncKernelManager
from qlab.live.forked import Original
from qlab.live.kernels import Specs, environment
async def start():
    original = Original(environment())
    kernel = AsyncKernelManager(kernel_spec_manager=Specs())
    await kernel.start_kernel()
    print(original.process.pid, kernel.provisioner.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(start())
"""
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    pids = [int(pid) for pid in server.stdout.readline().split()]
    assert len(pids) == 2 and all(psutil.pid_exists(pid) for pid in pids)
    server.kill()
    server.wait()
    server.stdout.close()
    assert all(gone(pid) for pid in pids)


def test_without_the_original_a_kernel_starts_as_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[list[str]] = []

    async def launch(self: object, cmd: list[str], **kwargs: Any) -> str:
        started.append(cmd)
        return "started"

    monkeypatch.setattr(LocalProvisioner, "launch_kernel", launch)
    lost = Original(environment())
    lost.process.kill()
    lost.process.wait()
    provisioner = forked.Forked(kernel_id="a", kernel_spec=None, parent=None)
    assert asyncio.run(provisioner.launch_kernel(["python", "-f", "x"])) == "started"
    lost.end()
    assert asyncio.run(provisioner.launch_kernel(["python", "-f", "y"])) == "started"
    assert [cmd[-1] for cmd in started] == ["x", "y"]
    assert Specs().get_kernel_spec("python3").metadata == {}


def test_a_kernel_that_ends_is_no_news_and_any_other_error_is() -> None:
    def told(error: Exception | None) -> bool:
        caught = None if error is None else (type(error), error, None)
        return forked.is_news(logging.LogRecord("x", 40, "", 1, "failed", (), caught))

    assert not told(zmq.ZMQError(errno.ENOTSOCK))
    assert told(zmq.ZMQError(errno.EADDRINUSE)) and told(ValueError("no")) and told(None)


def test_where_processes_cannot_be_copied_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(pid: int) -> int:
        raise OSError("Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", refuses)
    assert not forked.possible()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not forked.possible()


@pytest.mark.parametrize("gone", [True, False])
def test_a_kernel_whose_server_has_gone_meanwhile_ends_without_a_word(tmp_path, gone):
    place = tmp_path / "place"  # a server that ends takes it along
    place.mkdir()
    asked = (["kernel", "-f", str(place / "kernel.json")], {**os.environ}, str(tmp_path))
    script = f"""
import shutil, threading
from ipykernel.kernelapp import IPKernelApp
from qlab.live import forked
def launch(argv):
    if {gone}:
        shutil.rmtree({str(place)!r})
    heartbeat = threading.Thread(target=lambda: open("nowhere/thread"))
    heartbeat.start()
    heartbeat.join()
    open("nowhere/kernel")
IPKernelApp.launch_instance = launch
forked.become_kernel(*{asked!r})"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    if gone:
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    else:  # any other trouble is told
        assert done.returncode == 1
        assert "nowhere/thread" in done.stderr and "nowhere/kernel" in done.stderr
