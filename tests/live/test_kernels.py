"""A kernel of a page: this Python, one thread, no delay, and no more of them than there is room."""

import asyncio
import subprocess
import sys
from types import SimpleNamespace

import pytest
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from tornado.web import HTTPError

from qlab.live.kernels import Connection, Kernels, Specs, environment


@pytest.mark.parametrize("name", ["python3", "conda-other", "ir"])
def test_every_notebook_gets_the_python_of_the_server(name: str) -> None:
    spec = Specs().get_kernel_spec(name)
    assert spec.argv[0] == sys.executable
    assert spec.env == environment()
    assert list(Specs().get_all_specs()) == ["python3"]


def test_linear_algebra_runs_on_one_thread_and_pictures_need_no_window() -> None:
    given = environment()
    assert {given[f"{name}_NUM_THREADS"] for name in ("OPENBLAS", "OMP", "MKL")} == {"1"}
    assert given["MPLBACKEND"] == "agg"


def test_a_kernel_keeps_some_freed_memory_but_not_a_heap_for_every_thread() -> None:
    given = environment()
    assert given["MALLOC_ARENA_MAX"] == "1"
    assert 2**20 < int(given["MALLOC_MMAP_THRESHOLD_"]) <= 2**23  # arrays of states, not of splits
    assert int(given["MALLOC_TRIM_THRESHOLD_"]) <= 2**25


def test_a_connection_sends_small_messages_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ZMQChannelsWebsocketConnection, "connect", lambda self: "connected")
    told: list[bool] = []
    page = SimpleNamespace(websocket_handler=SimpleNamespace(set_nodelay=told.append))
    monkeypatch.setattr(Connection, "websocket_handler", page.websocket_handler)
    assert Connection.connect(Connection.__new__(Connection)) == "connected"
    assert told == [True]


def test_no_kernel_starts_when_all_places_are_taken() -> None:
    kernels = Kernels(limit=0)
    with pytest.raises(HTTPError, match="All places are taken") as full:
        asyncio.run(kernels.start_kernel())
    assert full.value.status_code == 503


def test_stopping_a_kernel_twice_is_harmless() -> None:
    asyncio.run(Kernels().shutdown_kernel("gone"))


def test_an_app_starts_without_torch_and_without_voila() -> None:
    code = (
        "import sys, qlab.live as live; live.Quantize, live.Prune, live.Distil; print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert {"torch", "torchvision", "voila", "jupyter_server"} & set(loaded) == set()
