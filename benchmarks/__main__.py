"""`python -m benchmarks [NAME ...]`: measure, print, and keep the printed tables in README.md.

Options, such as ``--minutes 120``, go to the benchmarks that are named beside them.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from benchmarks import MODULES

README = Path(__file__).with_name("README.md")
NAMED = ("qat", "ladder", "live_others")  # run when named, not with all others: they take long


def measure(name: str, options: Sequence[str] = ()) -> str:
    """Run one benchmark in a process of its own and return what it printed."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    return subprocess.run(
        command, cwd=README.parents[1], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


def processor() -> str:
    """Return the processor's name, where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def machine() -> str:
    """Return the sentence that says where the numbers come from."""
    return (
        f"Measured on {date.today().isoformat()}: {os.cpu_count()} cores ({processor()}), "
        f"{platform.system()}, Python {platform.python_version()}."
    )


def insert(page: str, name: str, text: str) -> str:
    r"""Put a text between the markers of one benchmark.

    Parameters
    ----------
    page
        The Markdown page, with both markers of ``name``.
    name
        The benchmark.
    text
        What stands between the markers from now on.

    Returns
    -------
    str
        The page, changed only between the two markers.

    Raises
    ------
    ValueError
        If the page lacks the markers.

    Examples
    --------
    >>> insert("<!-- live -->old<!-- /live --> end", "live", "new")
    '<!-- live -->\nnew\n<!-- /live --> end'
    """
    opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found_opening, rest = page.partition(opening)
    _, found_closing, after = rest.partition(closing)
    if not (found_opening and found_closing):
        raise ValueError(
            f"insert: expected the markers {opening} and {closing}, got a page without them "
            f"(name={name!r}). Add both to benchmarks/README.md."
        )
    return f"{before}{opening}\n{text}\n{closing}{after}"


def main(arguments: list[str]) -> int:
    """Measure the named benchmarks, or all, and write each table as soon as it is there."""
    first = next((k for k, a in enumerate(arguments) if a.startswith("-")), len(arguments))
    names, options = arguments[:first], arguments[first:]
    if unknown := [name for name in names if name not in MODULES + NAMED]:
        print(f"benchmarks: expected some of {', '.join(MODULES + NAMED)}, got {unknown[0]}.")
        return 2
    failed = 0
    for name in names or MODULES:
        print(f"... {name}", file=sys.stderr, flush=True)
        try:
            printed = measure(name, options)
        except subprocess.CalledProcessError as error:
            failed = 1
            print(f"benchmarks: {name} ended with status {error.returncode}.", file=sys.stderr)
            continue
        print(printed, end="\n\n", flush=True)
        page = README.read_text(encoding="utf-8")
        README.write_text(insert(page, name, f"{printed}\n\n{machine()}"), encoding="utf-8")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
