"""What every page does, whatever instrument it holds: seen on the probe and the front page."""

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil
import pytest
from playwright.sync_api import Browser

from qlab.live.server import WARM
from tests.e2e.conftest import Visit
from tests.e2e.harness import READY, ROOT, App, Server, as_bytes, until

Start = Callable[..., Server]
INSTRUMENTS = sorted(path.stem for path in ROOT.glob("apps/*.ipynb") if path.stem != "index")

HOSTILE = {
    "60 kB": "bits=" + "9" * 60_000,
    "null byte": "bits=%00&%00=%00",
    "theme": "theme=%3Cscript%3Ealert(1)%3C/script%3E",
    "template": "template=reveal",
    "template climbing": "template=..%2F..%2Fetc",
    "script": "bits=%3Cscript%3Ealert(1)%3C/script%3E",
    "bytes": "bits=%ff%fe&=&&==&%",
}


STOPWATCH = """exec('''
import time
from qlab.live.server import Apps
signalled, stop = Apps._handle_signal_stop, Apps.stop
def begin(self, *args):
    self.since = time.perf_counter()
    signalled(self, *args)
def end(self):
    stop(self)
    print(time.perf_counter() - self.since, flush=True)
Apps._handle_signal_stop, Apps.stop = begin, end
''')"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Start]:
    """Start a server for one test, without warm kernels."""
    started: list[Server] = []

    def start(*options: str, first: str = "pass") -> Server:
        apps = Path(__file__).parent / "apps"
        log = tmp_path / "log.txt"
        started.append(Server(log, "--preheat=0", *options, apps=apps, first=first))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def test_the_probe_opens_clean(probe: Visit) -> None:
    app = probe("probe")
    app.page.get_by_text("anywidget works").wait_for()
    app.settle()
    assert app.violations() == []
    app.is_clean()


def test_a_page_asks_for_its_widgets_in_one_question(probe: Visit) -> None:
    app, sent = probe(), [b""]

    def keep(frame: str | bytes) -> None:
        sent.append(as_bytes(frame))

    app.page.on("websocket", lambda socket: socket.on("framesent", keep))
    app.open("probe")
    questions = b"\n".join(sent)
    assert questions.count(b'"request_states"') == 1
    assert questions.count(b'"request_state"') == 0


def test_mouse_and_keys_move_the_slider_and_the_number_follows(probe: Visit) -> None:
    app = probe("probe")
    app.drag("bits", 1.0)
    until(lambda: app.value("square") == 100)
    app.press("bits", "ArrowLeft", 3)
    until(lambda: app.value("square") == 49)
    assert app.slider("bits") == 7


def test_the_page_says_its_title_and_language_and_is_scaled_for_phones(probe: Visit) -> None:
    page = probe("probe").page
    assert page.title() == "Probe"
    assert page.locator("html").get_attribute("lang") == "en"
    assert "width=device-width" in (
        page.locator("meta[name=viewport]").get_attribute("content") or ""
    )


def test_the_first_tab_key_reaches_the_skip_link_and_it_leads_to_the_instrument(
    probe: Visit,
) -> None:
    page = probe("probe").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "qlab-skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "rendered_cells"


def test_a_page_takes_a_kernel_that_waits_warm_and_another_gets_ready(
    browser: Browser, tmp_path: Path
) -> None:
    server = Server(tmp_path / "log.txt")  # as a user starts it
    try:
        until(lambda: len(server.kernels()) == len(WARM), 60, "kernels wait")
        waiting = server.kernels().keys()
        with browser.new_context() as context:
            app = App(context, server).open("quantize", "bits=3")
            assert app.kernel in waiting
            assert app.slider("bits") == 3  # though it ran before the link was known
            until(lambda: len(server.kernels()) > len(WARM), 60, "another one waits")
            app.is_clean()
    finally:
        server.stop()


def test_closing_the_tab_frees_the_kernel(probe: Visit, probe_server: Server) -> None:
    app = probe("probe")
    kernel = app.kernel
    assert kernel in probe_server.kernels()
    app.close()
    until(lambda: kernel not in probe_server.kernels(), 10, "the kernel ends")


def test_a_browser_that_vanishes_frees_the_kernel_as_well(browser: Browser, own: Start) -> None:
    server = own(first="import qlab.live.kernels as k; k.Kernels.abandoned_after.default_value = 1")
    with browser.new_context() as context:
        app = App(context, server).open("probe")
        context.set_offline(True)  # its parting message never arrives
        kernel = app.kernel
        app.close()
        assert kernel in server.kernels()
        until(lambda: kernel not in server.kernels(), 10, "the kernel ends")


def test_a_full_laboratory_says_so(browser: Browser, own: Start) -> None:
    server = own("--limit=1")
    with browser.new_context() as context:
        first = App(context, server).open("probe")
        second = App(context, server).open("probe", wait="h1")
        assert "full" in second.page.locator("h1").inner_text()
        assert second.violations() == []
        first.drag("bits", 1.0)
        until(lambda: first.value("square") == 100)


def test_reloading_leaves_no_second_kernel(probe: Visit, probe_server: Server) -> None:
    app = probe("probe")
    first = app.kernel
    app.page.reload()
    app.page.wait_for_selector(".noUi-handle")
    until(lambda: first not in probe_server.kernels(), 10, "the first kernel ends")
    assert app.kernel in probe_server.kernels()


def banner(app: App) -> str:
    found = app.page.locator("#qlab-gone[role=alert]")
    found.wait_for(state="visible", timeout=15_000)
    assert found.get_by_role("button", name="Reload").is_visible()
    return found.inner_text()


def test_killing_the_kernel_shows_the_banner_and_reload_mends_it(
    probe: Visit, probe_server: Server
) -> None:
    app = probe("probe")
    probe_server.kernels()[app.kernel].send_signal(signal.SIGKILL)
    assert "no longer follow the controls" in banner(app)
    assert app.violations() == []
    app.page.get_by_role("button", name="Reload").click()
    app.page.wait_for_selector(".noUi-handle")
    app.drag("bits", 0.0)
    until(lambda: app.value("square") == 0)
    assert app.page.locator("#qlab-gone").is_hidden()


def test_stopping_the_server_shows_the_banner(browser: Browser, own: Start) -> None:
    server = own("--preheat=0")  # nothing is warming up when it is stopped
    with browser.new_context() as context:
        app = App(context, server).open("probe")
        assert server.stop() == 0
        assert "server does not answer" in banner(app)
    assert "Traceback" not in server.text()


@pytest.mark.parametrize("seconds", [0.0, 0.7, 2.0])
def test_ctrl_c_while_kernels_warm_up_ends_all_at_once_and_in_silence(
    tmp_path: Path, seconds: float
) -> None:
    server = Server(tmp_path / "log.txt", "--preheat=1", first=STOPWATCH)
    time.sleep(seconds)
    started = server.kernels().values()
    assert server.stop() == 0
    ready, took = server.text().splitlines()
    assert ready.startswith(READY) and float(took) < 3  # 0.05; waiting for kernels took 3 to 6
    assert not [k for k in started if k.is_running() and k.status() != psutil.STATUS_ZOMBIE]


def test_a_cell_that_raises_shows_one_sentence_and_no_traceback(
    probe: Visit, probe_server: Server
) -> None:
    app = probe("raises", wait=".qlab-note")
    shown = app.page.locator("body").inner_text()
    assert "could not be computed" in shown
    assert "xyzzy" not in app.page.content()
    assert "Traceback" not in shown
    assert "xyzzy" in probe_server.text()  # the reason stands in the terminal


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_link_is_harmless(probe: Visit, probe_server: Server, kind: str) -> None:
    app = probe()
    app.page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    app.open("probe", HOSTILE[kind])
    app.drag("bits", 1.0)
    until(lambda: app.value("square") == 100)
    app.is_clean()
    assert "Traceback" not in probe_server.text().split("xyzzy")[-1]


def test_a_page_that_is_not_there_is_said_in_a_sentence(probe: Visit) -> None:
    app = probe("nothing", wait="h1")
    assert "no such page" in app.page.locator("h1").inner_text()
    assert app.violations() == []


def test_no_address_lists_or_hands_out_files(probe_server: Server) -> None:
    for path in ("voila/tree/", "voila/api/contents/", "voila/files/probe.ipynb", "tree"):
        with pytest.raises(HTTPError) as refused:
            urlopen(probe_server.address + path)
        assert refused.value.code in (403, 404)
        refused.value.close()


def test_the_front_page_opens_clean_without_a_kernel(visit: Visit) -> None:
    app = visit("index", wait=".qlab-card")
    assert app.page.locator(".qlab-card").count() == len(INSTRUMENTS)
    for picture in app.page.locator(".qlab-card img").all():
        assert picture.evaluate("async (image) => (await image.decode(), image.naturalWidth)") > 0
    assert app.page.evaluate("document.getElementById('jupyter-config-data')") is None
    assert app.violations() == []
    app.is_clean()


def test_every_card_leads_to_an_app(visit: Visit, server: Server) -> None:
    page = visit("index", wait=".qlab-card").page
    links = page.locator(".qlab-card a").evaluate_all("(all) => all.map((a) => a.href)")
    assert sorted(Path(link).stem for link in links) == INSTRUMENTS
    for link in links:
        assert (ROOT / "apps" / link.rsplit("/", 1)[1]).is_file()
        assert link.startswith(server.address)


def test_the_front_page_fits_a_phone(phone: Visit) -> None:
    page = phone("index", wait=".qlab-card").page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_kernel_of_a_page_runs_without_torch(probe: Visit, probe_server: Server) -> None:
    app = probe("probe")
    maps = Path(f"/proc/{probe_server.kernels()[app.kernel].pid}/maps").read_text()
    assert "numpy" in maps or "zmq" in maps
    assert "torch" not in maps


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere kernels listen at ports")
def test_a_kernel_listens_where_no_other_program_can_take_its_place(
    probe: Visit, probe_server: Server
) -> None:
    app = probe("probe")
    command = probe_server.kernels()[app.kernel].cmdline()
    place = Path(command[command.index("-f") + 1])
    assert json.loads(place.read_text())["transport"] == "ipc"
    assert place.parent.stat().st_mode & 0o77 == 0  # nor can any other user come near


@pytest.mark.parametrize(
    ("changes", "late"),
    [
        ([], 0),  # no picture moved
        ([[], []], 0),  # the last value was there before the release
        ([[5, 40], [8, 52]], 52),  # both pictures follow: the later one counts
        ([[10], []], 10),
        ([[30, 190, 320], [20]], 30),  # what follows a rest is a curve's further points
        ([[30, 110, 200], [20]], 200),  # a kernel that is behind, without a rest
        ([[], [230]], 0),
        ([[150], [160]], 160),  # all of them late
    ],
)
def test_the_benchs_watch_tells_when_the_last_value_was_there(
    browser: Browser, changes: list[list[int]], late: int
) -> None:
    page = browser.new_page()
    page.evaluate((ROOT / "benchmarks/live.js").read_text())
    assert page.evaluate("(changes) => eye.lastValue(changes)", changes) == late
    page.close()
