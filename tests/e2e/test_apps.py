"""What every instrument's page does, with mouse and keys, in Chromium: each claim for each app."""

import csv
import io
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest
from playwright.sync_api import BrowserContext

from qlab.live import INSTRUMENTS
from qlab.live.settings import Choice, Flag, Real, Whole
from tests.e2e.conftest import OPENED, Visit, visits
from tests.e2e.harness import ROOT, App, Server, until

SLIDERS = {
    name: [n for n, s in app.STATE.settings().items() if isinstance(s, Whole | Real)]
    for name, app in INSTRUMENTS.items()
}
ABOUT_TRAINING = {"epochs", "lr"}  # settings of a training to come: they move no picture
FIRST = {"quantize": "bits", "prune": "sparsity", "distill": "temperature", "grids": "bits"}
FIRST |= {"calibrate": "bits", "qat": "weight_bits"}
FIRST |= {"microscope": "bits"}
FIRST |= {"integer": "accumulator_bits"}
FIRST |= {"pack": "bits"}
FIRST |= {"allocate": "bits_fc1"}
NEEDS = {  # controls that are on the page only beside another setting
    ("grids", "fraction_bits"): "format=fixed",
    ("allocate", "bits_conv1"): "network=lenet_5",
    ("allocate", "bits_conv2"): "network=lenet_5",
    ("grids", "scaled"): "format=e4m3",
    ("quantize", "grid"): "",  # hides the menus behind it: test_quantize.py
    ("quantize", "input_range"): "activation_bits=2",  # a menu: test_quantize.py
    ("quantize", "bias_bits"): "whole=true",
    ("quantize", "output_bits"): "whole=true",
    ("qat", "weight_bits"): "method=dorefa",
    ("integer", "overflow"): "accumulator_bits=16",  # at 24 bits nothing overflows
    ("grids", "code_bits"): "format=kmeans",
    ("grids", "start"): "format=lloyd&code_bits=6",
    ("grids", "block"): "format=nf4",
    ("pack", "gap_bits"): "sparsity=0.9",
}

UNPRINTED = {  # numbers of a page that its copied code leaves out; times aside
    "integer": {"used", "multiplier", "floats"},  # of the neuron looked at
    "calibrate": {"minmax_spread", "percentile_spread", "mse_spread"},  # over many draws
    "pack": {"layer_before", "layer_after"},  # times
}

PICTURES = """() => Promise.all([...document.querySelectorAll("img.qlab-figure")]
  .filter((image) => image.offsetParent)
  .map(async (image) => {
    await image.decode().catch(() => {});
    if (!image.naturalWidth) return 0; // drawn only once the hand rests
    const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
    canvas.getContext("2d").drawImage(image, 0, 0);
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Uint32Array(pixels.data.buffer).reduce((h, w) => (Math.imul(h, 31) + w) | 0, 7);
  }))"""
NUMBERS = """() => Object.fromEntries([...document.querySelectorAll("output.qlab-value")]
  .map((o) => [o.dataset.name, o.dataset.value]))"""
SETTINGS = """() => [...document.querySelectorAll(".qlab-panel .qlab-control")].map((control) => {
  const find = (kind) => control.querySelector(kind);
  return find("select")?.selectedOptions[0]?.textContent ?? find("input")?.checked
    ?? find(".noUi-handle")?.getAttribute("aria-valuenow");
})"""

each_app = pytest.mark.parametrize("name", INSTRUMENTS, indirect=True)
# What the page does for every instrument alike, by the same code, is tried on three.
three_apps = pytest.mark.parametrize("name", ["quantize", "prune", "distill"], indirect=True)


@pytest.fixture(scope="module")
def name(request: pytest.FixtureRequest) -> str:
    """The app of a test; all tests of one app come before those of the next."""
    return request.param


@pytest.fixture(scope="module")
def opened(
    request: pytest.FixtureRequest, profile: BrowserContext, server: Server, name: str
) -> Iterator[App]:
    """An app's page, open for all tests that leave nothing behind which Reset does not take."""
    for visit in visits(request, profile, server, 1280):
        yield visit(name)


@pytest.fixture
def app(request: pytest.FixtureRequest, opened: App) -> App:
    """The page of an app at its start."""
    request.node.stash[OPENED] = [opened]
    opened.click("reset")
    return opened


def pictures(app: App) -> list[int]:
    """A fingerprint of the pixels of every picture."""
    return app.page.evaluate(PICTURES)


