"""An environment's directory can be removed once nobody wants it any more."""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from flytewarm_server.pool import provision
from flytewarm_server.pool.environment import EnvironmentSpec


def test_nothing_is_unpacked_after_the_making_was_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = Event()

    def unpack(_archive: Path, destination: Path, _max_bytes: int, stop: Event) -> None:
        begun.set()
        assert stop.wait(10)
        (destination / "written").touch()

    async def cancel() -> None:
        spec = EnvironmentSpec("/python", "/app", (), destination_dir="/elsewhere")
        laying = asyncio.ensure_future(provision.lay_out_code(spec, "a.tar.gz", tmp_path / "a", tmp_path, 1))
        await asyncio.to_thread(begun.wait)
        laying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await laying

    monkeypatch.setattr(provision, "unpack", unpack)
    asyncio.run(cancel())
    assert (tmp_path / "code" / "written").exists()


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ({"url": "https://h/a.whl"}, "https://h/a.whl"),
        ({"url": "https://h/r.git", "vcs_info": {"vcs": "git", "commit_id": "c"}}, "git+https://h/r.git@c"),
        (
            {"url": "https://h/r.git", "vcs_info": {"vcs": "git", "commit_id": "c"}, "subdirectory": "s/t"},
            "git+https://h/r.git@c#subdirectory=s/t",
        ),
        ({"url": "file:///a.tar.gz", "subdirectory": "s"}, "file:///a.tar.gz#subdirectory=s"),
    ],
)
def test_what_was_found_is_what_is_installed(found: dict[str, Any], wanted: str) -> None:
    assert provision.requirement(found) == wanted
