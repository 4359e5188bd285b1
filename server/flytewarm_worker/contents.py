"""What an execution's directories hold at its start: made once, and put back while tasks leave most of it alone."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from flytewarm_api.worker.trees import remove_tree
from flytewarm_worker.watches import Watches

_MODE = 0o700
_DIRECTORY = stat.S_IFDIR | _MODE
# By the clock that the kernel takes for files. Python has no name for it.
_CLOCK_REALTIME_COARSE = 5
# A change right after another one may get the same time: within a tick of the clock, and within a second where file
# systems keep no more than that.
_MARGIN_NS = 3_000_000_000
# Larger files, and all when there are more, are links: looking after copies takes time after every execution.
_LARGEST_COPY = 1 << 20
_MOST_COPIES = 64


class Copy(NamedTuple):
    """A file with the contents of another; tells by the stamps that files have whether it still is."""

    source: str
    size: int
    modified_ns: int
    mode: int


# What a directory holds: directories by their own contents, links by their targets.
Contents: TypeAlias = "dict[str, Contents | str | Copy]"


_Copies: TypeAlias = "list[tuple[str, Copy]]"
# At a directory: its time of change in nanoseconds, inode and device. Another one, or one whose entries have changed,
# gives another look, unless it is of the same tick of the clock.
_Look: TypeAlias = "tuple[int, int, int]"


def contents_of(directory: str) -> Contents:
    """For a directory in which a task finds the entries of another one, and can do with the files as it likes.

    Directories, links, and what is not looked after as a copy, are linked. Raises OSError.
    """
    with os.scandir(directory) as found:
        entries = list(found)
    contents: Contents = {entry.name: entry.path for entry in entries}
    files = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
    if len(files) <= _MOST_COPIES:
        contents.update(_copies(files))
    return contents


def _copies(files: list[os.DirEntry[str]]) -> Iterator[tuple[str, Copy]]:
    for file in files:
        found = file.stat(follow_symlinks=False)
        if found.st_size <= _LARGEST_COPY:
            yield file.name, Copy(file.path, found.st_size, found.st_mtime_ns, found.st_mode)


class Tree:
    """A directory made with some contents, and put back while it is used for one execution after the other."""

    def __init__(self, path: str, contents: Contents) -> None:
        """Makes it. Raises OSError."""
        _make(path, contents)
        # When each copy was changed last, in nanoseconds, by inode: a time that nobody can set.
        self._stamps = dict(_stamps_of(path, contents))
        self._watches: Watches | None = None
        self._take(contents)

    def _take(self, contents: Contents) -> None:
        self._contents = contents
        self._directories = list(_directories_of("", contents))
        # What directories, by their place in it, were when nothing else than their contents was found in them.
        self._looks: dict[str, _Look] = {}

    def watch(self, path: str, watches: Watches) -> None:
        """Has is_untouched() tell what it can from now on. Before a task has been in it: nobody has a copy open."""
        watches.begin(
            [path + place for place, _, _ in self._directories],
            [f"{path}{place}/{name}" for place, _, copies in self._directories for name, _ in copies],
        )
        self._watches, self._root = watches, _identity(path)

    def is_untouched(self, path: str, contents: Contents) -> bool:
        """Whether it, being at `path` now, surely holds nothing but `contents`; otherwise restore() tells."""
        # Others than the root cannot be moved without a trace in what they are in.
        return (
            self._watches is not None
            and self._watches.is_quiet()
            and contents == self._contents
            and _identity(path) == self._root
        )

    def watch_on(self, path: str) -> None:
        """Ends the watch where restore() has found another directory in the place of one that was watched."""
        if self._watches is not None:
            self._watches.go_on(path + place for place, _, _ in self._directories)

    def restore(self, path: str, contents: Contents, started_ns: int) -> bool:
        """Deletes what it, being at `path` now, has beyond `contents`. False when something is missing or is not what
        it was.

        `started_ns`: a time by the clock of now_ns(), after which somebody may have changed something. Raises OSError.
        """
        if contents != self._contents:
            self._take(contents)
        before_ns = started_ns - _MARGIN_NS
        return all(self._restore(path, before_ns, *directory) for directory in self._directories)

    def _restore(self, root: str, before_ns: int, place: str, contents: Contents, copies: _Copies) -> bool:
        path = root + place
        # Not through a link: a task may have put one in place of a directory, and what it points to is not ours.
        status = os.lstat(path)
        if status.st_mode != _DIRECTORY:
            return False
        look = (status.st_ctime_ns, status.st_ino, status.st_dev)
        if self._looks.get(place) != look or look[0] >= before_ns:
            self._looks.pop(place, None)
            if (is_whole := _delete_others(path, contents)) is None:
                return False
            if is_whole:
                self._looks[place] = look
        # Copies can be written to without a trace in what they are in.
        return all(self._is_copy(f"{path}/{name}", copy) for name, copy in copies)

    def _is_copy(self, path: str, copy: Copy) -> bool:
        found = os.lstat(path)
        is_same = (found.st_size, found.st_mtime_ns, found.st_mode) == copy[1:]
        return is_same and self._stamps.get(found.st_ino) == found.st_ctime_ns


def _identity(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    return status.st_mode, status.st_ino, status.st_dev


def _directories_of(place: str, contents: Contents) -> Iterator[tuple[str, Contents, _Copies]]:
    """A directory and those in it, each after what it is in, with the copies that are right in it."""
    yield place, contents, [(name, entry) for name, entry in contents.items() if isinstance(entry, Copy)]
    for name, entry in contents.items():
        if isinstance(entry, dict):
            yield from _directories_of(f"{place}/{name}", entry)


def now_ns() -> int:
    """The time that files would get, in nanoseconds."""
    return time.clock_gettime_ns(_CLOCK_REALTIME_COARSE)


def _delete_others(path: str, contents: Contents) -> bool | None:
    """Whether there was nothing to delete; None when something is missing, or a link is another one."""
    with os.scandir(path) as found:
        entries = list(found)
    missing, is_whole = set(contents), True
    for entry in entries:
        expected = contents.get(entry.name)
        if expected is None:
            _delete(entry)
            is_whole = False
        elif isinstance(expected, str) and not (entry.is_symlink() and os.readlink(entry.path) == expected):
            return None
        missing.discard(entry.name)
    return None if missing else is_whole


def _make(path: str, contents: Contents) -> None:
    """Makes a directory. Raises OSError."""
    os.mkdir(path, _MODE)
    for name, entry in contents.items():
        if isinstance(entry, Copy):
            _make_copy(entry.source, f"{path}/{name}")
        elif isinstance(entry, str):
            os.symlink(entry, f"{path}/{name}")
        else:
            _make(f"{path}/{name}", entry)


def _make_copy(source: str, target: str) -> None:
    try:
        # With its time, by which it is recognised.
        shutil.copy2(source, target)
    except PermissionError:
        # The task may not read it either, and finds that out by itself.
        os.symlink(source, target)


def _stamps_of(path: str, contents: Contents) -> Iterator[tuple[int, int]]:
    for name, entry in contents.items():
        if isinstance(entry, Copy):
            found = os.lstat(f"{path}/{name}")
            yield found.st_ino, found.st_ctime_ns
        elif isinstance(entry, dict):
            yield from _stamps_of(f"{path}/{name}", entry)


def _delete(entry: os.DirEntry[str]) -> None:
    if entry.is_dir(follow_symlinks=False):
        remove_tree(entry.path)
    else:
        os.unlink(entry.path)
