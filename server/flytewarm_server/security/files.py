"""Files that say who may come in: read with care, and looked at again when they change."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

# No certificate bundle and no list of tokens comes near it. In bytes.
_LARGEST = 4 << 20

Signature = tuple[tuple[int, ...], ...]


@dataclass
class UnusableFileError(Exception):
    """A file that cannot be used. `option` is the option that names it."""

    option: str
    path: Path
    expected: str

    def __str__(self) -> str:
        return f"{self.path} is not {self.expected}"


def read_file(option: str, path: Path, *, private: bool) -> bytes:
    """Its content. Raises UnusableFileError, for a `private` one also when others than its owner can read it.

    The group may read a file of root's: so a volume with a Secret is mounted for a pod that does not run as root.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnusableFileError(option, path, "a regular file")
            if private and (mode := _open_to_others(status)):
                raise UnusableFileError(option, path, f"a file that only its owner can read: its mode is {mode:04o}")
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise UnusableFileError(option, path, f"a readable file ({error.strerror})") from None
    if len(content) > _LARGEST:
        raise UnusableFileError(option, path, f"a file of at most {_LARGEST} bytes")
    return content


def _open_at_once(path: str, flags: int) -> int:
    # A pipe would have the event loop wait for a writer.
    return os.open(path, flags | os.O_NONBLOCK)


def signature(*paths: Path) -> Signature:
    """Tells whether files have changed: their identities, sizes and times. A file that is not there has none."""
    return tuple(map(_signature, paths))


def _signature(path: Path) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _open_to_others(status: os.stat_result) -> int:
    """The mode, if others can read the file; else 0."""
    forbidden = stat.S_IRWXO | stat.S_IRWXG
    if status.st_uid == 0 and os.geteuid() != 0:
        forbidden = stat.S_IRWXO | stat.S_IWGRP
    mode = stat.S_IMODE(status.st_mode)
    return mode if mode & forbidden else 0
