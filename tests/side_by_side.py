"""All tests, in groups that run side by side: ``python -m tests.side_by_side``.

Each group is one pytest after another in a process of its own; the first group is shown while it
runs, the others in full after it. Plain processes: some tests fork, and a scheduler that hands out
tests through pipes came to a halt there. The browser's tests stand alone in theirs, because its
driver keeps an event loop in the thread to the end.

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
COURSE = ("tests/course", "tests/notebooks")
BROWSER = "tests/e2e"
LEARNER = f"{BROWSER}/test_course.py"
GROUPS: dict[str, tuple[tuple[str, ...], ...]] = {  # the pytests of each, by their arguments
    "rooms": ((*(f"--ignore={folder}" for folder in COURSE), f"--ignore={BROWSER}"),),
    "browser": ((BROWSER, f"--ignore={LEARNER}"),),
    "course": (COURSE, (LEARNER,)),
}
FEW = 3
TESTS_FAILED = 1  # pytest's exit code; tests/conftest.py ends with another where one was skipped


def run(name: str, failed: dict[tuple[str, ...], int], live: bool) -> None:
    """Run a group's pytests, all of them; note the exit code of those that failed."""
    for arguments in GROUPS[name]:
        if live:
            code = pytest(arguments, None)
        else:
            with report(name).open("a") as file:
                code = pytest(arguments, file.fileno())
        if code:
            failed[arguments] = code


def pytest(arguments: tuple[str, ...], out: int | None, *more: str) -> int:
    """Run one pytest, with a cache of its own, and return its exit code."""
    command = [sys.executable, "-m", "pytest", "-o", f"cache_dir={cache(arguments)}"]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, *more, *arguments], env=environment, stdout=out, stderr=out, check=False
    ).returncode


def report(name: str) -> Path:
    """Return the file that a group's output goes to."""
    return BUILD / f"tests, {name}.txt"


def cache(arguments: tuple[str, ...]) -> Path:
    """Return the folder where a pytest keeps the names of its tests that failed."""
    pytests = [one for group in GROUPS.values() for one in group]
    return BUILD / "pytest" / str(pytests.index(arguments))


def missed(arguments: tuple[str, ...]) -> list[str]:
    """Return the names of a pytest's tests that failed when it ran last."""
    file = cache(arguments) / "v" / "cache" / "lastfailed"
    return sorted(json.loads(file.read_text())) if file.exists() else []


def tried_again(failed: dict[tuple[str, ...], int]) -> list[str]:
    """Try a few browser tests once more; take out of ``failed`` what passes, return its names."""
    late = []
    for arguments, code in list(failed.items()):
        names = missed(arguments) if any(word.startswith(BROWSER) for word in arguments) else []
        if code == TESTS_FAILED and 0 < len(names) <= FEW:
            print(f"\n===== once more, alone: {', '.join(names)} =====", flush=True)
            if pytest(arguments, None, "--last-failed", "--last-failed-no-failures=none") == 0:
                del failed[arguments]
                late += names
    return late


def main() -> int:
    """Run all groups; 0 if every test passed."""
    BUILD.mkdir(exist_ok=True)
    for left_over in ("pytest", "matplotlib"):
        shutil.rmtree(BUILD / left_over, ignore_errors=True)
    first, *others = GROUPS
    for name in others:
        report(name).write_text("")
    print(f"{len(GROUPS)} groups side by side: {', '.join(GROUPS)}. The first one:", flush=True)
    failed: dict[str, dict[tuple[str, ...], int]] = {name: {} for name in GROUPS}
    threads = [threading.Thread(target=run, args=(n, failed[n], n == first)) for n in GROUPS]
    for thread in threads:
        thread.start()
    for name, thread in zip(GROUPS, threads, strict=True):
        thread.join()
        if name != first:
            print(f"\n===== {name} =====\n{report(name).read_text()}", flush=True)
    late = [name for group in GROUPS for name in tried_again(failed[group])]
    if late:
        print(f"Passed only alone, so what they wait for is to be mended: {', '.join(late)}.")
    broken = [name for name in GROUPS if failed[name]]
    print(f"Failed: {', '.join(broken)}." if broken else "All tests passed.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
