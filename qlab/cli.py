"""The command line: ``qlab apps``, ``qlab lab``, ``qlab course``, ``qlab data``, ``qlab zoo``.

Every failure is one sentence on stderr: exit code 2 when the command was written wrongly,
1 when it could not be done.
"""

import argparse
import errno
import os
import socket
import subprocess
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from qlab import __version__

__all__ = ["Failure", "main"]

ROOT = Path(__file__).parents[1]
PORT = 8866


class Failure(Exception):
    """Something that could not be done; its text is the sentence that the user reads."""


def folder(name: str) -> Path:
    """Find a folder of notebooks: QLAB_APPS or QLAB_LABS, beside the package, or here.

    Raises
    ------
    Failure
        If it is in none of these places: an installed package brings no notebooks.
    """
    variable = f"QLAB_{name.upper()}"
    named = os.environ.get(variable)
    places = [Path(named)] if named else [ROOT / name, Path.cwd() / name]
    for place in places:
        if place.is_dir():
            return place
    raise Failure(
        f"expected a folder {name}/, found none (looked in {', '.join(map(str, places))}). "
        f"Run this in a clone of the repository, or name the folder in {variable}."
    )


def has_screen() -> bool:
    """Tell whether a window can open here; without one, a text browser would take the terminal."""
    windows = sys.platform in ("win32", "darwin")
    return windows or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def apps(arguments: argparse.Namespace) -> None:
    """Serve the apps until Ctrl-C.

    Raises
    ------
    Failure
        If the port is taken or not allowed.
    """
    from qlab.live.server import serve

    def ready(address: str) -> None:
        print(f"The apps are at {address} (Ctrl-C stops them).", flush=True)
        if arguments.browser and has_screen():
            webbrowser.open(address)

    try:
        serve(
            folder("apps"),
            port=arguments.port,
            ip=arguments.ip,
            on_ready=ready,
            preheat=arguments.preheat,
            limit=arguments.limit,
            idle=60 * arguments.idle,
        )
    except OSError as error:
        raise Failure(listening(arguments, error)) from error


def listening(arguments: argparse.Namespace, error: OSError) -> str:
    """Say why a server cannot listen, and what to do."""
    ip, port, command = arguments.ip, arguments.port, arguments.command
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else PORT
        return (
            f"port {port} is in use. Stop what uses it, or take another: "
            f"--port {other} (make {command} PORT={other})."
        )
    if error.errno == errno.EACCES:
        return f"port {port} is not allowed for this user. Take one from 1024 up: --port {PORT}."
    if error.errno in (errno.EADDRNOTAVAIL, None):  # None: a name that means no address
        return f"cannot listen on {ip}, port {port}: {error.strerror or error}. Try --ip 127.0.0.1."
    return (
        f"the apps cannot be served: {error.strerror or error}. Mend that, then start them again."
    )


def lab(arguments: argparse.Namespace) -> None:
    """Open JupyterLab on the labs.

    Raises
    ------
    Failure
        If the port is taken or not allowed, or JupyterLab fails.
    """
    family = socket.AF_INET6 if ":" in arguments.ip else socket.AF_INET
    try:  # JupyterLab would say it in five lines of its log
        socket.create_server((arguments.ip, arguments.port), family=family).close()
    except OSError as error:
        raise Failure(listening(arguments, error)) from error
    command = [sys.executable, "-m", "jupyterlab", "--port", str(arguments.port)]
    command += ["--ServerApp.port_retries=0", f"--ServerApp.ip={arguments.ip}"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]  # stay offline
    command += ["--LabApp.news_url=None"]
    command += [] if arguments.browser and has_screen() else ["--no-browser"]
    command += ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []  # containers
    # else one who runs cells before the page has its kernel is asked for one, once for each cell
    settings = Path(__file__).parent / "live" / "share" / "jupyter"
    path = filter(None, [str(settings), os.environ.get("JUPYTER_CONFIG_PATH")])
    environment = os.environ | {"JUPYTER_CONFIG_PATH": os.pathsep.join(path)}
    try:
        done = subprocess.run([*command, str(folder("labs"))], env=environment, check=False)
    except KeyboardInterrupt:
        return
    if done.returncode:
        raise Failure(f"JupyterLab ended with code {done.returncode}; its last lines say why.")


