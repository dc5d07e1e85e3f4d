"""`python -m benchmarks [NAME ...]`: measure, print, and keep the printed tables in README.md.

Options, such as ``--minutes 120``, go to the benchmarks that are named beside them.
"""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from benchmarks import MODULES

README = Path(__file__).with_name("README.md")
NAMED = ("qat", "ladder", "live_others")  # run when named, not with all others: they take long
VERDICTS = {"kept", "no slower", "within noise"}  # columns that say whether a promise is kept
NAMES = {"network", "threads", "what", "peer", "step", "weights", "slider", "state", "states"}


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


def missed(page: str) -> str:
    r"""List the rows of a page's tables that say "no" where a promise is judged.

    Parameters
    ----------
    page
        Markdown with tables as `benchmarks.table` writes them.

    Returns
    -------
    str
        A line for each table that has such rows.

    Examples
    --------
    >>> head = "### Dragging\n\n| slider | states | kept |\n| :-- | :-- | :-- |\n"
    >>> missed(head + "| bits | seen | yes |\n| bits | new | no |\n")
    '- Dragging: bits new'
    >>> missed(head + "| bits | seen | yes |\n")
    'Every row keeps what is promised.'
    """
    lines = []
    for title, rows in re.findall(r"^### (.+)\n\n((?:\|.*\n?)+)", page, re.MULTILINE):
        columns, _, *cells = map(_cells, rows.splitlines())
        judged = [dict(zip(columns, row, strict=True)) for row in cells]
        named = [
            " ".join(row[column] for column in columns if column in NAMES)
            for row in judged
            if any(row.get(column) == "no" for column in VERDICTS)
        ]
        lines += [f"- {title}: {', '.join(named)}"] if named else []
    return "\n".join(lines) or "Every row keeps what is promised."


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


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
        page = insert(README.read_text(encoding="utf-8"), name, f"{printed}\n\n{machine()}")
        README.write_text(insert(page, "missed", missed(page)), encoding="utf-8")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
