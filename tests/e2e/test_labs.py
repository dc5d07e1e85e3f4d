"""A lab in JupyterLab, as a learner opens it: run all cells, drag the slider, see it follow."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, TimeoutError

from tests.e2e.harness import HOST, ROOT, App, until

TOKEN = "only-for-this-test"
LAB = "02_affine_quantizer.ipynb"


@pytest.fixture
def jupyterlab(tmp_path: Path) -> Iterator[str]:
    """``qlab lab`` on a copy of the labs, with settings of its own; gives its address."""
    labs = shutil.copytree(ROOT / "labs", tmp_path / "labs")  # JupyterLab saves what it ran
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    folders = {
        f"JUPYTER{name}": str(tmp_path / name.strip("_").lower())
        for name in ("_CONFIG_DIR", "_RUNTIME_DIR", "LAB_SETTINGS_DIR", "LAB_WORKSPACES_DIR")
    }
    environment = os.environ | folders | {"QLAB_LABS": str(labs), "JUPYTER_TOKEN": TOKEN}
    command = [sys.executable, "-m", "qlab.cli", "lab", "--no-browser", f"--port={port}"]
    log = tmp_path / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, env=environment, start_new_session=True
        )
    address = f"http://{HOST}:{port}/"

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return urlopen(f"{address}api").status == 200
        except OSError:
            return False

    try:
        until(answers, 60, "JupyterLab answers")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def run_all(page: Page) -> None:
    """Run all cells; a kernel that only just came up may not hear it the first time."""
    for _ in range(3):
        dialog = page.locator(".jp-Dialog", has_text="Select Kernel")
        if dialog.count():  # JupyterLab asks where the list of kernels came late
            dialog.get_by_role("button", name="Select Kernel").click()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        try:
            return page.locator(".jp-OutputArea-output").first.wait_for(timeout=20_000)
        except TimeoutError:
            page.keyboard.press("Escape")
    raise AssertionError("no cell gave an output")


def bring_to_sight(page: Page, cell: str, part: str) -> None:
    """Scroll until a part of a cell's output is seen.

    JupyterLab draws only the cells in view, and outputs that grow above push others out of it.
    """
    found = page.locator(".jp-CodeCell", has_text=cell)

    def seen() -> bool:
        if not found.count():
            page.mouse.wheel(0, 400)
        elif not page.locator(part).count():
            found.first.scroll_into_view_if_needed()
        return page.locator(part).first.is_visible()

    until(seen, 90, f"{part} is seen")


def test_a_lab_runs_in_jupyterlab_and_its_instrument_follows_the_hand(
    browser: Browser, jupyterlab: str
) -> None:
    server: Any = None  # JupyterLab isn't the apps' server
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        app = App(context, server)
        page = app.page
        page.goto(f"{jupyterlab}lab/tree/{LAB}?token={TOKEN}", wait_until="commit")
        # ready once the kernel is: then the toolbar says that it idles
        page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=90_000)
        run_all(page)
        bring_to_sight(page, "bench = Quantize(", ".qlab-bits .noUi-handle")
        app.settle()
        before, picture = app.value("accuracy"), app.picture()
        app.drag("bits", 0.0)
        until(lambda: app.value("accuracy") < before, what="the accuracy follows")
        until(lambda: app.picture() != picture, what="the picture follows")
        assert (
            page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').all_inner_texts()
            == []
        )
        assert app.hosts <= {HOST}
