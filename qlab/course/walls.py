"""Walls around somebody else's code, as far as this machine builds them without a privilege.

Limits (processor time, memory, size of a file, number of processes) exist on every Unix. On Linux
there are two more: namespaces, in which no network is and no other process can be seen or
signalled, and Landlock, under which only a list of folders can be read and one be written. Each
is asked for and may be refused; what stands is told, never assumed.

These walls hold mistakes and simple malice. They share the kernel with what they protect: against
an adversary in earnest, grade in a container or a virtual machine.

Source: man 7 namespaces, man 7 landlock, man 2 getrlimit.
"""

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

NAMESPACES = 0x10000000 | 0x20000000 | 0x40000000 | 0x08000000  # user, processes, network, ipc
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same number on every processor
READ_FILE, READ_FOLDER, WRITE_FILE = 1 << 2, 1 << 3, 1 << 1
# What a version of Landlock can forbid, in files, network, and signals and sockets.
FORBIDS = {1: (0x1FFF, 0, 0), 2: (0x3FFF, 0, 0), 3: (0x7FFF, 0, 0), 4: (0x7FFF, 3, 0)}
FORBIDS |= {5: (0xFFFF, 3, 0), 6: (0xFFFF, 3, 3)}


def limit(seconds: int, memory: int, file: int) -> None:
    """Bound this process for good.

    Parameters
    ----------
    seconds
        Of processor time.
    memory, file
        Bytes of address space, and of a file written.
    """
    wanted = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: file,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: 0,  # no further process or thread; the superuser is exempt
        resource.RLIMIT_NOFILE: 64,
    }
    for kind, value in wanted.items():
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS knows no limit of memory
            resource.setrlimit(kind, (value, value))


def apart() -> bool:
    """Put the children of this process into namespaces of their own; False where refused."""
    user, group = os.getuid(), os.getgid()
    if sys.platform != "linux" or _libc().unshare(NAMESPACES):
        return False
    with contextlib.suppress(OSError):  # inside, they are who they were outside
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    return True


def die_with_parent() -> None:
    """Let this process end when the one that started it does (Linux)."""
    if sys.platform == "linux":
        _libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def fence(read: Iterable[Path], write: Path) -> bool:
    """Forbid every file but these for good, signals to others too; False where refused.

    Parameters
    ----------
    read
        Folders to be read.
    write
        The one to be written and read.
    """
    libc = _libc() if sys.platform == "linux" else None
    version = libc.syscall(CREATE_RULESET, None, 0, 1) if libc else 0
    if libc is None or version < 1:
        return False
    forbidden = FORBIDS[min(version, max(FORBIDS))]
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = libc.syscall(CREATE_RULESET, struct.pack("3Q", *forbidden), size, 0)
    allowed = dict.fromkeys(read, READ_FILE | READ_FOLDER) | {write: forbidden[0]}
    allowed[Path(os.devnull)] = READ_FILE | WRITE_FILE
    allowed[Path("/dev/urandom")] = READ_FILE
    for path, rights in allowed.items():
        with contextlib.suppress(FileNotFoundError):
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            libc.syscall(ADD_RULE, rules, 1, struct.pack("=Qi", rights, place), 0)
            os.close(place)
    done = libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    done = done and libc.syscall(RESTRICT_SELF, rules, 0) == 0
    os.close(rules)
    return done


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
