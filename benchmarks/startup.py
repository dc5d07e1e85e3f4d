"""From a click to the first slider that can be used, and what a kernel costs meanwhile.

A visit starts with the request of the quantize app and ends when a number on the page has changed
after an arrow key on its first slider: the kernel has answered.  A first visit comes with an empty
browser, a second with the scripts of the first.  The peer is Voila as it comes, with the same
notebook; what it asks of other hosts is refused at once, which flatters it where a network
swallows packets.  Memory is what a kernel holds for itself (USS) once its page is at rest, and
beside it what the process has that all kernels are copied from (RSS): once, however many they are.
"""

import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks import table
from tests.browser import executable
from tests.e2e.conftest import flags
from tests.e2e.harness import HOST, ROOT, Server, kernels, until

TITLE = "From a click to a slider that answers: quantize, LeNet-300-100"
VISITS = 5
WARM, COLD, KERNEL_MB = 1.5, 2.5, 120  # budgets: seconds, seconds, megabytes
PEER_VISITS = 3
REST = 2.5  # seconds in which a page comes to rest
WARM_UP = 3.5  # more seconds until the next kernel is warm
ALONE = f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOST}"  # other hosts: refused at once
APP = "voila/render/quantize.ipynb"
NUMBERS = "[...document.querySelectorAll('output.qlab-value')].map((o) => o.textContent).join()"
Visit = tuple[float, float, float, float]
MOVED = "performance.getEntriesByType('resource').reduce((sum, r) => sum + r.transferSize, 0)"


def use(page: Page, url: str) -> float:
    """Open an app, press a key on its first slider, return the seconds until a number changed."""
    start = time.perf_counter()
    page.goto(url, wait_until="commit")
    handle = page.locator(".noUi-handle").first
    handle.wait_for(timeout=60_000)
    page.wait_for_function(f"{NUMBERS} !== ''")
    before = page.evaluate(NUMBERS)
    handle.press("ArrowLeft")
    page.wait_for_function(f"(before) => {NUMBERS} !== before", arg=before)
    return time.perf_counter() - start


def visit(context: BrowserContext, url: str, pid: int, pause: float) -> Visit:
    """Return a visit's seconds, the megabytes sent, its kernel's at rest, and those it shares."""
    page = context.new_page()
    seconds = use(page, url)
    kernel = page.evaluate(
        "JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId"
    )
    moved = page.evaluate(MOVED) / 1e6
    page.wait_for_timeout(1000 * pause)
    process = kernels(pid)[kernel]
    memory = process.memory_full_info().uss / 1e6
    original = process.parent()
    shared = 0.0 if original is None or original.pid == pid else original.memory_info().rss / 1e6
    page.close(run_before_unload=True)
    return seconds, moved, memory, shared


def row(name: str, visits: list[Visit], budget: float) -> dict[str, object]:
    """Summarize visits of one kind."""
    seconds, moved, memory, shared = zip(*visits, strict=True)
    return {
        "server": name,
        "visits": len(visits),
        "median s": statistics.median(seconds),
        "slowest s": max(seconds),
        "budget s": budget or "",
        "MB sent": statistics.median(moved),
        "kernel MB": statistics.median(memory),
        "kernel budget MB": KERNEL_MB if budget else "",
        "shared by all MB": statistics.median(shared) or "",
    }


def measure(
    browser: Browser, name: str, address: str, pid: int, budget: float, pause: float = REST
) -> list[dict[str, object]]:
    """Visit an app some times with an empty browser, each time followed by a second visit."""
    first, second = [], []
    for _ in range(VISITS if budget else PEER_VISITS):
        with browser.new_context() as context:
            first.append(visit(context, address, pid, pause))
            second.append(visit(context, address, pid, pause))
    return [
        row(f"{name}, first visit", first, budget),
        row(f"{name}, second visit", second, budget),
    ]


def answers(url: str) -> bool:
    """Tell whether an address answers."""
    try:
        with urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except URLError:
        return False


def peer(browser: Browser, folder: Path) -> list[dict[str, object]]:
    """Measure Voila as it comes."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    address = f"http://{HOST}:{port}/"
    options = ["--no-browser", f"--port={port}", f"--Voila.ip={HOST}"]
    with (folder / "peer.txt").open("w") as log:
        command = [sys.executable, "-m", "voila", str(ROOT / "apps"), *options]
        voila = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until(lambda: answers(address), 60, "Voila answers")
        return measure(browser, "Voila as it comes", f"{address}{APP}", voila.pid, 0)
    finally:
        voila.terminate()
        voila.wait(30)


def run() -> list[dict[str, object]]:
    """Measure our server with and without warm kernels, then the peer.

    Returns
    -------
    list[dict[str, object]]
        A row for each server and kind of visit.
    """
    found: list[dict[str, object]] = []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=executable(), args=[*flags(), ALONE])
        for name, preheat, budget in (("warm kernel", 1, WARM), ("cold kernel", 0, COLD)):
            server = Server(Path(folder) / f"{preheat}.txt", f"--preheat={preheat}")
            try:
                time.sleep(preheat * (REST + WARM_UP))
                url, pause = f"{server.address}{APP}", REST + preheat * WARM_UP
                found += measure(browser, name, url, server.process.pid, budget, pause)
            finally:
                server.stop()
        found += peer(browser, Path(folder))
        browser.close()
    return found


def main() -> None:
    """Print the table."""
    print(table(TITLE, run()))


if __name__ == "__main__":
    main()
