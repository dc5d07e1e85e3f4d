"""Kernels that start at once: copies of one process that has imported everything.

Starting Python and importing IPython, NumPy, matplotlib and qlab takes longer than anything else on
the way to a page, and most of a kernel's memory, the same for every page. So the server keeps one
process, the original, that does this once and then waits. For each page it forks: the copy is there
at once, and shares with all others the memory that it does not change, the data and networks of the
zoo among it. ``python -m benchmarks startup`` measures both.

Only Linux can do this safely (macOS' libraries do not survive a fork; Windows has none). Elsewhere,
and should the original ever be gone, kernels start one by one as Jupyter's own do.
"""

import asyncio
import errno
import gc
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

__all__ = ["NAME", "Forked", "Original", "possible"]

NAME = "qlab-forked"
GROUP = "jupyter_client.kernel_provisioners"


def possible() -> bool:
    """Tell whether this machine can copy a process and watch the copy."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:  # a kernel before 5.3, or a sandbox
        return False
    return True


class Original:
    """The process that waits to be copied, as the server sees it."""

    present: ClassVar["Original | None"] = None

    def __init__(self, environment: dict[str, str]) -> None:
        """Start it; `environment` is what its copies begin with."""
        self._socket, its = socket.socketpair()
        with its:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__],
                stdin=its.fileno(),
                env=os.environ | environment,
                start_new_session=True,  # Ctrl-C is the server's affair
            )
        self._socket.setblocking(False)
        self._one_at_a_time = asyncio.Lock()
        Original.present = self
        known = KernelProvisionerFactory.instance().provisioners
        known[NAME] = EntryPoint(NAME, f"{__name__}:{Forked.__name__}", GROUP)

    async def copy(self, command: list[str], environment: dict[str, str], folder: str) -> "Copy":
        """Fork a kernel.

        Raises
        ------
        OSError
            If the original is gone.
        """
        asked = json.dumps({"command": command, "environment": environment, "folder": folder})
        coming = asyncio.ensure_future(self._ask(asked.encode() + b"\n"))
        try:
            return await asyncio.shield(coming)  # else the next who asks would hear this answer
        except asyncio.CancelledError:
            coming.add_done_callback(_unwanted)
            raise

    async def _ask(self, line: bytes) -> "Copy":
        loop = asyncio.get_running_loop()
        async with self._one_at_a_time:
            await loop.sock_sendall(self._socket, line)
            answer = await loop.sock_recv(self._socket, 32)
        if not answer:
            raise ConnectionError("The process that kernels are copied from has ended.")
        return Copy(int(answer))

    def end(self) -> None:
        """End it; its copies, should any be left, notice and end too."""
        Original.present = None
        self.process.kill()
        self.process.wait()
        self._socket.close()


def _unwanted(coming: "asyncio.Future[Copy]") -> None:
    if not coming.cancelled() and coming.exception() is None:
        coming.result().kill()


class Copy:
    """A forked kernel, as much of it as Jupyter uses of a ``Popen``."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._fd = os.pidfd_open(pid)  # names this process for ever, unlike its number
        self._close = weakref.finalize(self, os.close, self._fd)

    def poll(self) -> int | None:
        """Return None while it runs; how it ended only the original knew."""
        return 0 if self._ended(0) else None

    def wait(self) -> int:
        """Wait for its end."""
        self._ended(None)
        self._close()
        return 0

    def send_signal(self, number: int) -> None:
        """Send a signal; one that has ended hears none."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._fd, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, milliseconds: int | None) -> bool:
        if not self._close.alive:
            return True
        watch = select.poll()
        watch.register(self._fd, select.POLLIN)
        return bool(watch.poll(milliseconds))


class Forked(LocalProvisioner):
    """Starts a kernel as a copy of the original; without one, as any other program."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the kernel that a command line would start."""
        try:
            if Original.present is None:
                raise ConnectionError
            folder = str(kwargs.get("cwd") or Path.cwd())
            environment = kwargs.get("env") or dict(os.environ)
            copy: Any = await Original.present.copy(cmd, environment, folder)
        except OSError:
            return await super().launch_kernel(cmd, **kwargs)
        self.process = copy
        self.pid = self.pgid = copy.pid  # it leads a session of its own
        self.cwd = folder
        return self.connection_info


# -- in the original ----------------------------------------------------------------------


def prepare() -> None:
    """Import and load what every page needs, without starting a thread: those do not fork."""
    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # read by the import: copies end with us
    import ipykernel.kernelapp  # noqa: F401
    import ipywidgets
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from qlab import data, live, networks

    # imported without a kernel, it has not said who answers a page that asks for all its widgets:
    # the page would ask for one after the other, and sometimes miss the one that it shows
    ipywidgets.register_comm_target()
    list(live.INSTRUMENTS.values())
    data.load("mnist").test[:1].images  # noqa: B018  unpacks them
    networks.load("lenet_300_100")
    figure = Figure()
    figure.text(0, 0, "0123456789")
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()  # finds the fonts
    gc.collect()
    gc.freeze()  # else each copy's first collection would write on every page of memory


def main() -> None:
    """Wait to be copied, until the server hangs up; a copy becomes a kernel."""
    prepare()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the copies here
    asked = listen()
    if asked is not None:
        become_kernel(**asked)


def listen() -> dict[str, Any] | None:
    """Fork for each line that comes in: in a copy, return what it asks for; None at the end."""
    with (
        suppress(ConnectionError),  # the server left in the middle of an answer
        socket.socket(fileno=os.dup(0)) as server,
        server.makefile("rb") as lines,
    ):
        for line in lines:
            pid = os.fork()
            if not pid:
                asked: dict[str, Any] = json.loads(line)
                return asked
            server.sendall(b"%d\n" % pid)
    return None


def become_kernel(command: list[str], environment: dict[str, str], folder: str) -> None:
    """Be what the command line would have started, in this copy."""
    import numpy as np
    from ipykernel.kernelapp import IPKernelApp
    from setproctitle import setproctitle

    os.setsid()
    setproctitle(" ".join(command))  # before the environment moves: the title lies beside it
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    np.random.seed()  # noqa: NPY002  no two copies draw alike
    logging.getLogger("tornado.general").addFilter(is_news)
    place = Path(command[command.index("-f") + 1]).parent
    told = threading.excepthook
    threading.excepthook = lambda raised: told(raised) if place.exists() else None
    try:
        IPKernelApp.launch_instance(argv=command[command.index("-f") :])
    except Exception:
        if place.exists():
            raise
        os._exit(0)  # the server has ended, and taken the place where its kernels listen


def is_news(record: logging.LogRecord) -> bool:
    """Tell whether a log entry is more than that a kernel, ending, found its sockets closed."""
    error = record.exc_info[1] if record.exc_info else None
    return getattr(error, "errno", None) != errno.ENOTSOCK


if __name__ == "__main__":
    main()
