"""The descriptors of a worker's own, which must be what they were, and those that tasks leave open."""

from __future__ import annotations

import fcntl
import os
from itertools import repeat

from flytewarm_worker.channel import move_to_high_fd

# Libraries keep files and connections open for later. They cannot be told from what a task forgot to close, and closed
# behind its owner's back a number may be another file's when the owner closes it.
_MOST_LEFT = 64
# There are so many (see mark()).
_MARKS = range(1, 65)


class Descriptors:
    """Those that are open when this is made, and the way to find out whether they still are."""

    def __init__(self) -> None:
        self._all = open_status("fd")
        self._own = _open_descriptors()
        self._marks = _mark(self._own)

    def check(self) -> str:
        """What the execution has closed, replaced or left open, for which the process must not be used again; otherwise
        empty. 0 to 2 are StandardStreams' matter."""
        # A look at what each is open on takes three times as long as one at its mark.
        if not (self._marks and _read_marks(self._own) == self._marks) and (fd := self._changed()) is not None:
            return f"the task closed or replaced descriptor {fd} of the worker"
        left = _count(self._all) - len(self._own)
        return f"tasks left {left} descriptors open" if left > _MOST_LEFT else ""

    def _changed(self) -> int | None:
        return next((fd for fd, identity in self._own.items() if _identity(fd) != identity), None)


def open_status(name: str) -> int:
    """Opens what the kernel tells of this process under a name, for good: to look it up takes longer than to read it.
    Raises OSError."""
    return move_to_high_fd(os.open(f"/proc/self/{name}", os.O_RDONLY | os.O_CLOEXEC))


def mark(fd: int, number: int) -> None:
    """Marks an open file with a number from 1 to 64, for all descriptors of it. The kernel keeps with each which signal
    is to tell of it: as good as a mark, as nothing is sent unless that is asked for, too (fcntl(2), F_SETSIG). Raises
    OSError."""
    fcntl.fcntl(fd, fcntl.F_SETSIG, number)


def is_same_file(fd: int, marked: int) -> bool:
    """Whether a descriptor is one of the same open file as another one, whose mark is of its own."""
    try:
        return 0 != fcntl.fcntl(marked, fcntl.F_GETSIG) == fcntl.fcntl(fd, fcntl.F_GETSIG)
    except OSError:
        return False


def _mark(own: dict[int, tuple[int, int]]) -> list[int]:
    """Empty where not all can have one of their own."""
    try:
        marks = list(map(fcntl.fcntl, own, repeat(fcntl.F_GETSIG)))
        # Another process may have marked one that it has open, too, and knows it by that.
        unused = iter(sorted(set(_MARKS) - set(marks)))
        for fd, found in zip(own, marks, strict=True):
            if not found:
                mark(fd, next(unused))
    except (OSError, StopIteration):
        return []
    marks = _read_marks(own) or []
    return marks if len(set(marks)) == len(own) else []


def _read_marks(own: dict[int, tuple[int, int]]) -> list[int] | None:
    try:
        return list(map(fcntl.fcntl, own, repeat(fcntl.F_GETSIG)))
    except OSError:
        return None


def _count(descriptors: int) -> int:
    """How many are open. Kernels since 6.2 tell it as the size of their directory, others as 0 (proc(5))."""
    return os.fstat(descriptors).st_size or len(os.listdir("/proc/self/fd"))


def _open_descriptors() -> dict[int, tuple[int, int]]:
    found = {int(name): _identity(int(name)) for name in os.listdir("/proc/self/fd")}
    # Without the standard ones, and the one that listed the directory.
    return {fd: identity for fd, identity in found.items() if fd > 2 and identity is not None}


def _identity(fd: int) -> tuple[int, int] | None:
    """Device and inode of what a descriptor is open on; None when it is closed."""
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino
