"""What a run of the benchmark leaves."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from comparison import Comparison
from machine import commit, describe_machine, redis_version
from outcome import exit_status, stem, write

SYSTEMS = {"ExecuteTask unix": "over_grpc", "loky": "loky_pool"}


def _document(**figures: Any) -> dict[str, Any]:
    return {"machine": describe_machine(), "comparison": {"targets": {}, "memory": {}}, "figures": figures}


@pytest.mark.parametrize(
    ("left_out", "failed", "status"),
    [
        ({}, {}, 0),
        ({"loky_pool": "not installed"}, {}, 0),
        ({"loky": "round 2: it failed"}, {}, 0),
        ({"over_grpc": "round 1: it did not start"}, {}, 1),
        ({"ExecuteTask unix": "round 2: it failed"}, {}, 1),
        ({}, {"cold": "it failed"}, 1),
    ],
)
def test_a_fault_of_ours_is_a_failure(left_out: dict[str, str], failed: dict[str, str], status: int) -> None:
    assert exit_status(Comparison(left_out=left_out, systems=SYSTEMS), failed) == status


def test_parts_have_files_of_their_own() -> None:
    assert stem(quick=False, only=None) == "latest"
    assert stem(quick=True, only=None) == "quick"
    assert stem(quick=False, only=["cold"]) == stem(quick=True, only=["loky_pool"]) == "partial"


def test_what_is_said_to_be_written_is_written(tmp_path: Path) -> None:
    drawn = _document(memory={"server": {"unit": "MB", "median": 40.0, "low": 39.0, "high": 41.0}})
    assert write(drawn, "partial", tmp_path) == [tmp_path / "partial.json", tmp_path / "partial.png"]
    assert json.loads((tmp_path / "partial.json").read_text()) == drawn
    # What has nothing to draw leaves no picture of another run beside it.
    assert write(_document(), "partial", tmp_path) == [tmp_path / "partial.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["partial.json"]


def test_the_server_tells_its_version() -> None:
    said = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=d2a81d18cbf4ad7"
    assert redis_version(said) == "7.0.15"
    assert redis_version("") == "not installed"


def test_a_checkout_that_differs_from_its_commit_is_dirty(tmp_path: Path) -> None:
    identity = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    for command in (["init", "--quiet"], [*identity, "commit", "--quiet", "--allow-empty", "--message", "first"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    clean = commit(tmp_path)
    assert re.fullmatch("[0-9a-f]+", clean)
    (tmp_path / "new").touch()
    assert commit(tmp_path) == f"{clean}-dirty"
    assert commit(Path("/")) == ""
