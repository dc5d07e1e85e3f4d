"""What every test run shares: one thread, no display, and no test that looks away."""

import gc
import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch: two that wait for each other spin
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")
# Neither this machine's matplotlibrc nor its list of fonts, which may be that of another matplotlib
os.environ["MPLCONFIGDIR"] = str(Path(__file__).parents[1] / "build" / "matplotlib")

# A run in the background ignores Ctrl-C, and so would every server that it starts and stops.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Node ids that may be skipped, each with its reason beside it.  A skip that is not listed here
# fails the run: a test that silently did not run proves nothing.
ALLOWED_SKIPS: frozenset[str] = frozenset()
LOOKED_AWAY = 9  # the exit code of such a run, none of pytest's own


def unexpected_skips(config: pytest.Config) -> list[str]:
    """Return the node ids that were skipped, or failed as expected, without being allowed to."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    reports = [*terminal.stats.get("skipped", []), *terminal.stats.get("xfailed", [])]
    return sorted({report.nodeid for report in reports} - ALLOWED_SKIPS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser last: its driver keeps an event loop running in this thread to the end."""
    items.sort(key=lambda item: item.nodeid.startswith("tests/e2e/"))


def pytest_collection_finish() -> None:
    """Leave what collecting made out of every later search for garbage: it stays to the end."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """Turn a run that looked away into a failed one."""
    ended = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if session.exitstatus in ended and unexpected_skips(session.config):
        session.exitstatus = LOOKED_AWAY
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that were skipped without being allowed to."""
    if skipped := unexpected_skips(terminalreporter.config):
        terminalreporter.section("unexpected skips: the run fails", red=True, bold=True)
        for node in skipped:
            terminalreporter.line(node)
