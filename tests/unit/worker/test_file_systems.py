"""What an execution leaves in fsspec is gone for the next one; clients on loops that go on are kept."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable

import fsspec
import fsspec.asyn
import fsspec.config
import pytest
from fsspec import AbstractFileSystem
from fsspec.asyn import AsyncFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from flytewarm_worker.file_systems import FileSystems, keep_local, read_environment

InFork = Callable[[Callable[[], None]], None]


class Client(AsyncFileSystem):
    """An object store's, with a listing."""

    protocol = "client"

    def invalidate_cache(self, path: str | None = None) -> None:  # noqa: ARG002  # fsspec's signature
        self.dircache.clear()


def test_files_in_memory_and_implementations_are_forgotten(in_fork: InFork) -> None:
    def check() -> None:
        fsspec.filesystem("memory").pipe_file("/preloaded", b"kept")
        state = FileSystems(asyncio.new_event_loop())
        fsspec.filesystem("memory").pipe_file("/left/here", b"")
        fsspec.register_implementation("memory", Client, clobber=True)
        fsspec.register_implementation("client", "somewhere.Client")
        state.restore()
        assert fsspec.filesystem("memory").find("/") == ["/preloaded"]
        assert isinstance(fsspec.filesystem("memory"), MemoryFileSystem)
        with pytest.raises(ValueError, match="client"):
            fsspec.get_filesystem_class("client")

    in_fork(check)


def test_what_an_imported_module_brings_is_kept(in_fork: InFork) -> None:
    def check() -> None:
        state = FileSystems(asyncio.new_event_loop())
        before = state.read()
        fsspec.register_implementation("client", Client)
        fsspec.filesystem("memory").pipe_file("/imported", b"")
        state.adopt(before)
        fsspec.register_implementation("client", MemoryFileSystem, clobber=True)
        state.restore()
        assert fsspec.get_filesystem_class("client") is Client
        assert fsspec.filesystem("memory").find("/") == ["/imported"]

    in_fork(check)


def test_clients_stay_without_their_listings(in_fork: InFork) -> None:
    def check() -> None:
        loop, other = asyncio.new_event_loop(), asyncio.new_event_loop()
        state = FileSystems(loop)
        synchronous, inline = Client(), Client(asynchronous=True, loop=loop, name="inline")
        on_another_loop = Client(asynchronous=True, loop=other, name="other")
        local = fsspec.filesystem("file")
        inline.dircache["directory"] = [{"name": "directory/file"}]
        state.restore()
        assert Client() is synchronous
        assert Client(asynchronous=True, loop=loop, name="inline") is inline
        assert not inline.dircache
        assert Client(asynchronous=True, loop=other, name="other") is not on_another_loop
        assert fsspec.filesystem("file") is not local

    in_fork(check)


@pytest.mark.parametrize("base", [AbstractFileSystem, LocalFileSystem, Client])
def test_file_systems_of_classes_that_a_task_has_made_are_forgotten(in_fork: InFork, base: type) -> None:
    def check() -> None:
        state = FileSystems(asyncio.new_event_loop())
        made = type("Made", (base,), {})
        below = type("Below", (made,), {})
        options = {"asynchronous": True} if base is Client else {}
        one, other = made(**options), below(**options)
        state.restore()
        assert made(**options) is not one
        assert below(**options) is not other

    in_fork(check)


def test_classes_that_a_task_has_made_are_not_kept(in_fork: InFork) -> None:
    def check() -> None:
        state = FileSystems(asyncio.new_event_loop())
        made = weakref.ref(type("Made", (Client,), {}))
        state.restore()
        gc.collect()
        assert made() is None

    in_fork(check)


def test_a_local_one_stays_while_it_is_as_it_was_made(in_fork: InFork) -> None:
    def check() -> None:
        state = FileSystems(asyncio.new_event_loop())
        local = fsspec.filesystem("file")
        keep_local(local)
        state.restore()
        assert fsspec.filesystem("file") is local
        local.auto_mkdir = True
        state.restore()
        assert fsspec.filesystem("file") is not local

    in_fork(check)


def test_no_more_than_a_few_clients_stay(in_fork: InFork) -> None:
    def check() -> None:
        state = FileSystems(asyncio.new_event_loop())
        first = Client(name="0")
        for number in range(1, 100):
            Client(name=str(number))
        state.restore()
        assert Client(name="0") is not first

    in_fork(check)


def test_variables_are_read_again(in_fork: InFork, monkeypatch: pytest.MonkeyPatch) -> None:
    def check() -> None:
        before = Client()
        monkeypatch.setenv("FSSPEC_CLIENT", '{"batch_size": 7}')
        read_environment()
        after = Client()
        assert (before.batch_size, after.batch_size) == (None, 7)
        monkeypatch.delenv("FSSPEC_CLIENT")
        read_environment()
        assert "client" not in fsspec.config.conf

    in_fork(check)
