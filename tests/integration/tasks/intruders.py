"""Tasks that do not behave: they reach for what is the worker's own, or never end."""

import contextvars
import os
import re
import signal
import stat
from pathlib import Path

from flytekit import task


@task
def writes_to_sockets(data: str) -> int:
    """Writes bytes, given in hexadecimal digits, to every socket of the process."""
    written = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                written += os.write(int(name), bytes.fromhex(data))
        except OSError:
            continue
    return written


class _Clinging:
    def __del__(self) -> None:
        signal.pause()


_CLUNG_TO: contextvars.ContextVar[object] = contextvars.ContextVar("_CLUNG_TO")


@task
def hangs_afterwards() -> int:
    """Returns, and leaves what does not end when it is forgotten."""
    _CLUNG_TO.set(_Clinging())
    return 1


@task
def sleeps_for_ever() -> int:
    while True:
        signal.pause()


@task
def watched_but_not_open() -> list[int]:
    """Inodes that event polls of this process watch although none of its descriptors leads to them."""
    descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
    own, watched = set(), set()
    for fd in descriptors:
        try:
            own.add(os.fstat(fd).st_ino)
            lines = Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines()
        except OSError:
            continue  # the one that listed the directory
        watched |= {int(found[1], 16) for line in lines if (found := re.search(r"^tfd:.* ino:([0-9a-f]+)", line))}
    return sorted(watched - own)
