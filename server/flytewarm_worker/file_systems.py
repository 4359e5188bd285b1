"""fsspec's state in a process: what an execution leaves in it, and what it reads from environment variables.

fsspec keeps file systems for the life of a process: with their listings, the credentials that they found, the files of
memory:// and the implementations that were registered. An execution must find what a new process finds; but a client
of an object store costs more than a small task, so those that flytekit would make again alike are kept, connected.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from typing import Any

import fsspec.asyn
import fsspec.config
from fsspec import AbstractFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry, known_implementations

from flytewarm_worker.snapshot import Snapshot

# A task may make clients with ever new settings. More than these, and all are dropped.
_MOST_KEPT = 8
# Local ones that are used again, as they were made.
_local: list[tuple[Any, Snapshot]] = []
_TABLES: tuple[dict[str, Any], ...] = (MemoryFileSystem.store, _registry, known_implementations)


class FileSystems:
    """A snapshot, and the way back to it after each execution."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """`loop` is the one on which flytekit's coroutines run: what lives on other loops is not kept."""
        self._loop = loop
        self._directories = list(MemoryFileSystem.pseudo_dirs)
        self._classes = _Classes()
        self._kept = self.read()

    def read(self) -> list[dict[str, Any]]:
        """The present files of memory:// and implementations."""
        return [dict(table) for table in _TABLES]

    def adopt(self, before: list[dict[str, Any]]) -> None:
        """Keeps what has come since: an imported module is not imported again."""
        for kept, now, earlier in zip(self._kept, _TABLES, before, strict=True):
            kept.update({name: value for name, value in now.items() if earlier.get(name) is not value})
        self._classes = _Classes()

    def restore(self) -> None:
        """Forgets what the execution left."""
        MemoryFileSystem.pseudo_dirs[:] = self._directories
        for table, kept in zip(_TABLES, self._kept, strict=True):
            table.clear()
            table.update(kept)
        self._drop_instances()

    def _drop_instances(self) -> None:
        kept = 0
        for cls in self._classes.all():
            if not cls._cache:
                continue
            for token, instance in list(cls._cache.items()):
                if self._is_kept(instance):
                    kept += 1
                    instance.invalidate_cache()
                else:
                    del cls._cache[token]
        if kept > _MOST_KEPT:
            forget_instances()

    def _is_kept(self, instance: Any) -> bool:
        """Clients of object stores, on the loops that go on after the execution; and what keep_local() was told of."""
        if not instance.async_impl:
            return _is_as_made(instance)
        if instance.asynchronous:
            return instance.storage_options.get("loop") is self._loop
        return instance._loop is not None and instance._loop is fsspec.asyn.loop[0]


class _Classes:
    """Those of file systems that there are when this is made, and a quick way to find out that there are others."""

    def __init__(self) -> None:
        self._known = list(_classes(AbstractFileSystem))
        self._below = self._count()

    def all(self) -> Iterable[Any]:
        """All that there are now. Others are not kept: they may end with what a task leaves."""
        return self._known if self._count() == self._below else _classes(AbstractFileSystem)

    def _count(self) -> int:
        # None of them ends while it is known here: so another one makes one more.
        return sum(map(len, map(type.__subclasses__, self._known)))


def read_environment() -> None:
    """Reads fsspec's variables and files again, as its import does, and forgets file systems made with others.

    Botocore and its like read credentials, endpoints and proxies from variables when a client is made.
    """
    fsspec.config.conf_dir = configuration_directory()
    fsspec.config.conf.clear()
    fsspec.config.set_conf_files(fsspec.config.conf_dir, fsspec.config.conf)
    fsspec.config.set_conf_env(fsspec.config.conf)
    forget_instances()


def configuration_directory() -> str:
    """Where fsspec looks for its files when it is imported."""
    return os.environ.get("FSSPEC_CONFIG_DIR", os.path.join(os.path.expanduser("~"), ".config/fsspec"))


def keep_local(*instances: Any) -> None:
    """Has local file systems kept, these and no others, for as long as tasks leave them as they are."""
    _local[:] = [(one, Snapshot(one, one.dircache)) for one in instances]


def is_in_use(instance: Any) -> bool:
    """Whether fsspec would give this one for what it was made for."""
    return type(instance)._cache.get(instance._fs_token) is instance


def _is_as_made(instance: Any) -> bool:
    return any(one is instance and made.holds() for one, made in _local)


def forget_instances() -> None:
    """Drops every file system that fsspec keeps; what still uses one goes on using it."""
    for cls in _classes(AbstractFileSystem):
        cls._cache.clear()


def _classes(cls: Any) -> Iterator[Any]:
    yield cls
    for below in cls.__subclasses__():
        yield from _classes(below)