def state(name: str) -> str:
    """Tell in a few words whether a data set is here, and how many images it has."""
    from qlab.data import load, root
    from qlab.data.digests import SUMS, remedy

    if not (root() / name / SUMS).is_file():
        return f"not here. {remedy(name)}"
    images = [len(split) for split in (load(name).train, load(name).validation, load(name).test)]
    return "here, {:,} images to train, {:,} to validate, {:,} to test".format(*images)


def check(name: str) -> int:
    """Compare all files of a data set with their digests; return how many they are.

    Raises
    ------
    OSError
        If one is missing.
    ValueError
        If one is damaged, or has no digest.
    """
    from qlab.data import dataset, digests

    expected = dataset.files(name)
    for file in expected:
        digests.read_checked(digests.root() / name, file)
    return len(expected)


def data(arguments: argparse.Namespace) -> None:
    """List, check, prepare or fetch data sets.

    Raises
    ------
    Failure
        If the name is unknown, or PyTorch, which fetching needs, is not installed.
    """
    from qlab.data import NAMES, prepare, root
    from qlab.data.digests import FETCHED

    action, name = arguments.action, arguments.name
    if name not in (None, *NAMES):
        raise Failure(f"expected one of {', '.join(NAMES)}, got {name!r}. See qlab data list.")
    if action == "list":
        for one in NAMES:
            print(f"{one:14}{state(one)}")
    elif action == "check":
        here = [one for one in NAMES if one not in FETCHED or (root() / one).is_dir()]
        for one in [name] if name else here:
            print(f"{one:14}all {check(one)} files match their digests")
    elif action == "prepare":
        print(f"{name}: written to {prepare(name)}")
    else:
        try:
            from qlab.training import vision
        except ImportError as error:
            raise Failure(
                "fetching needs PyTorch: run make setup, or pip install -e '.[training]', in a "
                "clone of the repository."
            ) from error
        print(f"{name}: written to {vision.fetch(name)}")


