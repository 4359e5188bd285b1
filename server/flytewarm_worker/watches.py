"""Whether anything has happened to files and directories, by the kernel's word (inotify(7)) instead of a look at each.

It says nothing of what is written through a mapping into memory: so a file is trusted only until it is opened. Nor of
what is mounted over a directory: so the table of mounts is watched as well.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
from collections.abc import Iterable, Iterator

from flytewarm_worker.channel import move_to_high_fd

_C = ctypes.CDLL(None, use_errno=True)
_ATTRIB, _MODIFY, _OPEN = 0x4, 0x2, 0x20
_CREATE, _DELETE, _MOVED = 0x100, 0x200, 0xC0
_OVERFLOW = 0x4000
_DONT_FOLLOW = 0x2000000
_IN_DIRECTORY = _CREATE | _DELETE | _MOVED | _ATTRIB | _DONT_FOLLOW
_IN_FILE = _OPEN | _MODIFY | _ATTRIB | _DONT_FOLLOW
# An event: watch, kind, cookie and the length of the name that follows.
_EVENT = struct.Struct("iIII")
_READ_BYTES = 1 << 16


class Watches:
    """Those of one process, on one tree after the other. Where none are granted, nothing is ever quiet."""

    def __init__(self, *, may_watch: bool) -> None:
        """`may_watch`: whether to ask the kernel."""
        self._ready = select.poll()
        self._queue = _new_queue() if may_watch else None
        self._mounts = None if self._queue is None else _open_mounts()
        if self._queue is not None and self._mounts is not None:
            self._ready.register(self._queue, select.POLLIN)
            self._ready.register(self._mounts, select.POLLPRI)
        #: Whether it is of use to ask is_quiet().
        self.is_watching = False
        self._watches: list[int] = []
        self._files: set[int] = set()
        self._namespace = 0

    @property
    def are_granted(self) -> bool:
        """Whether begin() may watch anything."""
        return self._queue is not None and self._mounts is not None

    def begin(self, directories: Iterable[str], files: Iterable[str]) -> None:
        """Watches these and no others: what happens to a directory's mode and entries, and to a file."""
        self.end()
        if self._queue is None or self._mounts is None:
            return
        # What has happened to those before.
        self._drain(self._queue)
        self._watches = [self._add(path, _IN_DIRECTORY) for path in directories]
        first_file = len(self._watches)
        self._watches += [self._add(path, _IN_FILE) for path in files]
        self._files = set(self._watches[first_file:])
        self._namespace = _mount_namespace()
        self.is_watching = min(self._watches) >= 0
        if not self.is_watching:
            self.end()

    def go_on(self, directories: Iterable[str]) -> None:
        """Ends when one of the directories is another one, at the same place, than that which begin() was given."""
        if self.is_watching and any(
            self._add(path, _IN_DIRECTORY) != watch for path, watch in zip(directories, self._watches, strict=False)
        ):
            # To the kernel a path that is watched again is the same watch, as long as the same directory is there.
            self.end()

    def end(self) -> None:
        """Watches nothing any more."""
        for watch in self._watches:
            # Those of what was deleted have gone with it.
            _C.inotify_rm_watch(self._queue, watch)
        self._watches.clear()
        self.is_watching = False

    def is_quiet(self) -> bool:
        """Whether nothing has happened since this was asked last. Never again once a file may have been opened."""
        if not self.is_watching or self._queue is None:
            return False
        if not (ready := self._ready.poll(0)):
            # What is mounted in another namespace is not in the table of this one.
            return _mount_namespace() == self._namespace
        if any(fd != self._queue for fd, _ in ready) or not self._files.isdisjoint(self._drain(self._queue)):
            self.end()
        return False

    def _add(self, path: str, kinds: int) -> int:
        """The number of the watch; negative when there is none."""
        watch: int = _C.inotify_add_watch(self._queue, os.fsencode(path), kinds)
        return watch

    def _drain(self, queue: int) -> set[int]:
        """What was reported: watches; all files when the kernel has dropped something, as the look at directories that
        follows finds the rest."""
        found = set()
        # A task may have had reading wait for more.
        while any(fd == queue for fd, _ in self._ready.poll(0)):
            for watch, kind in _events(os.read(queue, _READ_BYTES)):
                found |= self._files if kind & _OVERFLOW else {watch}
        return found


def _events(data: bytes) -> Iterator[tuple[int, int]]:
    place = 0
    while place < len(data):
        watch, kind, _, name_length = _EVENT.unpack_from(data, place)
        yield watch, kind
        place += _EVENT.size + name_length


def _mount_namespace() -> int:
    return os.stat("/proc/self/ns/mnt").st_ino


def _new_queue() -> int | None:
    # As many as a user may have are few.
    fd: int = _C.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    return None if fd < 0 else move_to_high_fd(fd)


def _open_mounts() -> int | None:
    try:
        return move_to_high_fd(os.open("/proc/self/mounts", os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return None