def numbers(app: App) -> dict[str, str]:
    """Every number on the page."""
    return app.page.evaluate(NUMBERS)


def settings(app: App) -> list[Any]:
    """What every slider, menu and box stands at."""
    return app.page.evaluate(SETTINGS)


def message(app: App) -> str:
    """The sentence that the page says about what it refused."""
    find = "document.querySelector('.qlab-message [role=alert]')"
    return app.page.evaluate(f"{find}?.textContent ?? ''")


def complete(app: App) -> None:
    """Wait until no number of the page is still an estimate or to come."""
    app.settle(rest=0.2)
    if "accuracy" in numbers(app):
        until(lambda: app.output("accuracy").get("n") == "10000", 60)
    until(lambda: "nan" not in numbers(app).values(), 60, "no number is still to come")
    app.settle()


def ends(app: App, trait: str) -> tuple[float, float]:
    """The least and the greatest value of a slider, as a screen reader is told them."""
    handle = app.control(trait).locator(".noUi-handle").first
    low, high = (handle.get_attribute(f"aria-value{end}") for end in ("min", "max"))
    assert low and high
    return float(low), float(high)


def until_both_move(app: App, before: tuple[dict[str, str], list[int]], what: str = "") -> None:
    """Wait until numbers and pictures are others than before."""
    until(lambda: numbers(app) != before[0], what=f"numbers follow {what}")
    until(lambda: pictures(app) != before[1], what=f"pictures follow {what}")


def assert_lives(app: App, name: str) -> None:
    """A slider still moves numbers and pictures."""
    before = numbers(app), pictures(app)
    trait = FIRST[name]
    app.drag(trait, 0.0 if app.slider(trait) == ends(app, trait)[1] else 1.0)
    until_both_move(app, before)


@each_app
def test_an_app_opens_clean_and_accessible(app: App, name: str) -> None:
    app.settle()
    assert app.page.title().startswith(INSTRUMENTS[name].TITLE)
    assert numbers(app)
    assert len(set(pictures(app))) == len(pictures(app)) > 2
    shown = app.page.locator("img.qlab-figure:visible")
    until(lambda: all(shown.evaluate_all("(a) => a.map((i) => i.alt)")), what="words for pictures")
    assert message(app) == ""
    left = app.page.locator(".qlab-card:visible").evaluate_all("(a) => a.map((c) => c.offsetLeft)")
    assert len(set(left)) >= 2  # pictures side by side: no long label has widened the panel
    assert app.violations() == []
    app.is_clean()


@each_app
@pytest.mark.timeout(600)
def test_a_slider_dragged_to_its_ends_and_middle_moves_pictures_and_numbers(
    app: App, visit: Visit, name: str
) -> None:
    for trait in (t for t in SLIDERS[name] if (name, t) not in NEEDS):
        app.click("reset")
        drag_to_ends_and_middle(app, trait)
    for trait in (t for t in SLIDERS[name] if (name, t) in NEEDS):
        drag_to_ends_and_middle(visit(name, NEEDS[name, trait]), trait)


def drag_to_ends_and_middle(app: App, trait: str) -> None:
    """Drag one slider of an open page; pictures and numbers follow each time."""
    app.settle()
    low, high = ends(app, trait)
    reached: list[float] = []
    for fraction in (0.0, 1.0, 0.5, 0.0):
        app.settle(rest=0.1)  # numbers of a value on the way may be those of the next end
        before, place = (numbers(app), pictures(app)), app.slider(trait)
        app.drag(trait, fraction)
        reached.append(app.slider(trait))
        if reached[-1] != place and trait not in ABOUT_TRAINING:
            until_both_move(app, before, f"{trait} at {reached}")
    assert (min(reached), max(reached)) == (low, high), trait
    assert low < reached[2] < high, trait
    assert message(app) == "", trait
    app.is_clean()


@three_apps
def test_arrow_keys_move_a_slider_one_step_and_its_end_keys_to_its_ends(
    app: App, name: str
) -> None:
    trait = FIRST[name]
    app.settle()
    shown = app.control(trait).locator(".widget-readout")
    before, place = (numbers(app), pictures(app)), shown.inner_text()
    app.press(trait, "ArrowRight")
    until(lambda: shown.inner_text() != place)
    until_both_move(app, before)
    app.press(trait, "ArrowLeft")
    until(lambda: shown.inner_text() == place)
    low, high = ends(app, trait)
    app.press(trait, "End")
    until(lambda: app.slider(trait) == high)
    app.press(trait, "Home")
    until(lambda: app.slider(trait) == low)