def zoo(arguments: argparse.Namespace) -> None:
    """List the trained networks, each with its measured accuracy and interval."""
    from qlab import networks

    rows = [("network", "parameters", "test accuracy, 95 % interval", "images")]
    for name in networks.ZOO:
        card = networks.card(name)
        test = card["test"]
        interval = f"{test['value']:.2%} ({test['low']:.2%} to {test['high']:.2%})"
        rows.append((name, f"{card['parameters']:,}", interval, f"{test['n']:,}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


def build(arguments: argparse.Namespace) -> None:
    """Make the books of the labs: for students, with solutions, and for nbgrader."""
    from qlab.course.build import build as books

    written = books(folder("labs"), arguments.to, arguments.labs)
    for name, size in written.items():
        print(f"{size:9,} bytes  {arguments.to / name}")


def grade(arguments: argparse.Namespace) -> None:
    """Score notebooks that were handed in, and write the table.

    Raises
    ------
    Failure
        If the table has no folder to lie in, or would replace a notebook.
    """
    from qlab.course.grade import grade as graded
    from qlab.course.grade import write_csv

    table: Path = arguments.csv
    if not table.parent.is_dir():
        raise Failure(f"expected a folder for the table, got {table.parent}. Make it first.")
    if table.is_dir() or table.resolve() in [file.resolve() for file in arguments.files]:
        raise Failure(f"expected a new file for the table, got {table}. Name another with --csv.")
    rows = []
    for row in graded(arguments.files, lab=arguments.lab):
        marks = f"{row.score} of {row.points} points" if row.points else "no points"
        file = "".join(letter if letter.isprintable() else "?" for letter in row.file)
        print(f"{file}: {marks}, {row.seconds:.1f} s{row.remark and '. ' + row.remark}", flush=True)
        rows.append(row)
    print(f"The table is {write_csv(rows, table)}.")
    walls = [row.walls for row in rows if row.walls]
    if not all(all(one.values()) for one in walls):
        print(
            "This system lent no namespaces or no Landlock: the notebooks' code could read your "
            "files and use the network. Grade strangers' work in a container.",
            file=sys.stderr,
        )


def port(text: str) -> int:
    """Read a port number from the command line."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text!r}")
    return int(text)


def count(text: str) -> int:
    """Read a count from the command line."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number from 0, got {text!r}")
    return int(text)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence, without the usage block."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Print the sentence and exit with code 2."""
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    top = Parser(prog="qlab", description="A laboratory for compressing neural networks.")
    top.add_argument("--version", action="version", version=f"qlab {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    served = Parser(add_help=False)
    served.add_argument("--ip", default="127.0.0.1", help="address to listen on (%(default)s)")
    served.add_argument("--no-browser", dest="browser", action="store_false", help="open no window")

    one = commands.add_parser("apps", parents=[served], help="open the live instruments")
    one.add_argument("--port", type=port, default=PORT, help="0 takes a free one (%(default)s)")
    for name, default, says in (
        ("--preheat", 1, "kernels that wait for Quantize, Prune and Distil each, 100 MB a kernel"),
        ("--limit", 32, "the most kernels that run at a time"),
        ("--idle", 120, "minutes after which an untouched page is stopped"),
    ):
        one.add_argument(name, type=count, default=default, help=f"{says} (%(default)s)")
    one.set_defaults(run=apps)

    one = commands.add_parser("lab", parents=[served], help="open the labs in JupyterLab")
    one.add_argument("--port", type=port, default=8888, help="(%(default)s)")
    one.set_defaults(run=lab)

    one = commands.add_parser("course", help="make the books of the labs, grade what comes back")
    actions = one.add_subparsers(dest="action", metavar="ACTION", required=True)
    sub = actions.add_parser("build", help="write student, solution and nbgrader versions")
    sub.add_argument("labs", nargs="*", metavar="LAB", help="02 or 02_affine_quantizer; all labs")
    sub.add_argument("--to", type=Path, default=Path("course"), help="a new folder (%(default)s)")
    sub.set_defaults(run=build)
    sub = actions.add_parser(
        "grade",
        help="score notebooks, each in a process of its own",
        epilog="Limits, and on Linux namespaces and Landlock, hold mistakes and simple malice. An "
        "adversary in earnest belongs into a container.",
    )
    sub.add_argument("files", nargs="+", type=Path, metavar="FILE", help="notebooks handed in")
    sub.add_argument("--csv", type=Path, required=True, metavar="OUT", help="the table to write")
    sub.add_argument("--lab", default="", help="two digits, if the notebooks do not say it")
    sub.set_defaults(run=grade)

    one = commands.add_parser("data", help="list, check, prepare or fetch data sets")
    one.set_defaults(run=data)
    actions = one.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="say which are here").set_defaults(name=None)
    for action, says, needed in (
        ("check", "compare files with their digests; all data sets if none is named", "?"),
        ("prepare", "rebuild one of the repository from its source", None),
        ("fetch", "download one into the repository's folder", None),
    ):
        sub = actions.add_parser(action, help=says)
        sub.add_argument("name", nargs=needed, help="as `qlab data list` names it")

    commands.add_parser("zoo", help="list the trained networks").set_defaults(run=zoo)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments
        The words after ``qlab``; those of the process when None.

    Returns
    -------
    int
        0, or 1 after a failure that was told in one sentence.

    Examples
    --------
    >>> main(["--version"])
    Traceback (most recent call last):
    SystemExit: 0
    """
    given = parser().parse_args(arguments)
    try:
        given.run(given)
    except KeyboardInterrupt:
        pass
    except (Failure, ValueError, OSError, ImportError) as error:
        print(f"qlab {given.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
