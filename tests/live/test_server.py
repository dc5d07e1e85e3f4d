"""The server's settings and template let nothing in, nothing out, and no kernel linger."""

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.base.websocket import WebSocketMixin

from qlab.live.kernels import Connection, Kernels
from qlab.live.server import SHARE, configuration

TEMPLATE = SHARE / "voila" / "templates" / "qlab"


def test_a_link_can_change_neither_template_nor_theme() -> None:
    voila = configuration(Path()).VoilaConfiguration
    assert voila.allow_template_override == voila.allow_theme_override == "NO"
    assert voila.template == TEMPLATE.name
    assert voila.show_tracebacks is False


def test_only_the_scripts_that_apps_need_are_sent() -> None:
    assert configuration(Path()).VoilaConfiguration.extension_allowlist == [
        "@voila-dashboards/widgets-manager8",
        "@jupyter-widgets/jupyterlab-manager",
        "anywidget",
    ]


def test_kernels_are_bounded_and_a_dead_one_is_not_restarted() -> None:
    c = configuration(Path(), preheat=2, idle=600, limit=5)
    assert c.VoilaConfiguration.default_pool_size == 2
    assert (c.Kernels.cull_idle_timeout, c.Kernels.cull_connected, c.Kernels.limit) == (
        600,
        True,
        5,
    )
    assert c.KernelRestarter.restart_limit == 0
    assert c.Voila.kernel_websocket_connection_class is Connection
    assert c.VoilaConfiguration.multi_kernel_manager_class is Kernels


@pytest.mark.parametrize(
    ("path", "waits"),
    [("quantize.ipynb", True), ("apps/prune.ipynb", True), ("distill.ipynb", True),
     ("index.ipynb", False), ("pack.ipynb", False), ("apps/unquantize.ipynb", False)],
)  # fmt: skip
def test_a_kernel_waits_for_the_first_three_apps_alone(path: str, waits: bool) -> None:
    (pattern,) = configuration(Path()).VoilaKernelManager.preheat_denylist
    assert (re.match(pattern, path) is None) == waits


def test_kernels_listen_at_files_unless_their_names_are_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for folder, by in (("/tmp", "ipc"), ("/" + 41 * "x", "ipc"), ("/" + 42 * "x", "tcp")):
        monkeypatch.setattr(tempfile, "gettempdir", lambda folder=folder: folder)
        assert configuration(Path()).KernelManager.transport == by
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/tmp")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert configuration(Path()).KernelManager.transport == "tcp"


def test_the_template_names_no_other_host() -> None:
    for path in TEMPLATE.iterdir():
        hosts = re.findall(r"https?://([\w.-]+)", path.read_text(encoding="utf-8"))
        assert set(hosts) <= {"www.w3.org"}, path.name  # a namespace, never asked


def test_the_scripts_are_asked_for_in_the_head_and_run_beside_the_cells() -> None:
    page = (TEMPLATE / "index.html.j2").read_text()
    address = "{{ resources.base_url }}{{ resources.qlab_scripts }}"
    assert page.index(f'rel="preload" as="script" href="{address}"') < page.index("<style>")
    script = page.index(f'<script async src="{address}"')
    assert page.index("jupyter-config-data") < script < page.index("cell_generator")


def test_the_next_kernel_does_not_start_beside_a_page_that_loads() -> None:
    assert 2.5 <= configuration(Path()).VoilaKernelManager.fill_delay <= 5  # cold takes 2.5 s


def test_names_that_hold_a_hash_are_not_asked_for_again() -> None:
    kept = configuration(Path()).Voila.tornado_settings["static_immutable_cache"]
    assert kept == ["/voila/labextensions/"]


def test_the_template_extends_lab() -> None:
    assert json.loads((TEMPLATE / "conf.json").read_text())["base_template"] == "lab"


def test_a_page_that_answers_every_ping_is_never_taken_for_gone(tmp_path: Path) -> None:
    """An answer is as old as the interval when the next ping is sent: that is not too old."""
    page: Any = WebSocketMixin()
    page.settings = dict(configuration(tmp_path).Voila.tornado_settings)
    assert page.ping_timeout >= 2 * page.ping_interval > 0