def differs(app: App, before: tuple[dict[str, str], list[int]]) -> bool:
    """Tell whether a number or a picture is another than before."""
    return (numbers(app), pictures(app)) != before


@each_app
def test_every_menu_and_box_moves_pictures_or_numbers(app: App, name: str) -> None:
    for trait, setting in INSTRUMENTS[name].STATE.settings().items():
        if not isinstance(setting, Choice | Flag) or (name, trait) in NEEDS:
            continue
        app.settle(rest=0.2)  # what the choice before it moved, and allows here
        before = numbers(app), pictures(app)
        if isinstance(setting, Flag):
            app.control(trait).locator("input").click()
        else:
            select = app.control(trait).locator("select")
            if select.is_disabled():
                continue  # one option alone makes sense here
            here = select.evaluate("(s) => s.selectedIndex")
            count = select.locator("option").count()
            select.select_option(index=(here + 1) % count)
        until(partial(differs, app, before), what=trait)
        assert message(app) == "", trait
    app.is_clean()


@each_app
def test_presets_set_the_controls_and_teach_and_reset_brings_back_the_start(
    app: App, name: str
) -> None:
    app.settle()
    start = settings(app)
    lesson = app.page.locator(".qlab-lesson p")
    for preset in INSTRUMENTS[name].PRESETS:
        app.choose("preset", preset.name)
        page_text = app.page.locator(".qlab-lesson p", has_text=preset.lesson)
        page_text.wait_for()
        before = numbers(app)
    app.drag(FIRST[name], 0.3)
    until(lambda: numbers(app) != before)
    until(lambda: lesson.count() == 0 or lesson.inner_text() == "", what="the lesson goes")
    app.settle()  # else the drag's last value may come behind the button
    app.click("reset")
    until(lambda: settings(app) == start, what="the controls are back")
    app.is_clean()


@three_apps
def test_a_copied_link_opens_what_was_set_and_reloading_keeps_it(visit: Visit, name: str) -> None:
    app, trait = visit(name), FIRST[name]
    app.drag(trait, 0.7)
    app.choose("preset", INSTRUMENTS[name].PRESETS[1].name)
    app.settle()
    app.press(trait, "ArrowLeft", 2)
    app.settle()
    app.click("copy-link")
    until(lambda: "copied" in app.page.locator(".qlab-told").inner_text())
    link = app.page.evaluate("navigator.clipboard.readText()")
    # asked of the page: Playwright's own copy of the address is as old as its last answer
    until(lambda: app.page.evaluate("location.href") == link, what="the address is the link")
    expected = settings(app)[1:], numbers(app).keys()
    app.page.reload()
    app.page.wait_for_selector(".noUi-handle:visible")
    until(lambda: (settings(app)[1:], numbers(app).keys()) == expected, what="kept by reload")
    other = visit(name, urlsplit(link).query)
    until(lambda: (settings(other)[1:], numbers(other).keys()) == expected, what="kept by a link")
    assert trait in parse_qs(urlsplit(link).query)
    other.is_clean()


@each_app
def test_copied_code_runs_and_prints_the_numbers_of_the_page(app: App, name: str) -> None:
    app.drag(FIRST[name], 0.2)
    complete(app)
    app.click("copy-code")
    until(lambda: "copied" in app.page.locator(".qlab-told").inner_text())
    code = app.page.evaluate("navigator.clipboard.readText()")
    shown = numbers(app)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    printed = dict(re.findall(r"^(\w+) +(\S+) *$", done.stdout, flags=re.MULTILINE))
    counted = {number for number in shown if not number.startswith(("time_", "latency_"))}
    assert printed.keys() == counted - UNPRINTED.get(name, set())
    for number in printed:
        # the page writes nine digits; sums in another order differ in the sixth
        assert float(printed[number]) == pytest.approx(float(shown[number]), rel=1e-5), number


@three_apps
def test_downloads_arrive_whole(app: App, name: str) -> None:
    app.settle()
    files, shown = {}, numbers(app).keys()
    for kind in ("csv", "png", "svg"):
        with app.page.expect_download() as arriving:
            app.click(kind)
        assert arriving.value.suggested_filename == f"qlab-{name}.{kind}"
        files[kind] = Path(arriving.value.path()).read_bytes()
    rows = list(csv.reader(io.StringIO(files["csv"].decode())))
    assert rows[0] == ["setting", "value"]
    assert {row[0] for row in rows if row} >= shown
    assert files["png"].startswith(b"\x89PNG")
    assert len(files["png"]) > 10_000
    assert ET.fromstring(files["svg"]).tag.endswith("svg")
    app.is_clean()


