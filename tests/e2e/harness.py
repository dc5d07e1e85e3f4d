"""The hands and eyes of the browser tests: a server as a user starts it, a page as a user sees it.

`Server` is ``qlab apps`` in a process of its own.  `App` is one open tab: it counts console errors,
failed requests and the hosts that anything was asked of; it drags sliders with mouse or keys,
reads the numbers (``<output class="qlab-value" data-name=…>``) and the pictures, waits until both
have come to rest, and runs axe-core.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Locator, Page, WebSocket

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
READY = "The apps are at "
SNAPSHOT = """() => {
  const hash = (text) => {  // of a picture's source: sent whole, it is most of the work
    let h = 0;
    for (let i = 0; i < text.length; i++) h = (Math.imul(h, 31) + text.charCodeAt(i)) | 0;
    return h;
  };
  return JSON.stringify([
    [...document.querySelectorAll("output.qlab-value")].map((o) => [{...o.dataset}, o.textContent]),
    [...document.querySelectorAll("img.qlab-figure, .qlab-figure img")].map((i) => hash(i.src)),
  ]);
}"""

STANDING = """() => ({
  address: location.href,
  message: document.querySelector(".qlab-message [role=alert]")?.textContent,
  controls: [...document.querySelectorAll(".qlab-control")].map((control) => [
    [...control.classList].at(-1),
    control.querySelector(".noUi-handle")?.getAttribute("aria-valuenow"),
    control.querySelector(".widget-readout, select")?.textContent.slice(0, 40),
  ].join(" ")),
  numbers: [...document.querySelectorAll("output.qlab-value")]
    .map((o) => `${o.dataset.name}=${o.dataset.value} (${o.dataset.n})`),
})"""
MESSAGE = re.compile(rb'"msg_id": ?"([^"]+)"')
IDLE = re.compile(rb'"execution_state": ?"idle"')


def as_bytes(frame: str | bytes) -> bytes:
    """Return a frame of a kernel's socket, of either protocol, as bytes."""
    return frame.encode() if isinstance(frame, str) else frame


def until(condition: Callable[[], Any], seconds: float = 20, what: str = "") -> Any:
    """Return the first true value of a condition, or fail when the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds:g} s: {what or condition}")


def kernels(pid: int) -> dict[str, psutil.Process]:
    """Return the kernels below a server's process, by their id."""
    found = {}
    for child in psutil.Process(pid).children(recursive=True):
        try:
            words = child.cmdline()
        except psutil.Error:
            continue
        if "ipykernel_launcher" in words:
            file = Path(words[words.index("-f") + 1])
            found[file.stem.removeprefix("kernel-")] = child
    return found


