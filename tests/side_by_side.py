"""All tests, in groups that run side by side: ``python -m tests.side_by_side``.

Each group is one pytest in a process of its own; the first group is shown while it runs, the
others in full after it. Plain processes: some tests fork, and a scheduler that hands out tests
through pipes came to a halt there. The browser's tests stand alone in theirs, because its driver
keeps an event loop in the thread to the end. The groups take about as long as each other.

A browser's clock is not ours, and three groups leave it less than a core. So when all groups are
through, up to `FEW` browser tests that failed are tried once more, alone. One that passes then does
not fail the run, but is named at its end: what it waits for is to be mended.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

BUILD = Path(__file__).parents[1] / "build"
COURSE = ("tests/course", "tests/notebooks", "tests/repository", "tests/training")
BROWSER = "tests/e2e"
GROUPS: dict[str, tuple[str, ...]] = {  # pytest's arguments for each
    "rooms": (*(f"--ignore={folder}" for folder in COURSE), f"--ignore={BROWSER}"),
    "browser": (BROWSER,),
    "course": COURSE,
}
FEW = 3
TESTS_FAILED = 1  # pytest's exit code; tests/conftest.py ends with another where one was skipped


def run(name: str, failed: dict[str, int], live: bool) -> None:
    """Run a group; note its exit code if it failed."""
    if live:
        code = pytest(name, None)
    else:
        with report(name).open("w") as file:
            code = pytest(name, file.fileno())
    if code:
        failed[name] = code


def pytest(name: str, out: int | None, *more: str) -> int:
    """Run a group's pytest, with a cache of its own, and return its exit code."""
    command = [sys.executable, "-m", "pytest", "-o", f"cache_dir={cache(name)}"]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, *more, *GROUPS[name]], env=environment, stdout=out, stderr=out, check=False
    ).returncode


def report(name: str) -> Path:
    """Return the file that a group's output goes to."""
    return BUILD / f"tests, {name}.txt"


def cache(name: str) -> Path:
    """Return the folder where a group's pytest keeps the names of its tests that failed."""
    return BUILD / "pytest" / name


def missed(name: str) -> list[str]:
    """Return the names of a group's tests that failed when it ran last."""
    file = cache(name) / "v" / "cache" / "lastfailed"
    return sorted(json.loads(file.read_text())) if file.exists() else []


def tried_again(failed: dict[str, int]) -> list[str]:
    """Try a few browser tests once more; take out of ``failed`` what passes, return its names."""
    late = []
    for group, code in list(failed.items()):
        names = missed(group) if any(word.startswith(BROWSER) for word in GROUPS[group]) else []
        if code == TESTS_FAILED and 0 < len(names) <= FEW:
            print(f"\n===== once more, alone: {', '.join(names)} =====", flush=True)
            if pytest(group, None, "--last-failed", "--last-failed-no-failures=none") == 0:
                del failed[group]
                late += names
    return late


def main() -> int:
    """Run all groups; 0 if every test passed."""
    BUILD.mkdir(exist_ok=True)
    for left_over in ("pytest", "matplotlib"):
        shutil.rmtree(BUILD / left_over, ignore_errors=True)
    first, *others = GROUPS
    print(f"{len(GROUPS)} groups side by side: {', '.join(GROUPS)}. The first one:", flush=True)
    failed: dict[str, int] = {}
    threads = [threading.Thread(target=run, args=(n, failed, n == first)) for n in GROUPS]
    for thread in threads:
        thread.start()
    for name, thread in zip(GROUPS, threads, strict=True):
        thread.join()
        if name in others:
            print(f"\n===== {name} =====\n{report(name).read_text()}", flush=True)
    late = tried_again(failed)
    if late:
        print(f"Passed only alone, so what they wait for is to be mended: {', '.join(late)}.")
    broken = [name for name in GROUPS if name in failed]
    print(f"Failed: {', '.join(broken)}." if broken else "All tests passed.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
