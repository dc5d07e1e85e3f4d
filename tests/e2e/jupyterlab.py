"""JupyterLab as a learner uses it: the server on a folder of labs, and a notebook in its page.

JupyterLab draws only the cells near the view, and outputs that grow push others out of it. So a
`Notebook` names cells by their number in the file, scrolls until the cell is drawn, and waits for
what it waits for; nothing here sleeps and hopes.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import BrowserContext, Locator, TimeoutError

from tests.e2e.harness import HOST, App, until

TOKEN = "only-for-this-test"
PATIENCE = 120  # seconds for a cell, on two cores that others use as well
STDERR = '[data-mime-type="application/vnd.jupyter.stderr"]'
ERROR = '[data-mime-type="application/vnd.jupyter.error"]'
FOLDERS = ("_CONFIG_DIR", "_DATA_DIR", "_RUNTIME_DIR", "LAB_SETTINGS_DIR", "LAB_WORKSPACES_DIR")
SOON = 2_000  # milliseconds, for what is there unless it is drawn anew
NO_KERNEL, SELECT = "No Kernel", "Select Kernel"
ANSWERS = {SELECT: SELECT, "Loading…": "Keep Waiting"}  # from a question's title to its button
NEWS = "@jupyterlab/apputils-extension/notification.jupyterlab-settings"


class JupyterLab:
    """``qlab lab`` on a folder, on a free port, with settings of its own.

    Parameters
    ----------
    labs
        The folder; JupyterLab saves into it what it ran.
    home
        An empty folder for settings and the log.
    more
        Further environment variables, of the kernels too.
    """

    def __init__(self, labs: Path, home: Path, more: Mapping[str, str] | None = None) -> None:
        with socket.socket() as free:
            free.bind((HOST, 0))
            port = free.getsockname()[1]
        folders = {f"JUPYTER{name}": str(home / name.strip("_").lower()) for name in FOLDERS}
        environment = os.environ | folders | {"QLAB_LABS": str(labs), "JUPYTER_TOKEN": TOKEN}
        command = [sys.executable, "-m", "qlab.cli", "lab", "--no-browser", f"--port={port}"]
        answered = Path(folders["JUPYTERLAB_SETTINGS_DIR"]) / NEWS  # asked once, over the page
        answered.parent.mkdir(parents=True)
        answered.write_text('{"fetchNews": "false", "checkForUpdates": false}', encoding="utf-8")
        self.log = home / "jupyterlab.txt"
        with self.log.open("w") as file:
            self.process = subprocess.Popen(
                command,
                stdout=file,
                stderr=file,
                env=environment | dict(more or {}),
                start_new_session=True,
            )
        self.address = f"http://{HOST}:{port}/"
        try:
            until(self.answers, PATIENCE, "JupyterLab answers")
        except AssertionError:
            self.stop()
            raise

    def answers(self) -> bool:
        """Tell whether it answers; fail at once if it ended instead."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            return urlopen(f"{self.address}api").status == 200
        except OSError:
            return False

    def start_kernel(self, notebook: str) -> None:
        """Start a notebook's kernel: a page that opens it then has nothing to ask."""
        session = {"path": notebook, "name": notebook, "type": "notebook"}
        body = json.dumps(session | {"kernel": {"name": "python3"}}).encode()
        headers = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
        urlopen(Request(f"{self.address}api/sessions", body, headers), timeout=PATIENCE).close()

    def stop(self) -> None:
        """End it, and the kernels with it."""
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Notebook(App):
    """A notebook open in JupyterLab, run once from first to last.

    Parameters
    ----------
    context
        Of the browser.
    lab
        The server.
    path
        Of the notebook's file, inside the server's folder.
    """

    def __init__(self, context: BrowserContext, lab: JupyterLab, path: Path) -> None:
        server: Any = None  # JupyterLab isn't the apps' server
        super().__init__(context, server)
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        self.sources = ["".join(cell["source"]) for cell in cells]
        self.page.set_default_timeout(PATIENCE * 1000)
        self.asked: list[str] = []  # what JupyterLab wanted to know, over the page
        lab.start_kernel(path.name)
        self.page.goto(f"{lab.address}lab/tree/{path.name}?token={TOKEN}", wait_until="commit")
        until(self._has_kernel, PATIENCE, "the page has a kernel")
        self._run_all()

    def _has_kernel(self) -> bool:
        """Tell whether the page has its kernel: "idle" is what the toolbar says without one, too.

        Cells that are ordered to run before make JupyterLab ask which kernel it should take.
        """
        self._answer()
        idle = self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")
        name = self.page.locator(".jp-KernelName", has_not_text=NO_KERNEL)
        return bool(idle.count() and name.count())

    def _answer(self) -> None:
        """Answer what JupyterLab asks over the page, as a learner does; more may wait behind it."""
        dialog, ends = self.page.locator(".jp-Dialog"), time.monotonic() + PATIENCE
        while texts := dialog.all_inner_texts():
            self.asked += texts
            title = texts[0].partition("\n")[0]
            can = title in ANSWERS and time.monotonic() < ends
            assert can, f"JupyterLab asks, and has no answer: {texts[0]}"
            try:
                if title == SELECT:
                    kernels = dialog.locator("option", has_not_text=NO_KERNEL)
                    value = kernels.first.get_attribute("value", timeout=SOON)
                    dialog.locator("select").select_option(value, timeout=SOON)
                button = dialog.get_by_role("button", name=ANSWERS[title], exact=True)
                button.click(timeout=SOON)
                button.wait_for(state="detached", timeout=SOON)
            except TimeoutError:  # gone by itself meanwhile, or the next one is there
                pass

    def _run_all(self) -> None:
        """Run all cells; a kernel that only just came up may not hear it the first time."""
        page = self.page
        for _ in range(6):
            self._answer()
            try:
                self._order()
                return page.locator(".jp-OutputArea-output").first.wait_for(timeout=20_000)
            except TimeoutError:
                if not page.locator(".jp-Dialog").count():
                    page.keyboard.press("Escape")  # an open menu
        raise AssertionError(f"no cell gave an output; JupyterLab asked {set(self.asked)}")

    def _order(self) -> None:
        for name in ("Run", "Run All Cells"):
            self.page.get_by_role("menuitem", name=name, exact=True).click(timeout=20_000)

    def number(self, part: str) -> int:
        """Return the position of the cell whose source is this, or else the only one to hold it."""
        found = [i for i, source in enumerate(self.sources) if source == part]
        found = found or [i for i, source in enumerate(self.sources) if part in source]
        assert len(found) == 1, f"{part!r} is in the cells {found}"
        return found[0]

    def cell(self, part: str) -> Locator:
        """Scroll to a cell, wait until it has run, and make it what the hands work in."""
        number = self.number(part)
        node = self.page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{number}"]')
        until(lambda: self._seen(node, number), PATIENCE, f"the cell {part!r} is seen")
        self.root = node
        ends = time.monotonic() + PATIENCE
        while not self._ran(node, number):
            assert time.monotonic() < ends, f"the cell {part!r} has run: {self._prompt(node)}"
            if self._forgotten(node):
                self._run_all()
                until(lambda: self._seen(node, number), PATIENCE, f"the cell {part!r} is seen")
            time.sleep(0.05)
        return node

    def _forgotten(self, node: Locator) -> bool:
        """Tell whether a cell neither ran nor will: on a busy machine JupyterLab loses orders."""
        for _ in range(3):
            idle = self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").count()
            prompt = self._prompt(node) if node.count() else ""
            if not idle or "[ ]" not in prompt:  # [*] stands before one that was ordered
                return False
            self.page.wait_for_timeout(1_000)
        return True

    def widget(self, part: str, css: str) -> Locator:
        """Scroll to what a cell shows, and wait until it is drawn."""
        node, number = self.cell(part), self.number(part)
        found = node.locator(css).first

        def drawn() -> bool:
            return self._seen(node, number) and found.is_visible()

        until(drawn, PATIENCE, f"{css} of {part!r} is seen")
        found.scroll_into_view_if_needed()
        return found

    def write(self, part: str, source: str) -> None:
        """Put other code into a cell, as one who pastes it."""
        number = self.number(part)
        editor = self.cell(part).locator(".cm-content").first
        editor.click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(source)
        wanted = source.split()
        until(lambda: editor.inner_text().split() == wanted, what="the editor shows the code")
        self.sources[number] = source

    def run(self, part: str) -> Locator:
        """Run a cell with Shift+Enter and wait for its new number; return the cell."""
        node, number = self.cell(part), self.number(part)
        before = self._prompt(node)
        node.locator(".cm-content").first.click()
        self.page.keyboard.press("Shift+Enter")

        def again() -> bool:
            self._seen(node, number)
            return self._ran(node, number) and self._prompt(node) != before

        until(again, PATIENCE, f"the cell {part!r} has run again")
        return node

    def complaints(self) -> list[str]:
        """Return what the cells drawn now wrote as errors."""
        return self.page.locator(f"{STDERR}, {ERROR}").all_inner_texts()

    def _prompt(self, node: Locator) -> str:
        try:
            return node.locator(".jp-InputPrompt").first.text_content(timeout=2_000) or ""
        except TimeoutError:  # drawn anew meanwhile
            return ""

    def _ran(self, node: Locator, number: int) -> bool:
        if not self._seen(node, number):
            return False
        return re.fullmatch(r"\[\d+\]:?", self._prompt(node).strip()) is not None

    def _seen(self, node: Locator, number: int) -> bool:
        """Tell whether a cell is drawn; else turn the mouse wheel towards it."""
        if node.count():
            try:
                node.scroll_into_view_if_needed(timeout=2_000)
            except TimeoutError:  # drawn anew meanwhile
                return False
            return True
        drawn = self.page.locator(".jp-Notebook .jp-Cell[data-windowed-list-index]")
        numbers = [
            int(n) for n in drawn.evaluate_all("(all) => all.map(c => c.dataset.windowedListIndex)")
        ]
        if not numbers:
            return False
        panel = self.page.locator(".jp-WindowedPanel-outer").first.bounding_box()
        assert panel is not None
        self.page.mouse.move(panel["x"] + 20, panel["y"] + panel["height"] / 2)
        self.page.mouse.wheel(0, 500 if number > max(numbers) else -500)
        return False