@each_app
def test_a_phone_shows_everything_without_scrolling_sideways(phone: Visit, name: str) -> None:
    app = phone(name)
    app.settle()
    assert app.page.evaluate("document.documentElement.scrollWidth") <= 390
    for trait in (t for t in SLIDERS[name] if (name, t) not in NEEDS):
        box = app.control(trait).bounding_box()
        assert box, trait
        assert 0 <= box["x"] < box["x"] + box["width"] <= 390, trait
    assert app.violations() == []
    assert_lives(app, name)


FOCUS = """() => {
  const e = document.activeElement, style = getComputedStyle(e);
  const control = e.closest(".qlab-control");
  const hook = [...(control ?? e).classList].filter((c) => c.startsWith("qlab-")
    && !["qlab-control", "qlab-button"].includes(c));
  const box = e.getBoundingClientRect();
  return { hook: hook[0] ?? e.tagName, seen: style.outlineStyle !== "none"
    && parseFloat(style.outlineWidth) >= 2 && box.width > 0, tag: e.tagName };
}"""


@three_apps
def test_tab_reaches_every_control_in_order_and_shows_where_it_is(visit: Visit, name: str) -> None:
    app = visit(name)
    app.settle()
    disabled = {trait for app_name, trait in NEEDS if app_name == name}
    for trait in INSTRUMENTS[name].STATE.settings():
        select = app.control(trait).locator("select")
        if select.count() and select.is_disabled():
            disabled.add(trait)
    reached: list[str] = []
    for _ in range(60):
        app.page.keyboard.press("Tab")
        focus = app.page.evaluate(FOCUS)
        if focus["tag"] == "BODY":
            break
        assert focus["seen"], f"no outline on {focus}"
        if focus["hook"] not in reached:
            reached.append(focus["hook"])
    traits = [trait for trait in INSTRUMENTS[name].STATE.settings() if trait not in disabled]
    buttons = ["reset", "copy-link", "copy-code", "csv", "png", "svg", "json", "open"]
    expected = [f"qlab-{hook}" for hook in ("preset", *traits, *buttons)]
    assert [hook for hook in reached if hook in expected] == expected


@three_apps
def test_closing_the_tab_frees_the_kernel_and_no_page_loaded_torch(
    visit: Visit, server: Server, name: str
) -> None:
    app = visit(name)
    kernel = app.kernel
    assert not has_torch(server.kernels()[kernel])
    app.close()
    until(lambda: kernel not in server.kernels(), 15, "the kernel ends")


@three_apps
def test_a_killed_kernel_is_told_and_reload_mends_it(
    visit: Visit, server: Server, name: str
) -> None:
    app = visit(name)
    server.kernels()[app.kernel].kill()
    banner = app.page.locator("#qlab-gone[role=alert]")
    banner.wait_for(state="visible", timeout=15_000)
    banner.get_by_role("button", name="Reload").click()
    app.page.wait_for_selector(".noUi-handle:visible")
    app.page.wait_for_selector("output.qlab-value")
    assert_lives(app, name)


HOSTILE = {
    "60 kB": "9" * 60_000,
    "a null byte": "%00",
    "a huge number": "1e9",
    "a script": "%3Cscript%3Ealert(1)%3C/script%3E",
}


@three_apps
def test_a_hostile_link_leaves_the_defaults_and_says_one_sentence(visit: Visit, name: str) -> None:
    default = visit(name)
    default.settle()
    start = settings(default)
    kinds = HOSTILE if name == "quantize" else {"a script": HOSTILE["a script"]}  # one door for all
    for kind, written in kinds.items():
        app = visit()
        app.page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
        app.open(name, f"{FIRST[name]}={written}")
        said = until(partial(message, app), what=f"a sentence about {kind}")
        assert 0 < len(said) < 300, kind
        assert "Traceback" not in said
        assert settings(app) == start, kind
        assert_lives(app, name)
        app.is_clean()
        app.close()


