"""A kernel that was warm before its visitor came learns the page's address."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from qlab.live.link import query_string

late = threading.Event()  # set when the kernel named "late" gets its visitor


class Teller(WebSocketHandler):
    async def open(self, kernel: str) -> None:
        while kernel == "late" and not late.is_set():
            await asyncio.sleep(0.01)
        self.write_message(json.dumps({"QUERY_STRING": f"bits=2&kernel={kernel}"}))


@pytest.fixture
def port() -> Iterator[int]:
    late.clear()
    sockets = bind_sockets(0, "127.0.0.1")
    loop = asyncio.new_event_loop()

    async def serve() -> HTTPServer:
        server = HTTPServer(Application([(r"/voila/query/(.*)", Teller)]))
        server.add_sockets(sockets)
        return server

    async def stop(server: HTTPServer) -> None:
        server.stop()
        await server.close_all_connections()
        await asyncio.sleep(0.05)

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(serve(), loop).result()
    yield sockets[0].getsockname()[1]
    asyncio.run_coroutine_threadsafe(stop(server), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_cold_kernel_reads_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOILA_PREHEAT", "False")
    monkeypatch.setenv("QUERY_STRING", "bits=3")
    assert query_string() == "bits=3"


def test_a_warm_kernel_asks_the_server(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("VOILA_PREHEAT", "True")
    monkeypatch.setenv("VOILA_APP_PORT", str(port))
    monkeypatch.setenv("VOILA_KERNEL_ID", "k-1")
    assert query_string() == "bits=2&kernel=k-1"


def test_a_warm_kernel_works_until_its_visitor_comes(
    monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    monkeypatch.setenv("VOILA_PREHEAT", "True")
    monkeypatch.setenv("VOILA_APP_PORT", str(port))
    monkeypatch.setenv("VOILA_KERNEL_ID", "late")
    slices: list[int] = []

    def work() -> bool:
        slices.append(len(slices))
        if len(slices) == 40:
            late.set()  # the visitor comes
        time.sleep(0.01)
        return True  # there is always more to do

    assert query_string(work) == "bits=2&kernel=late"
    assert 40 <= len(slices) < 400


def test_work_that_is_done_is_not_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    monkeypatch.setenv("VOILA_PREHEAT", "True")
    monkeypatch.setenv("VOILA_APP_PORT", str(port))
    monkeypatch.setenv("VOILA_KERNEL_ID", "late")
    slices: list[int] = []

    def work() -> bool:
        slices.append(len(slices))
        if len(slices) == 3:
            threading.Timer(0.3, late.set).start()
        return len(slices) < 3

    assert query_string(work) == "bits=2&kernel=late"
    assert len(slices) == 3


def test_a_server_that_is_gone_leaves_an_empty_link(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (free,) = bind_sockets(0, "127.0.0.1")
    monkeypatch.setenv("VOILA_PREHEAT", "True")
    monkeypatch.setenv("VOILA_APP_PORT", str(free.getsockname()[1]))
    free.close()
    assert query_string() == ""
    assert "did not tell" in caplog.text
