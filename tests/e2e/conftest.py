"""Fixtures of the browser tests; see `tests.e2e.harness` for what they hand out.

Use::

    def test_dragging_bits_changes_the_accuracy(visit):
        app = visit("quantize", "bits=8")        # opens the app, waits for its first slider
        app.settle()                             # until no number and no picture changes
        before, picture = app.value("accuracy"), app.picture()
        app.drag("bits", 0.0)                    # the mouse, to the left end of .qlab-bits
        app.settle()
        assert app.value("accuracy") < before and app.picture() != picture
        assert app.violations() == []            # axe-core, serious and critical
        app.is_clean()                           # no console error, no failed request

``visit`` opens the project's apps on `server`; ``probe`` opens tests/e2e/apps/NAME.ipynb on a
server of its own.  When a test ends its tabs are closed, and a request to any other host than
127.0.0.1 has failed it.  ``phone`` is ``visit`` in a window 390 pixels wide.

All tabs are those of one ``profile``, as a user's are: it keeps the scripts that it has compiled,
most of what opening an app costs.  A test that needs a browser which was nowhere before takes
``browser``.
"""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Playwright, sync_playwright

from tests.browser import executable
from tests.e2e.harness import HOST, App, Server

Visit = Callable[..., App]
OPENED = pytest.StashKey[list[App]]()  # the pages of a test, in the order of their opening
FLAGS = [
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def flags() -> list[str]:
    """Return what Chromium is started with: quiet, and without its sandbox as root."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*FLAGS, "--no-sandbox"] if root else FLAGS


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, Any]:
    """Say how its pages stand when a test fails: it may not fail again while somebody looks."""
    report = yield
    if report.when == "call" and report.failed:
        for number, app in enumerate(item.stash.get(OPENED, []), 1):
            with suppress(Error):  # the browser may be what failed
                report.sections.append((f"page {number}", app.report()))
    return report


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The driver of both browsers."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def profile(
    playwright: Playwright, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    """A user's Chromium; where none is installed, every test fails saying how to get it."""
    context = playwright.chromium.launch_persistent_context(
        tmp_path_factory.mktemp("profile"),
        executable_path=executable(),
        args=flags(),
        viewport={"width": 1280, "height": 900},
        permissions=["clipboard-read", "clipboard-write"],
    )
    yield context
    context.close()


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """A Chromium for contexts that know nothing of each other."""
    chromium = playwright.chromium.launch(executable_path=executable(), args=flags())
    yield chromium
    chromium.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The project's apps; each kernel starts when its page opens, none works for nobody."""
    running = Server(tmp_path_factory.mktemp("server") / "log.txt", "--preheat=0")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def probe_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The notebooks of tests/e2e/apps: the smallest pages with everything that an app needs."""
    log = tmp_path_factory.mktemp("probe") / "log.txt"
    running = Server(log, apps=Path(__file__).parent / "apps")
    yield running
    running.stop()


def visits(
    request: pytest.FixtureRequest, profile: BrowserContext, server: Server, width: int
) -> Iterator[Visit]:
    """Give a function that opens an app in a tab; close all tabs at the end."""
    told, apps = request.node.stash.setdefault(OPENED, []), list[App]()

    def visit(
        name: str | None = None, query: str = "", *, wait: str = ".noUi-handle:visible"
    ) -> App:
        app = App(profile, server)
        apps.append(app)
        told.append(app)
        app.page.set_viewport_size({"width": width, "height": 900})
        return app.open(name, query, wait=wait) if name else app

    yield visit
    for app in apps:
        app.page.close()
    assert set().union(*(app.hosts for app in apps)) <= {HOST}


@pytest.fixture
def visit(
    request: pytest.FixtureRequest, profile: BrowserContext, server: Server
) -> Iterator[Visit]:
    """Open an app of the project."""
    yield from visits(request, profile, server, 1280)


@pytest.fixture
def phone(
    request: pytest.FixtureRequest, profile: BrowserContext, server: Server
) -> Iterator[Visit]:
    """Open an app of the project in a window 390 pixels wide."""
    yield from visits(request, profile, server, 390)


@pytest.fixture
def probe(
    request: pytest.FixtureRequest, profile: BrowserContext, probe_server: Server
) -> Iterator[Visit]:
    """Open a notebook of tests/e2e/apps."""
    yield from visits(request, profile, probe_server, 1280)
