"""All tests, in groups that run side by side: ``python -m tests.side_by_side``.

Each group is one pytest after another in a process of its own; the first group is shown while it
runs, the others in full after it. Plain processes: some tests fork, and a scheduler that hands out
tests through pipes came to a halt there. The browser's tests stand alone in theirs, because its
driver keeps an event loop in the thread to the end.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

BUILD = Path(__file__).parents[1] / "build"
COURSE = ("tests/course", "tests/notebooks")
LEARNER = "tests/e2e/test_course.py"
GROUPS: dict[str, tuple[tuple[str, ...], ...]] = {  # the pytests of each, by their arguments
    "rooms": ((*(f"--ignore={folder}" for folder in COURSE), "--ignore=tests/e2e"),),
    "browser": (("tests/e2e", f"--ignore={LEARNER}"),),
    "course": (COURSE, (LEARNER,)),
}


def run(name: str, failed: list[str], live: bool) -> None:
    """Run a group's pytests, all of them; add its name to ``failed`` if one failed."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    cache = [] if live else ["-p", "no:cacheprovider"]  # one writes it
    for arguments in GROUPS[name]:
        command = [sys.executable, "-m", "pytest", *cache, *arguments]
        if live:
            code = subprocess.run(command, env=environment, check=False).returncode
        else:
            with report(name).open("a") as file:
                code = subprocess.run(
                    command, env=environment, stdout=file, stderr=file, check=False
                ).returncode
        if code:
            failed.append(name)


def report(name: str) -> Path:
    """Return the file that a group's output goes to."""
    return BUILD / f"tests, {name}.txt"


def main() -> int:
    """Run all groups; 0 if every test passed."""
    BUILD.mkdir(exist_ok=True)
    first, *others = GROUPS
    for name in others:
        report(name).write_text("")
    print(f"{len(GROUPS)} groups side by side: {', '.join(GROUPS)}. The first one:", flush=True)
    failed: list[str] = []
    threads = [threading.Thread(target=run, args=(n, failed, n == first)) for n in GROUPS]
    for thread in threads:
        thread.start()
    for name, thread in zip(GROUPS, threads, strict=True):
        thread.join()
        if name != first:
            print(f"\n===== {name} =====\n{report(name).read_text()}", flush=True)
    print(f"Failed: {', '.join(dict.fromkeys(failed))}." if failed else "All tests passed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
