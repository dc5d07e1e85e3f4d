"""The server of the apps: Voila, set up so that a laboratory is quick, closed and tidy.

What differs from a stock Voila, and why:

- Kernels are those of `qlab.live.kernels`; for each app of `WARM` one waits, its notebook run.
- The front page is drawn without a kernel: a look at it costs no memory.
- No other program can take a kernel's place (on Linux), whoever else looks for free ports.
- A busy port is refused, and the address is told only once it answers.
- A link can change neither template nor theme (one runs scripts, the other hangs a kernel).
- No request leaves the host; no page lists the server's files; no traceback reaches a page.
"""

import gc
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import nbformat
from nbconvert.filters import markdown2html_mistune
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets
from tornado.web import HTTPError, RedirectHandler
from traitlets.config import Config
from voila.app import Voila
from voila.handler import BaseVoilaHandler
from voila.tornado.contentshandler import VoilaContentsHandler
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.treehandler import TornadoVoilaTreeHandler

from qlab.live.bundle import Bundle, Scripts
from qlab.live.forked import Original, possible
from qlab.live.kernels import Connection, Kernels, Specs, environment

__all__ = ["EXTENSIONS", "Apps", "configuration", "serve"]

SHARE = Path(__file__).parent / "share"  # holds voila/templates/qlab
FRONT = "index.ipynb"
WARM = ("quantize", "prune", "distill")  # what a newcomer opens first; a kernel is 100 MB
LONGEST_SOCKET = 107  # characters of the path of a Unix socket
LOOPBACK, EVERYWHERE = "127.0.0.1", ("", "0.0.0.0", "::")
EXTENSIONS = [
    "@voila-dashboards/widgets-manager8",
    "@jupyter-widgets/jupyterlab-manager",
    "anywidget",
]


def configuration(folder: Path, *, preheat: int = 1, idle: int = 7200, limit: int = 32) -> Config:
    """Write Voila's settings for a folder of apps.

    Parameters
    ----------
    folder
        Where the notebooks lie.
    preheat
        Kernels that wait warm for each app of `WARM`, about 100 MB each; 0 starts all on demand.
    idle
        Seconds after which an untouched kernel is stopped, even if its page is still open.
    limit
        The most kernels that run at a time.

    Returns
    -------
    Config
        For `Apps`.

    Examples
    --------
    >>> configuration(Path("apps"), preheat=0).VoilaConfiguration.preheat_kernel
    False
    """
    c = Config()
    c.Voila.root_dir = str(folder.resolve())
    c.Voila.open_browser = False
    c.Voila.log_level = "ERROR"
    c.Voila.kernel_websocket_connection_class = Connection
    c.Voila.tornado_settings = {
        "static_immutable_cache": ["/voila/labextensions/"],  # these names hold a hash
    }
    c.VoilaConfiguration.template = "qlab"
    c.VoilaConfiguration.allow_template_override = "NO"
    c.VoilaConfiguration.allow_theme_override = "NO"
    c.VoilaConfiguration.show_tracebacks = False
    c.VoilaConfiguration.extension_allowlist = EXTENSIONS
    c.VoilaConfiguration.multi_kernel_manager_class = Kernels
    c.VoilaConfiguration.kernel_spec_manager_class = Specs
    c.VoilaConfiguration.preheat_kernel = preheat > 0
    c.VoilaConfiguration.default_pool_size = preheat
    c.VoilaKernelManager.preheat_denylist = [rf"(?!(?:.*/)?(?:{'|'.join(WARM)})\.ipynb$)"]
    c.VoilaKernelManager.fill_delay = 3.0  # seconds: the next kernel starts when the page stands
    c.Kernels.limit = limit
    c.Kernels.cull_idle_timeout = idle
    c.Kernels.cull_interval = 60
    c.Kernels.cull_connected = True
    c.KernelManager.transport = transport()
    c.KernelRestarter.restart_limit = 0  # a kernel that died stays dead; its page says so
    c.KernelRestarter.time_to_dead = 1.0  # seconds until that is noticed
    return c


def transport() -> str:
    """Name the way to the kernels: files if this system can, else ports.

    A free port is looked for before the kernel that listens at it is there. Whoever takes it in
    between, a browser for instance, ends that kernel and its page stays empty. The files lie in a
    folder that only this user may enter.

    Returns
    -------
    str
        "ipc" or "tcp".
    """
    folder = len(tempfile.gettempdir())  # Voila's, the file's and the socket's name take 65 more
    return "ipc" if sys.platform == "linux" and folder + 65 <= LONGEST_SOCKET else "tcp"


