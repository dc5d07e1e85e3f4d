"""The command line says what it did, or in one sentence why not."""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pytest

from qlab import __version__, cli
from qlab.data import dataset
from tests.e2e.harness import ROOT, Server, until

APPS = ROOT / "tests" / "e2e" / "apps"


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run a command that fails; return its exit code and the one line that it wrote."""
    try:
        code = cli.main(arguments)
    except SystemExit as stop:
        code = int(stop.code or 0)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("qlab")
    return code, lines[0]


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"qlab {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["apps", "--port", "x"],
        ["apps", "--port", "65536"],
        ["apps", "--port", "-1"],
        ["apps", "--preheat", "many"],
        ["lab", "--port", "1e9"],
        ["data"],
        ["data", "fetch"],
        ["data", "prepare"],
        ["data", "burn"],
        ["zoo", "extra"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_is_one_sentence_and_code_2(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert failure(capsys, *words)[0] == 2


@pytest.mark.parametrize("action", ["check", "prepare", "fetch"])
def test_an_unknown_data_set_is_told_with_the_known_ones(
    capsys: pytest.CaptureFixture[str], action: str
) -> None:
    code, line = failure(capsys, "data", action, "imagenet")
    assert code == 1
    assert "mnist" in line
    assert "'imagenet'" in line


def test_data_list_tells_what_is_here_and_how_to_get_the_rest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "digits").symlink_to(ROOT / "datasets" / "digits")
    monkeypatch.setenv("QLAB_DATASETS", str(tmp_path))
    assert cli.main(["data", "list"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["digits"].startswith("here, ")
    fetch = "`qlab data fetch cifar10`, which needs the network."
    assert lines["cifar10"] == f"not here. Run {fetch}"
    assert lines["mnist"].startswith("not here. Run `git checkout datasets/mnist`")


def test_data_fetch_asks_the_network_and_says_in_one_sentence_that_there_is_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[object] = []

    def offline(request: object, *_: object, **__: object) -> None:
        asked.append(request)
        raise URLError("no route")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    monkeypatch.setenv("QLAB_DATASETS", str(tmp_path))
    code, line = failure(capsys, "data", "fetch", "cifar10")
    assert code == 1
    assert asked
    assert "'cifar10' could not be downloaded" in line
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def datasets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of the datasets that the repository holds, to damage."""
    for name in ("mnist", "digits"):
        shutil.copytree(ROOT / "datasets" / name, tmp_path / name)
    monkeypatch.setenv("QLAB_DATASETS", str(tmp_path))
    return tmp_path


def test_data_check_looks_at_every_file_of_what_the_repository_holds(
    capsys: pytest.CaptureFixture[str], datasets: Path
) -> None:
    assert cli.main(["data", "check"]) == 0
    said = "all 4 files match their digests"
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert lines == [["mnist", said], ["digits", said]]


@pytest.mark.parametrize("file", dataset.files("mnist"))
@pytest.mark.parametrize("how", ["truncated", "removed", "not listed", "list emptied"])
def test_data_check_names_the_damaged_file(
    capsys: pytest.CaptureFixture[str], datasets: Path, file: str, how: str
) -> None:
    damaged, listed = datasets / "mnist" / file, datasets / "mnist" / "SHA256SUMS"
    lines = listed.read_text().splitlines(keepends=True)
    match how:
        case "truncated":
            damaged.write_bytes(damaged.read_bytes()[:-1])
        case "removed":
            damaged.unlink()
        case "not listed":
            listed.write_text("".join(line for line in lines if file not in line))
        case "list emptied":
            listed.write_text("")
            file = dataset.files("mnist")[0]
    code, line = failure(capsys, "data", "check")
    assert code == 1
    assert f"'mnist/{file}'" in line
    assert "git checkout datasets/mnist" in line


@pytest.mark.parametrize("name", ["mnist", "digits"])
def test_data_check_misses_what_the_repository_holds(
    capsys: pytest.CaptureFixture[str], datasets: Path, name: str
) -> None:
    shutil.rmtree(datasets / name)
    code, line = failure(capsys, "data", "check")
    assert code == 1
    assert f"'{name}' is not there" in line


