"""Unpacks an archive that nobody vouches for: nothing is written outside of its directory, and no more than allowed.

Python's own filter for this (tarfile.data_filter) is missing in releases of 3.10 and 3.11 that distributions ship.
"""

from __future__ import annotations

import errno
import gzip
import os
import posixpath
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Event
from typing import IO, TypeVar, cast

from flytewarm_server.distribution.errors import DistributionError

T = TypeVar("T")
_MOST_ENTRIES = 100_000
# Directories above an entry: what removes a tree goes down it with a call and a descriptor for each.
_MOST_PARENTS = 100
# Of one header (long names, PAX records) and of all together, in bytes: tarfile reads them into memory.
_LONGEST_HEADER, _MOST_HEADERS = 1 << 20, 256 << 20
# What tarfile raises for headers that are none: ValueError for numbers and names, RecursionError for chains of them.
_UNREADABLE = (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError, zlib.error, gzip.BadGzipFile)


def unpack(archive: Path, destination: Path, max_bytes: int, stop: Event | None = None) -> None:
    """Unpacks a .tar.gz into an existing, empty directory. Stops before the next entry once `stop` is set.

    Raises DistributionError, naming the entry, for absolute paths, paths with '..', links that leave the directory or
    pass through other links, devices, more than `max_bytes` unpacked or 100,000 entries, and for damaged archives.
    Raises OSError when it cannot be written.
    """
    try:
        with gzip.open(archive) as unpacked, tarfile.open(fileobj=_headers(unpacked), mode="r:") as tar:
            entries = list(_checked(_until(stop, tar), max_bytes))
            _check_links(entries)
            tar.fileobj = unpacked
            for entry, name in _until(stop, entries):
                _extract_in_place(tar, entry, destination, name)
    except _UNREADABLE as error:
        raise DistributionError(f"is not a readable .tar.gz: {error}") from error


class _Headers:
    """What tarfile reads while it lists an archive: headers alone, and no more of them than memory is spent on."""

    def __init__(self, unpacked: gzip.GzipFile) -> None:
        self._left = _MOST_HEADERS
        self._unpacked = unpacked
        self.seek, self.tell = unpacked.seek, unpacked.tell

    def read(self, size: int) -> bytes:
        """As of a file. Raises DistributionError."""
        self._left -= size
        if size > _LONGEST_HEADER or self._left < 0:
            raise DistributionError(f"has headers of more than {_LONGEST_HEADER} bytes, or {_MOST_HEADERS} in all")
        return self._unpacked.read(size)


def _headers(unpacked: gzip.GzipFile) -> IO[bytes]:
    return cast(IO[bytes], _Headers(unpacked))


def _until(stop: Event | None, items: Iterable[T]) -> Iterator[T]:
    """The items. Raises DistributionError once `stop` is set."""
    for item in items:
        if stop is not None and stop.is_set():
            raise DistributionError("was not unpacked: nobody waits for it any more")
        yield item


def _checked(tar: Iterable[tarfile.TarInfo], max_bytes: int) -> Iterator[tuple[tarfile.TarInfo, str]]:
    """Every entry with its path relative to the archive's root; '.' itself is left out."""
    total = count = 0
    for entry in tar:
        name = posixpath.normpath(entry.name)
        total, count = total + entry.size, count + 1
        _check_header(entry, name)
        if posixpath.isabs(entry.name):
            raise DistributionError(f"entry {entry.name!r} has an absolute path")
        if ".." in entry.name.split("/"):
            raise DistributionError(f"entry {entry.name!r} has '..' in its path")
        if not (entry.isfile() or entry.isdir() or entry.issym() or entry.islnk()):
            raise DistributionError(f"entry {entry.name!r} is neither a file, a directory nor a link")
        if total > max_bytes:
            raise DistributionError(f"holds more than {max_bytes} bytes unpacked (--max-distribution-bytes)")
        if count > _MOST_ENTRIES:
            raise DistributionError(f"has more than {_MOST_ENTRIES} entries")
        if name != ".":
            yield entry, name


def _check_header(entry: tarfile.TarInfo, name: str) -> None:
    if entry.size < 0:
        raise DistributionError(f"entry {entry.name!r} has a negative size")
    if "\0" in entry.name or "\0" in entry.linkname:
        raise DistributionError(f"entry {entry.name!r} has a NUL in its name or target")
    if name.count("/") > _MOST_PARENTS:
        raise DistributionError(f"entry {entry.name[:200]!r} lies below more than {_MOST_PARENTS} directories")


def _check_links(entries: list[tuple[tarfile.TarInfo, str]]) -> None:
    """A link may lead to what lies below the root, by a path without links: only then do its words tell where."""
    links = {name for entry, name in entries if entry.issym()}
    for entry, name in entries:
        if any(parent in links for parent in _parents(name)):
            raise DistributionError(f"entry {entry.name!r} lies below a link")
        if entry.issym() or entry.islnk():
            _check_target(entry, name, links)
        elif name in links:
            raise DistributionError(f"entry {entry.name!r} is there twice, once as a link")


def _check_target(entry: tarfile.TarInfo, name: str, links: set[str]) -> None:
    if not entry.linkname:
        raise DistributionError(f"link {entry.name!r} leads to nothing")
    if posixpath.isabs(entry.linkname):
        raise DistributionError(f"link {entry.name!r} leads to the absolute path {entry.linkname!r}")
    # A symbolic link's target is relative to the link, a hard link's to the root.
    reached = [part for part in posixpath.dirname(name).split("/") if part] if entry.issym() else []
    for part in entry.linkname.split("/"):
        if "/".join(reached) in links:
            raise DistributionError(f"link {entry.name!r} leads through another link")
        if part == ".." and not reached:
            raise DistributionError(f"link {entry.name!r} leads out of the archive, to {entry.linkname!r}")
        if part == "..":
            reached.pop()
        elif part not in ("", "."):
            reached.append(part)


def _parents(name: str) -> Iterator[str]:
    while name := posixpath.dirname(name):
        yield name


def _extract_in_place(tar: tarfile.TarFile, entry: tarfile.TarInfo, root: Path, name: str) -> None:
    """As _extract. Raises DistributionError for a name that no file can have there."""
    try:
        _extract(tar, entry, root, name)
    except (FileExistsError, IsADirectoryError, NotADirectoryError):
        raise DistributionError(f"entry {entry.name!r} is a file where another needs a directory") from None
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise DistributionError(f"entry {entry.name[:200]!r} has a name that is too long") from None


def _extract(tar: tarfile.TarFile, entry: tarfile.TarInfo, root: Path, name: str) -> None:
    target = root / name
    if entry.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # Of a hard link: what was unpacked before under that name.
    source = root / posixpath.normpath(entry.linkname) if entry.islnk() else None
    if source is not None and (source == target or source.is_symlink() or not source.is_file()):
        raise DistributionError(f"link {entry.name!r} leads to nothing")
    if target.is_symlink() or target.exists():
        target.unlink()  # an entry may be there twice: the last one counts
    if source is not None:
        os.link(source, target)
    elif entry.issym():
        target.symlink_to(entry.linkname)
    else:
        _extract_file(tar, entry, target)


def _extract_file(tar: tarfile.TarFile, entry: tarfile.TarInfo, target: Path) -> None:
    content = tar.extractfile(entry)
    assert content is not None  # it is a file
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file)
    # Who may run it, and nothing else of its mode.
    target.chmod(0o755 if entry.mode & 0o100 else 0o644)
