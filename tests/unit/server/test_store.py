"""What storage holds is known by what it tells, and a download that nobody waits for leaves nothing."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import AsyncMock

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from flytewarm_server.distribution.errors import DistributionError, UnreachableDistributionError
from flytewarm_server.distribution.store import DistributionStore, Fetched, Seen


def _store(tmp_path: Path, timeout: float = 10.0) -> DistributionStore:
    (tmp_path / "downloads").mkdir()
    return DistributionStore(tmp_path / "downloads", 1 << 20, timeout)


@pytest.mark.parametrize(
    ("first", "second", "remembered"),
    [
        ({"size": 1}, {"size": 1}, False),
        ({"size": 1, "ETag": "a"}, {"size": 1, "ETag": "a"}, True),
        ({"size": 1, "ETag": "a"}, {"size": 1, "ETag": "b"}, False),
        ({"size": 1, "Last-Modified": "Mon"}, {"size": 1, "Last-Modified": "Tue"}, False),
        ({"size": 1, "mtime": 1.0, "created": 1.0}, {"size": 1, "mtime": 1.0, "created": 2.0}, False),
    ],
)
def test_content_is_known_by_more_than_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: dict[str, Any], second: dict[str, Any], remembered: bool
) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(b"x")

    async def ask() -> str:
        store = _store(tmp_path)
        monkeypatch.setattr(LocalFileSystem, "info", lambda *_: first)
        await store.fetch(str(path), {})
        monkeypatch.setattr(LocalFileSystem, "info", lambda *_: second)
        return (await store.look(str(path), {})).digest

    assert bool(asyncio.run(ask())) == remembered


def test_what_is_not_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.tar.gz")
    with pytest.raises(DistributionError, match="is not a file"):
        asyncio.run(_store(tmp_path).fetch(f"{tmp_path}/a.tar.gz", {}))


def test_a_download_that_comes_too_late_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, late, opened = tmp_path / "a.tar.gz", Event(), fsspec.open
    path.write_bytes(b"x")

    def open_late(*args: Any, **kwargs: Any) -> Any:
        late.wait(10)
        return opened(*args, **kwargs)

    async def fetch() -> None:
        with pytest.raises(UnreachableDistributionError, match="was not there within"):
            await _store(tmp_path, 0.2).fetch(str(path), {})
        assert list((tmp_path / "downloads").iterdir())
        (thread,) = [one for one in threading.enumerate() if one.name == "distribution"]
        late.set()
        await asyncio.to_thread(thread.join)
        assert list((tmp_path / "downloads").iterdir()) == []

    monkeypatch.setattr(fsspec, "open", open_late)
    asyncio.run(fetch())


class _Opened:
    """fsspec.open, which waits until it may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, self.begun, self.may = 0, Event(), Event()
        self.thread = threading.current_thread()
        self._open = fsspec.open
        monkeypatch.setattr(fsspec, "open", self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        self.thread = threading.current_thread()
        self.begun.set()
        assert self.may.wait(10)
        return self._open(*args, **kwargs)


def test_one_download_for_all_who_want_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, opened = tmp_path / "a.tar.gz", _Opened(monkeypatch)
    path.write_bytes(b"content")

    async def fetch() -> None:
        store = _store(tmp_path)
        monkeypatch.setattr(store, "look", AsyncMock(return_value=Seen("the same", "")))
        fetching = [asyncio.ensure_future(store.fetch(str(path), {})) for _ in range(5)]
        await asyncio.to_thread(opened.begun.wait)
        fetching[0].cancel()
        opened.may.set()
        cancelled, *fetched = await asyncio.gather(*fetching, return_exceptions=True)
        assert isinstance(cancelled, asyncio.CancelledError)
        for one in fetched:
            assert isinstance(one, Fetched)
            assert one.archive.read_bytes() == b"content"
            one.archive.unlink()

    asyncio.run(fetch())
    assert opened.calls == 1
    assert list((tmp_path / "downloads").iterdir()) == []


def test_a_download_that_nobody_wants_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, opened = tmp_path / "a.tar.gz", _Opened(monkeypatch)
    path.write_bytes(b"content")

    async def fetch() -> None:
        fetching = asyncio.ensure_future(_store(tmp_path).fetch(str(path), {}))
        await asyncio.to_thread(opened.begun.wait)
        fetching.cancel()
        await asyncio.wait([fetching])
        assert opened.thread.name == "distribution"
        opened.may.set()
        await asyncio.to_thread(opened.thread.join)

    asyncio.run(fetch())
    assert list((tmp_path / "downloads").iterdir()) == []