def test_a_dataset_that_was_half_fetched_is_no_sound_one(
    capsys: pytest.CaptureFixture[str], datasets: Path
) -> None:
    (datasets / "cifar10").mkdir()
    code, line = failure(capsys, "data", "check")
    assert code == 1
    assert "qlab data fetch cifar10" in line


def test_zoo_lists_every_network_with_its_interval(capsys: pytest.CaptureFixture[str]) -> None:
    from qlab import networks

    assert cli.main(["zoo"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(networks.ZOO)
    for line in lines:
        assert " to " in line
        assert line.endswith("10,000")


def refused(*options: str) -> str:
    """Start ``qlab apps`` where it cannot start; return the one line that it wrote."""
    command = [sys.executable, "-m", "qlab.cli", "apps", "--no-browser", *options]
    environment = os.environ | {"QLAB_APPS": str(APPS)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_a_busy_port_is_refused_and_never_silently_replaced(busy_port: int) -> None:
    line = refused("--port", str(busy_port))
    assert f"port {busy_port} is in use" in line
    assert f"--port {busy_port + 1} (make apps PORT={busy_port + 1})" in line


def test_a_lab_on_a_busy_port_is_one_sentence_too(
    capsys: pytest.CaptureFixture[str], busy_port: int
) -> None:
    code, line = failure(capsys, "lab", "--no-browser", "--port", str(busy_port))
    assert code == 1
    assert f"port {busy_port} is in use" in line
    assert f"make lab PORT={busy_port + 1}" in line


def test_an_address_of_another_machine_is_refused() -> None:
    assert "cannot listen on 192.0.2.1" in refused("--port", "0", "--ip", "192.0.2.1")


def test_missing_apps_are_told_with_the_places_searched(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("QLAB_APPS", str(tmp_path / "gone"))
    code, line = failure(capsys, "apps", "--no-browser")
    assert code == 1
    assert str(tmp_path / "gone") in line
    assert "QLAB_APPS" in line


def test_without_a_screen_no_browser_is_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("qlab.live.server.serve", lambda *_, on_ready, **__: on_ready("http://x/"))
    monkeypatch.setenv("QLAB_APPS", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert cli.main(["apps"]) == 0
    assert opened == []
    monkeypatch.setenv("DISPLAY", ":0")
    assert cli.main(["apps"]) == 0
    assert opened == ["http://x/"]
    assert cli.main(["apps", "--no-browser"]) == 0
    assert opened == ["http://x/"]


def test_ctrl_c_ends_server_and_kernels_quietly(tmp_path: Path) -> None:
    server = Server(tmp_path / "log.txt")  # the project's: kernels wait warm for them
    kernels = until(server.kernels, what="kernels start")
    assert server.stop() == 0
    alive = (k for k in kernels.values() if k.is_running())
    assert not [kernel for kernel in alive if kernel.status() != psutil.STATUS_ZOMBIE]
    assert server.text().splitlines() == [f"The apps are at {server.address} (Ctrl-C stops them)."]


def test_lab_opens_on_the_labs_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path / "log.txt"
    with log.open("w") as file:
        command = [sys.executable, "-m", "qlab.cli", "lab", "--no-browser", f"--port={port}"]
        lab = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
    until(lambda: answers(f"http://127.0.0.1:{port}/login"), 60, "JupyterLab answers")
    assert f":{port}/lab" in log.read_text()
    os.killpg(lab.pid, signal.SIGINT)  # as a terminal does
    end = time.monotonic() + 60
    while lab.poll() is None and time.monotonic() < end:
        time.sleep(1)  # it asks whether that was meant: once more says yes
        if lab.poll() is None:
            os.kill(lab.pid, signal.SIGINT)
    assert lab.wait(1) == 0
    assert "Traceback" not in log.read_text()
    assert "labs" in log.read_text()


def answers(url: str) -> bool:
    """Tell whether a server is through with its start: before, Ctrl-C ends it with a traceback."""
    try:
        with urlopen(url, timeout=60) as answer:
            return answer.status == 200
    except (URLError, ConnectionError):
        return False


def test_an_installed_package_brings_the_template() -> None:
    template = Path(cli.__file__).parent / "live" / "share" / "voila" / "templates" / "qlab"
    assert (template / "index.html.j2").is_file()
    assert (template / "conf.json").is_file()


def test_a_parser_error_says_where_help_is() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a port"):
        cli.port("nine")