class Server:
    """``qlab apps`` on a free port; `first` is a statement that runs in its process before."""

    def __init__(
        self, log: Path, *options: str, apps: Path | None = None, port: int = 0, first: str = "pass"
    ) -> None:
        self.log = log
        start = f"import sys, qlab.cli; {first}; sys.exit(qlab.cli.main())"
        command = [sys.executable, "-c", start, "apps", "--no-browser", f"--port={port}"]
        environment = os.environ | ({"QLAB_APPS": str(apps)} if apps else {})
        with log.open("w") as file:
            self.process = subprocess.Popen(
                [*command, *options], stdout=file, stderr=file, env=environment, cwd=ROOT
            )
        try:
            until(self.answers, 60, "the server tells its address")
        except AssertionError:
            self.stop()
            raise
        self.address = self.text().split(READY)[1].split()[0]

    def text(self) -> str:
        """Return what the server wrote so far."""
        return self.log.read_text()

    def answers(self) -> bool:
        """Tell whether the address was printed; fail at once if the server ended instead."""
        assert self.process.poll() is None, self.text()
        return READY in self.text()

    def kernels(self) -> dict[str, psutil.Process]:
        """Return the kernels that run, warm ones included, by their id."""
        return kernels(self.process.pid)

    def stop(self) -> int:
        """Press Ctrl-C and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class App:
    """One open page.

    Attributes
    ----------
    page
        Playwright's page.
    errors
        Console errors and uncaught exceptions.
    failed
        Requests without an answer, or with one from 400 up.
    hosts
        Every host that anything was asked of.
    waiting
        Messages to the kernel that it is not through with.
    root
        Where controls, numbers and pictures are looked for: the page, or a part of it.
    """

    def __init__(self, context: BrowserContext, server: Server) -> None:
        self.server = server
        self.errors: list[str] = []
        self.failed: list[str] = []
        self.hosts: set[str] = set()
        self.waiting: set[bytes] = set()
        self.page: Page = context.new_page()
        self.root: Page | Locator = self.page
        self.page.on("console", lambda m: m.type == "error" and self.errors.append(m.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.ask(request.url))
        self.page.on("websocket", self.listen)
        self.page.on("requestfailed", lambda request: self.failed.append(request.url))
        self.page.on("response", lambda r: r.status >= 400 and self.failed.append(r.url))

    def listen(self, socket: WebSocket) -> None:
        """Note what a page sends to its kernel and what the kernel has not done yet."""
        self.ask(socket.url)

        def sent(frame: str | bytes) -> None:
            if b"comm_msg" in (frame := as_bytes(frame)):
                self.waiting.add(MESSAGE.findall(frame)[0])

        def received(frame: str | bytes) -> None:
            if IDLE.search(frame := as_bytes(frame)):
                self.waiting.difference_update(MESSAGE.findall(frame))

        socket.on("framesent", sent)
        socket.on("framereceived", received)
        socket.on("close", lambda _: self.waiting.clear())

    def ask(self, url: str) -> None:
        """Note the host of a request; data: and blob: ask none."""
        if host := urlsplit(url).hostname:
            self.hosts.add(host)

    def open(self, name: str, query: str = "", *, wait: str = ".noUi-handle:visible") -> "App":
        """Open an app by its name and wait for its first slider (or for another selector)."""
        url = f"{self.server.address}voila/render/{name}.ipynb{'?' if query else ''}{query}"
        self.page.goto(url, wait_until="commit")
        self.page.wait_for_selector(wait, timeout=45_000)
        return self

    def report(self) -> str:
        """Say how the page stands: what a failed test's reader would look at."""
        if self.page.is_closed():
            return "closed"
        found = self.page.evaluate(STANDING)
        told = {"errors": self.errors, "failed": self.failed, "waiting": sorted(self.waiting)}
        return "\n".join(f"{name}: {what}" for name, what in {**found, **told}.items())

    @property
    def kernel(self) -> str:
        """The id of the page's kernel."""
        return self.page.evaluate(
            "JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId"
        )

    def control(self, trait: str) -> Locator:
        """Find the control of a trait, by its CSS class."""
        return self.root.locator(f".qlab-{trait}").first

    def output(self, name: str) -> Mapping[str, str]:
        """Return a number with all that it carries: value, low, high, n, source; and its text."""
        found = self.root.locator(f'output.qlab-value[data-name="{name}"]').first
        return found.evaluate("(o) => ({...o.dataset, text: o.textContent})")

    def value(self, name: str) -> float:
        """Return a number's value."""
        return float(self.output(name)["value"])

    def picture(self, index: int = 0) -> bytes:
        """Return the pixels of a figure, as a PNG."""
        return self.root.locator("img.qlab-figure, .qlab-figure img").nth(index).screenshot()

    def settle(self, rest: float = 0.5, seconds: float = 60, snapshot: str = SNAPSHOT) -> None:
        """Wait until the kernel did all it was told and nothing on the page changed for a while."""
        seen, since, end = "", time.monotonic(), time.monotonic() + seconds
        while time.monotonic() - since < rest:
            assert time.monotonic() < end, f"not at rest within {seconds:g} s"
            if (now := self.page.evaluate(snapshot)) != seen or self.waiting:
                seen, since = now, time.monotonic()
            self.page.wait_for_timeout(50)

    def measured(self, name: str = "accuracy") -> float:
        """Return a share, once it was measured on all test images for what the hand left."""
        self.settle(rest=0.2, snapshot="''")
        until(lambda: self.output(name).get("n") == "10000", 60, "all images are measured")
        shown = self.output(name)
        assert (shown["source"], shown["n"]) == ("measured", "10000")
        return float(shown["value"])

    def drag(self, trait: str, fraction: float, steps: int = 12) -> None:
        """Drag a slider with the mouse to a fraction of its length."""
        control = self.control(trait)
        control.scroll_into_view_if_needed()
        handle = control.locator(".noUi-handle").first.bounding_box()
        base = control.locator(".noUi-base").first.bounding_box()
        assert handle and base, f"slider {trait} is not visible"
        mouse, y = self.page.mouse, handle["y"] + handle["height"] / 2
        mouse.move(handle["x"] + handle["width"] / 2, y)
        mouse.down()
        beyond = {0.0: -4, 1.0: 4}.get(fraction, 0)  # a hand pulls until the slider stops
        mouse.move(base["x"] + fraction * base["width"] + beyond, y, steps=steps)
        mouse.up()

    def press(self, trait: str, key: str, times: int = 1) -> None:
        """Move a slider with the keyboard: ArrowRight, ArrowLeft, Home, End, PageUp, PageDown."""
        handle = self.control(trait).locator(".noUi-handle").first
        handle.focus()
        for _ in range(times):
            handle.press(key)

    def slider(self, trait: str) -> float:
        """Return the value that a slider tells a screen reader."""
        handle = self.control(trait).locator(".noUi-handle").first
        return float(handle.get_attribute("aria-valuenow") or "nan")

    def choose(self, trait: str, label: str) -> None:
        """Choose an option of a drop-down list by its text."""
        self.control(trait).locator("select").first.select_option(label=label)

    def click(self, hook: str) -> None:
        """Press a button by its hook: ``click("reset")`` presses ``.qlab-reset``."""
        control = self.control(hook)
        is_button = control.evaluate("(e) => e.tagName === 'BUTTON'")
        (control if is_button else control.locator("button").first).click()

    def violations(self, *within: str) -> list[str]:
        """Return what axe-core finds serious or critical, everywhere or within some selectors."""
        where = {"include": [[css] for css in within]} if within else None
        found = Axe().run(self.page, where).response["violations"]
        return [
            f"{rule['id']}: {rule['help']}: " + "; ".join(node["html"] for node in rule["nodes"])
            for rule in found
            if rule["impact"] in ("serious", "critical")
        ]

    def is_clean(self) -> None:
        """Assert that nothing failed, nothing complained, and no request left this machine."""
        assert self.errors == [], self.errors
        shown = self.page.evaluate("[...document.images].map((image) => image.src)")
        replaced = {u for u in self.failed if u.startswith("blob:") and u not in shown}
        assert not (missed := set(self.failed) - replaced), missed  # a picture may come too late
        assert self.hosts <= {HOST}

    def close(self) -> None:
        """Close the tab as a user does, with its parting messages."""
        self.page.close(run_before_unload=True)