# Keeps what the page sends to its kernel, and sends it once more with another value.
FORGER = """(() => {
  const Real = window.WebSocket, text = new TextDecoder(), bytes = new TextEncoder();
  window.WebSocket = class extends Real {
    send(data) {
      if (data instanceof ArrayBuffer && text.decode(data).includes('"method":"update"'))
        window.forged = (state) => super.send(forge(data, state));
      super.send(data);
    }
  };
  function forge(data, state) {
    const view = new DataView(data), count = Number(view.getBigUint64(0, true));
    const at = [...Array(count).keys()].map((i) => Number(view.getBigUint64(8 + 8 * i, true)));
    const parts = at.slice(0, -1).map((from, i) => text.decode(data.slice(from, at[i + 1])));
    const header = { ...JSON.parse(parts[1]), msg_id: crypto.randomUUID() };
    const content = JSON.parse(parts[4]);
    content.data.state = state;
    parts[1] = JSON.stringify(header);
    parts[4] = JSON.stringify(content);
    const coded = parts.map((part) => bytes.encode(part)), first = 8 + 8 * (coded.length + 1);
    const out = new Uint8Array(first + coded.reduce((sum, part) => sum + part.length, 0));
    const written = new DataView(out.buffer);
    written.setBigUint64(0, BigInt(coded.length + 1), true);
    let place = first;
    coded.forEach((part, i) => {
      written.setBigUint64(8 + 8 * i, BigInt(place), true);
      out.set(part, place);
      place += part.length;
    });
    written.setBigUint64(8 + 8 * coded.length, BigInt(place), true);
    return out.buffer;
  }
})()"""


@three_apps
def test_a_forged_message_is_refused_in_a_sentence(visit: Visit, name: str) -> None:
    app, trait = visit(), FIRST[name]
    app.page.add_init_script(FORGER)
    app.open(name)
    app.drag(trait, 0.5)
    complete(app)  # a number that comes later would not be there again
    expected = settings(app), numbers(app)
    for state in ({"value": 1e9}, {"value": None}, {"value": "<script>"}, {"max": 99, "index": 99}):
        app.page.evaluate(f"forged({json.dumps(state)})")
        said = until(lambda: message(app), what=f"a sentence about {state}")
        assert said.startswith(f"{trait}: "), said
        assert (settings(app), numbers(app)) == expected, state
        app.press(trait, "ArrowRight")
        until(lambda: message(app) == "", what="the sentence goes")
        until(lambda: numbers(app) != expected[1], what="the numbers follow")
        app.press(trait, "ArrowLeft")
        until(lambda: numbers(app) == expected[1], what="the numbers are back")
        app.settle(rest=0.2)  # the page turned by itself: the kernel hears of it a little later
        assert settings(app) == expected[0]
    app.is_clean()


def has_torch(process: psutil.Process) -> bool:
    """Tell whether a process has loaded torch."""
    return any("torch" in map.path for map in process.memory_maps(grouped=True))


@pytest.mark.parametrize(("name", "query"), [("prune", "sparsity=0.9&epochs=5"), ("distill", "")])
def test_a_training_shows_progress_leaves_the_page_usable_and_stops(
    visit: Visit, server: Server, name: str, query: str
) -> None:
    app = visit(name, query)
    app.settle()
    kernel = server.kernels()[app.kernel]
    app.click("start")
    told = app.page.locator(".qlab-progress")
    until(lambda: "Epoch" in told.inner_text(), 60, "progress is told")
    assert app.page.locator(".qlab-progress progress").count() == 1
    assert_lives(app, name)
    app.click("stop")
    until(lambda: told.inner_text().startswith("Stopped."), 60, "it says that it stopped")
    until(lambda: not programs_of(kernel), 20, "the training program ended")
    assert not has_torch(kernel)
    assert app.page.locator(".qlab-start").is_enabled()
    assert_lives(app, name)
    app.is_clean()


def programs_of(kernel: psutil.Process) -> list[psutil.Process]:
    """List the programs that a kernel runs; one that ends while it is looked at is none."""
    try:
        return kernel.children()
    except psutil.NoSuchProcess:
        return []


def test_a_tab_that_closes_ends_its_training(visit: Visit, server: Server) -> None:
    app = visit("prune", "sparsity=0.9&epochs=5")
    app.click("start")
    kernel = server.kernels()[app.kernel]
    programs = until(partial(programs_of, kernel), 20, "the training program starts")
    app.close()
    until(lambda: not any(map(psutil.Process.is_running, programs)), 20, "it ends")