class Page(TornadoVoilaHandler):
    """An app's page.  It carries the cookie without which a closing tab cannot free its kernel."""

    async def prepare(self) -> None:
        """Set the cookie before the page is streamed."""
        await super().prepare()
        self.xsrf_token  # noqa: B018  reading the property is what sets the cookie


class Front(BaseVoilaHandler):
    """The front page: the text cells of index.ipynb, without a kernel."""

    async def get(self) -> None:
        """Draw the page."""
        path = Path(self.settings["voila"].root_dir) / FRONT
        if not path.is_file():
            raise HTTPError(404)
        notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
        texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
        title = notebook.metadata.get("title", "qlab")
        html = markdown2html_mistune("\n\n".join(texts))
        self.write(self.render_template("front.html", title=title, content=html))


class Apps(Voila):
    """Voila on sockets that are already ours, so that the port is the one asked for."""

    config_file_paths: ClassVar[list[str]] = []  # a Voila of the user's has its own settings

    def __init__(
        self, sockets: list[socket.socket], on_ready: Callable[[str], None], config: Config
    ) -> None:
        super().__init__(config=config)
        self.sockets, self.on_ready = sockets, on_ready

    def init_handlers(self) -> list[Any]:
        """Serve front page and apps; list no folders."""
        unlisted = (TornadoVoilaTreeHandler, VoilaContentsHandler)
        front = {"voila_configuration": self.voila_configuration}
        bundle = self.bundle = Bundle(self.static_paths, self.labextensions_path)
        resources = {"qlab_scripts": bundle.address}
        self.voila_configuration.config.VoilaConfiguration.resources = resources
        handlers: list[Any] = [
            (f"{self.server_url}{bundle.address}", Scripts, {"bundle": bundle}),
            (self.server_url, RedirectHandler, {"url": f"voila/render/{FRONT}"}),
            (f"{self.server_url}voila/render/{FRONT}", Front, front),
        ]
        for pattern, handler, *options in super().init_handlers():
            if handler not in unlisted:
                page = Page if handler is TornadoVoilaHandler else handler
                handlers.append((pattern, page, *options))
        return handlers

    def listen(self) -> None:
        """Serve until Ctrl-C, then stop at once and in silence, undisturbed by a second one."""
        HTTPServer(self.app).add_sockets(self.sockets)
        self.ioloop = IOLoop.current()
        self.ioloop.add_callback(self.announce)
        self.ioloop.run_in_executor(None, lambda: self.bundle.packed)  # before anybody asks
        # between two callbacks: an exception inside one would be that one's, traceback and all
        signal.signal(signal.SIGINT, self._handle_signal_stop)
        try:
            self.ioloop.start()
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self.stop()

    def stop(self) -> None:
        """End the kernels, those that are still starting too; nobody is told why they ended."""
        logging.disable(logging.CRITICAL)
        shutil.rmtree(self.connection_dir, ignore_errors=True)
        self.ioloop.run_sync(self.kernel_manager.end)
        if Original.present:
            Original.present.end()
        gc.freeze()  # leaving looks for no garbage: that took half a second

    async def announce(self) -> None:
        """Ask for the front page; once an answer came, say where it is."""
        host = LOOPBACK if self.ip in EVERYWHERE else self.ip
        address = f"http://[{host}]:{self.port}/" if ":" in host else f"http://{host}:{self.port}/"
        await AsyncHTTPClient().fetch(address, request_timeout=60, raise_error=False)
        self.on_ready(address)


def serve(
    folder: Path, *, port: int, ip: str, on_ready: Callable[[str], None], **settings: int
) -> None:
    """Serve the apps in a folder until Ctrl-C.

    Parameters
    ----------
    folder
        Where the notebooks lie, index.ipynb among them.
    port
        0 takes a free one.
    ip
        The address to listen on.
    on_ready
        Called with the front page's address, once it answers.
    **settings
        As `configuration` takes them.

    Raises
    ------
    OSError
        If the port is in use or not allowed, or the address isn't this machine's.
    """
    sockets = bind_sockets(port, ip)
    search = os.environ.get("JUPYTER_PATH")
    os.environ["VOILA_APP_IP"] = (
        LOOPBACK if ip in EVERYWHERE else ip
    )  # where kernels ask for a link
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(SHARE), search]))
    # no news: a page that left in mid-message; that Jupyter, which pings every 30 s, waits for
    # three answers (with one, as tornado proposes, a ping could part a page from its kernel)
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    if possible():
        Original(environment())  # gets ready while the server does
    config = configuration(folder, **settings)
    config.Voila.port, config.Voila.ip = sockets[0].getsockname()[1], ip
    app = Apps.instance(sockets, on_ready, config)  # the instance that loggers look for
    app.initialize([])
    app.start()
