"""Fetches code distributions and knows which content a URI had when it was looked at last."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import tempfile
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

from flytewarm_server.distribution.errors import DistributionError, UnreachableDistributionError
from flytewarm_server.storage import on_daemon_thread, storage_options

_CHUNK = 1 << 20
# URIs whose digest is remembered.
_MOST_KNOWN = 1024
# What changes when the content does, as far as a file system tells: an object's entity tag, a file's identity.
_IDENTITY = (
    *("ETag", "etag", "LastModified", "last_modified", "Last-Modified", "Content-MD5", "Digest"),
    *("mtime", "created", "ino", "generation", "md5Hash", "content_settings"),
)


@dataclass(frozen=True)
class Fetched:
    """A distribution on this machine. The file is the caller's to delete."""

    digest: str
    archive: Path


@dataclass(frozen=True)
class Seen:
    """What a URI held when it was looked at."""

    #: Differs when the content does; empty when the storage does not tell.
    identity: str
    #: SHA-256 of the content, if that was fetched before; else empty.
    digest: str


@dataclass
class _Download:
    """One that runs. The file goes when all who wait for it have their links to it."""

    task: asyncio.Task[Fetched]
    waiting: int = 0


class DistributionStore:
    """Lives on the server's event loop; storage is read on threads."""

    def __init__(self, directory: Path, max_bytes: int, timeout: float) -> None:
        """`directory` gets the downloads, of at most `max_bytes` each and within `timeout` seconds."""
        self._directory = directory
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._links = itertools.count(1)
        self._running: dict[tuple[str, str, str], _Download] = {}

    async def look(self, uri: str, environment: Mapping[str, str]) -> Seen:
        """What the URI holds now. Raises DistributionError."""
        options = storage_options(uri, environment)
        identity: str = await self._on_thread(uri, lambda: _identity(uri, options))
        return Seen(identity, self._known.get((uri, identity), ""))

    async def fetch(self, uri: str, environment: Mapping[str, str], seen: Seen | None = None) -> Fetched:
        """Downloads it; those who want the same at once share one download. Raises DistributionError.

        `seen`: what was seen there a moment ago; None has it looked at.
        """
        # Before reading: content that changes meanwhile then has another identity, and is fetched again.
        identity = (seen or await self.look(uri, environment)).identity
        options = storage_options(uri, environment)
        if not identity:
            return await self._start(uri, identity, options)
        key = (uri, identity, repr(options))
        if key not in self._running:
            self._running[key] = _Download(asyncio.ensure_future(self._start(uri, identity, options)))
        download = self._running[key]
        download.waiting += 1
        try:
            # One caller that goes away does not end it for the others.
            fetched = await asyncio.shield(download.task)
            return Fetched(fetched.digest, self._link(fetched.archive))
        finally:
            download.waiting -= 1
            if not download.waiting:
                del self._running[key]
                _end(download.task)

    async def _start(self, uri: str, identity: str, options: dict[str, Any]) -> Fetched:
        fetched: Fetched = await self._on_thread(uri, lambda: self._download(uri, options), _delete)
        if identity:
            self._known[(uri, identity)] = fetched.digest
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return fetched

    def _link(self, archive: Path) -> Path:
        link = self._directory / f"link-{next(self._links)}"
        os.link(archive, link)
        return link

    async def _on_thread(self, uri: str, work: Any, unwanted: Any = None) -> Any:
        try:
            return await asyncio.wait_for(on_daemon_thread(work, "distribution", unwanted), self._timeout)
        except DistributionError:
            raise
        except asyncio.TimeoutError:
            raise UnreachableDistributionError(f"distribution {uri} was not there within {self._timeout} s") from None
        except FileNotFoundError:
            raise DistributionError(f"distribution {uri} does not exist") from None
        except Exception as error:
            raise UnreachableDistributionError(
                f"distribution {uri} cannot be read: {type(error).__name__}: {error}"
            ) from error

    def _download(self, uri: str, options: dict[str, Any]) -> Fetched:
        digest, size, latest = hashlib.sha256(), 0, time.monotonic() + self._timeout
        handle, name = tempfile.mkstemp(prefix="download-", dir=self._directory)
        try:
            with open(handle, "wb") as target, fsspec.open(uri, "rb", **options) as source:
                while chunk := source.read(_CHUNK):
                    if time.monotonic() > latest:
                        raise TimeoutError  # nobody waits any more
                    size += len(chunk)
                    if size > self._max_bytes:
                        limit = f"{self._max_bytes} bytes (--max-distribution-bytes)"
                        raise DistributionError(f"distribution {uri} is larger than {limit}")
                    digest.update(chunk)
                    target.write(chunk)
        except BaseException:
            os.unlink(name)
            raise
        return Fetched(digest.hexdigest(), Path(name))


def _identity(uri: str, options: dict[str, Any]) -> str:
    """See Seen."""
    filesystem, path = fsspec.core.url_to_fs(uri, **options)
    filesystem.invalidate_cache(filesystem._parent(path))
    info = filesystem.info(path)
    if (kind := info.get("type", "file")) != "file":
        raise DistributionError(f"distribution {uri} is a directory" if kind == "directory" else f"{uri} is not a file")
    known = {name: info[name] for name in _IDENTITY if info.get(name) is not None}
    # Another endpoint's object of the same name is another object, whatever it says of itself.
    return repr([info.get("size"), known, options.get("client_kwargs")]) if known else ""


def _delete(fetched: Fetched) -> None:
    fetched.archive.unlink(missing_ok=True)


def _end(download: asyncio.Task[Fetched]) -> None:
    if not download.done():
        download.cancel()
    elif not download.cancelled() and download.exception() is None:
        _delete(download.result())
