"""Numbers of descriptors above the range that code which closes "all" descriptors usually sweeps."""

from __future__ import annotations

import fcntl

_FIRST = 512


def duplicate_high(fd: int) -> int:
    """A close-on-exec duplicate with a number of 512 or more, where the limit on descriptors allows it."""
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST)
    except OSError:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
