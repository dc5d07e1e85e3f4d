"""The inner side of the sandbox: a script, started by ``sandbox.py``, never imported.

The outer process keeps seeds, properties and verdicts. In here come the cells of one notebook and
the arguments of one call after another; out go ``Outcome`` parcels. So code in here can spoil its
own answers and no other, and can pass only by answering rightly.
"""

import contextlib
import io
import json
import os
import pickle
import signal
import struct
import sys
import types
from pathlib import Path
from typing import Any, BinaryIO

HERE = Path(__file__).parent


def packages() -> None:
    """Make qlab importable, and its course without the widgets: they take a second to load."""
    root = str(HERE.parents[1])
    if root not in sys.path:
        sys.path.append(root)
    course = types.ModuleType("qlab.course")
    course.__path__ = [str(HERE)]
    sys.modules["qlab.course"] = course


def send(answers: BinaryIO, head: bytes, body: bytes = b"") -> None:
    """Write one parcel: the lengths of head and body, then both."""
    answers.write(struct.pack("<QQ", len(head), len(body)) + head + body)
    answers.flush()


def keep() -> int:
    """Split this process; return in the child, while the parent waits and passes its end on.

    Whoever kills the process that started the child hits this parent here, not the grader.
    """
    child = os.fork()
    if child == 0:
        return 0
    answers = os.fdopen(int(sys.argv[1]), "wb")
    send(answers, json.dumps({"child": child}).encode())
    answers.close()  # the child's end is then the end of the pipe
    status = os.waitpid(child, 0)[1]
    os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


def serve(requests: BinaryIO, answers: BinaryIO, cells: list[str], most_bytes: int) -> None:
    """Answer calls until there are none."""
    from qlab.course import excerpt
    from qlab.course.outcome import Outcome
    from qlab.course.parcel import pack
    from qlab.course.watch import watched

    me = os.getpid()
    whole = excerpt.read(cells)
    names: dict[str, dict[str, Any]] = {}
    failed: dict[str, str] = {}
    while len(length := requests.read(8)) == 8:
        name, case = pickle.loads(requests.read(*struct.unpack("<Q", length)))
        if name not in names:
            names[name] = {"__name__": "__main__"}
            with contextlib.redirect_stdout(io.StringIO()):
                failed[name] = excerpt.run(whole.of(name), names[name])
        function = names[name].get(name)
        if function is None:
            words = "; ".join([*filter(None, [failed[name]]), *whole.unread[:1]])
            outcome = Outcome(state="not run", error=words)
        else:
            outcome = watched(function, case, most_bytes)
        if os.getpid() != me:
            os._exit(0)  # the function forked, and this is its child
        head, *bodies = pack(outcome)
        send(answers, bytes(head), b"".join(bodies))


def main() -> None:
    """Read what to hold, build the walls, load what is trusted, and let the notebook in."""
    requests = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    setup = json.loads(requests.read(*struct.unpack("<Q", requests.read(8))))
    packages()
    from qlab.course import walls

    alone = setup["walls"] and walls.apart()
    keep()
    walls.die_with_parent()
    from qlab.course import excerpt, watch  # noqa: F401  NumPy too, while files can be read

    signal.signal(signal.SIGINT, signal.default_int_handler)
    answers = os.fdopen(int(sys.argv[1]), "wb")
    walls.limit(setup["seconds"], setup["memory"], setup["file"])
    fenced = setup["walls"] and walls.fence(map(Path, setup["read"]), Path.cwd())
    send(answers, json.dumps({"alone": alone, "fenced": fenced}).encode())
    serve(requests, answers, setup["cells"], setup["most_bytes"])


if __name__ == "__main__":
    main()
