"""The kernels behind the pages: quick to answer, bounded in number, gone when their page is.

- The websocket sends at once (TCP_NODELAY); stock servers cap a drag at 20 frames a second.
- A kernel ends when its tab closes, when its browser has been away for `abandoned_after` seconds,
  or when nobody touched it for `cull_idle_timeout` seconds.
- A kernel that dies is not restarted (see `qlab.live.server.configuration`): a new one would know
  nothing of the page.  The page says so instead.
"""

import asyncio
import sys
import warnings
from datetime import UTC, datetime
from typing import Any
from weakref import WeakSet

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_core.utils import ensure_async
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.ioloop import IOLoop
from tornado.web import HTTPError
from traitlets import Float, Integer

from qlab.live import forked

__all__ = ["Connection", "Kernels", "Specs", "environment"]


def environment() -> dict[str, str]:
    """Give the variables that every kernel of an app starts with.

    Returns
    -------
    dict[str, str]
        One thread for linear algebra (with two, a busy neighbour makes a frame four times slower),
        matplotlib without a window, and no echo of what the page itself has set: one message less.
        The C library keeps freed memory instead of handing every megabyte back to the system and
        asking for it again, page by page.

    Examples
    --------
    >>> environment()["OPENBLAS_NUM_THREADS"], environment()["MPLBACKEND"]
    ('1', 'agg')
    """
    threads = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    quick = {"MALLOC_MMAP_THRESHOLD_": "8388608", "MALLOC_TRIM_THRESHOLD_": "33554432"}  # bytes
    quick["MALLOC_ARENA_MAX"] = "1"  # one heap for all threads: what each kept took 50 MB a kernel
    page = {"MPLBACKEND": "agg", "JUPYTER_WIDGETS_ECHO": "0"}
    return dict.fromkeys(threads, "1") | page | quick


class Specs(KernelSpecManager):
    """One kernel, whatever a notebook asks for: the Python that runs the server."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Give the kernel of this very interpreter; a user's other kernels cannot get in."""
        launch = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(
            argv=[sys.executable, *launch, "--log-level=ERROR", "--HistoryManager.enabled=False"],
            display_name="Python 3",
            language="python",
            name=kernel_name,
            env=environment(),
            metadata={"kernel_provisioner": {"provisioner_name": forked.NAME}}
            if forked.Original.present
            else {},
        )

    def get_all_specs(self) -> dict[str, Any]:
        """List that one kernel, under the name that notebooks use."""
        spec = self.get_kernel_spec("python3").to_dict()
        return {"python3": {"resource_dir": "", "spec": spec}}


class Connection(ZMQChannelsWebsocketConnection):
    """A page's connection to its kernel: without delay, and the kernel's life hangs on it."""

    def connect(self) -> Any:
        """Connect, and let small messages leave at once instead of waiting for an answer."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()

    @property
    def write_message(self) -> Any:
        """Send to the page; what the network then says of a page that just left is no news."""
        write: Any = super().write_message

        def sent(*args: Any, **kwargs: Any) -> Any:
            sending = write(*args, **kwargs)
            if sending is not None:  # a future that nobody waits for would complain in the log
                sending.add_done_callback(lambda done: done.cancelled() or done.exception())
            return sending

        return sent

    def disconnect(self) -> None:  # type: ignore[override]
        """Disconnect; free the kernel unless the page comes back soon (a network that blinked)."""
        super().disconnect()  # type: ignore[no-untyped-call]
        kernels = self.multi_kernel_manager
        IOLoop.current().call_later(kernels.abandoned_after, kernels.free, self.kernel_id)


class Kernels(AsyncMappingKernelManager):
    """The kernels of all open pages."""

    abandoned_after = Float(60, help="Seconds that a kernel waits for a page that went away.")
    abandoned_after.tag(config=True)
    limit = Integer(32, help="The most kernels that run at a time.").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
        self._managers: WeakSet[Any] = WeakSet()

    async def start_kernel(self, *args: Any, **kwargs: Any) -> str:  # type: ignore[override]
        """Start a kernel, or say that the laboratory is full.

        Raises
        ------
        HTTPError
            503 when `limit` kernels run already: one more would take the memory of all.
        """
        if len(self) >= self.limit:
            raise HTTPError(503, "All places are taken. Try again in a few minutes.")
        return await super().start_kernel(*args, **kwargs)

    def pre_start_kernel(self, *args: Any, **kwargs: Any) -> Any:
        """Prepare a kernel's start, and remember who manages it: `end` may come before it runs."""
        prepared: Any = super().pre_start_kernel(*args, **kwargs)
        self._managers.add(prepared[0])
        return prepared

    async def end(self) -> None:
        """Kill all kernels now, those on their way too, and drop what waits for them."""
        waiting = asyncio.all_tasks() - {asyncio.current_task()}
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting, timeout=0.3)
        for manager in self._managers:
            manager.stop_restarter()
            if manager.provisioner is not None and manager.provisioner.has_process:
                await manager.provisioner.kill()
        warnings.filterwarnings("ignore", "Unregistering FD", UserWarning)  # all ends at once
        self.context.destroy(linger=0)  # else leaving waits until dead kernels take their mail

    async def shutdown_kernel(  # type: ignore[override]
        self, kernel_id: str, *args: Any, **kwargs: Any
    ) -> None:
        """Stop a kernel and close its page's connection, so that the page learns of it."""
        if kernel_id not in self:  # a tab may report its end twice
            return
        stop: Any = super().shutdown_kernel
        await ensure_async(stop(kernel_id, *args, **kwargs))
        for connection in list(ZMQChannelsWebsocketConnection._open_sockets):
            if connection.kernel_id == kernel_id:
                connection.websocket_handler.close()

    async def free(self, kernel_id: str) -> None:
        """Stop a kernel if no page is connected to it."""
        if kernel_id in self and not self._kernel_connections.get(kernel_id):
            await self.shutdown_kernel(kernel_id)

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """Stop a kernel that idles, much sooner if no page ever connected to it."""
        idle = (datetime.now(UTC) - self._kernels[kernel_id].last_activity).total_seconds()
        if idle > 10 * self.abandoned_after:
            await self.free(kernel_id)
        if kernel_id in self:
            cull: Any = super().cull_kernel_if_idle
            await ensure_async(cull(kernel_id))
