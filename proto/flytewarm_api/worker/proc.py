"""What /proc tells of a process (proc(5))."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

#: This process.
SELF = Path("/proc/self")
_PAGE = os.sysconf("SC_PAGESIZE")


def of(pid: int) -> Path:
    """A process's directory."""
    return Path("/proc") / str(pid)


def own_memory_bytes(process: Path = SELF) -> int:
    """Resident memory without files and what is shared on purpose: what a fork shares with its parent counts, so that
    only growth tells something. Raises OSError when there is no such process."""
    with open(process / "statm", "rb") as statm:
        _size, resident, shared, *_rest = map(int, statm.read().split())
    return (resident - shared) * _PAGE


def children(process: Path = SELF) -> set[int]:
    """Ids of a process's children, zombies included. Raises OSError when there is no such process."""
    found: set[int] = set()
    for thread in os.listdir(process / "task"):
        # A thread may end between the listing and the reading.
        with (
            contextlib.suppress(FileNotFoundError, ProcessLookupError),
            open(process / "task" / thread / "children") as listed,
        ):
            found.update(map(int, listed.read().split()))
    return found


def open_files(process: Path = SELF) -> dict[int, str]:
    """What the descriptors of a process lead to. Raises OSError when there is no such process."""
    found = {}
    for fd in os.listdir(process / "fd"):
        # The descriptor of the listing itself is closed by now.
        with contextlib.suppress(FileNotFoundError):
            found[int(fd)] = os.readlink(process / "fd" / fd)
    return found
