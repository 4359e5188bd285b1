"""The limit of the control group: found in both versions, at any level, and not where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from flytewarm_server.cgroup import find_memory_cgroup, system_kills

V2 = {"memory.max": "1000\n", "memory.current": "900\n", "memory.events": "low 0\noom 3\noom_kill 2\n"}
V1 = {"memory.limit_in_bytes": "1000\n", "memory.usage_in_bytes": "900\n", "memory.oom_control": "oom_kill 2\n"}


def _group(directory: Path, files: Mapping[str, str], stat: str = "") -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in {**files, "memory.stat": stat}.items():
        (directory / name).write_text(text)


def _memberships(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cgroup"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("line", "at", "files", "stat"),
    [
        pytest.param("0::/a/b", "a/b", V2, "anon 1\ninactive_file 100\n", id="version 2"),
        pytest.param("4:memory:/a", "memory/a", V1, "cache 1\ntotal_inactive_file 100\n", id="version 1"),
        pytest.param("4:cpu,memory:/a", "memory/a", V1, "total_inactive_file 100\n", id="with other controllers"),
        pytest.param("0::/a/b", "a", V2, "inactive_file 100\n", id="of a group above"),
        pytest.param("0::/of/the/host", "", V2, "inactive_file 100\n", id="in a container"),
    ],
)
def test_a_limit(tmp_path: Path, line: str, at: str, files: Mapping[str, str], stat: str) -> None:
    _group(tmp_path / "mounts" / at, files, stat)
    found = find_memory_cgroup(_memberships(tmp_path, f"9:name=systemd:/x\n{line}\n"), tmp_path / "mounts")
    assert found is not None
    assert (found.limit_bytes, found.usage_bytes, found.kills) == (1000, 800, 2)


def test_the_lowest_limit_counts(tmp_path: Path) -> None:
    _group(tmp_path / "mounts/a", V2)
    _group(tmp_path / "mounts/a/b", {**V2, "memory.max": "2000"})
    found = find_memory_cgroup(_memberships(tmp_path, "0::/a/b\n"), tmp_path / "mounts")
    assert found is not None
    assert found.directory == tmp_path / "mounts/a"


@pytest.mark.parametrize(
    ("memberships", "files"),
    [
        ("0::/\n", {"memory.max": "max\n"}),
        ("4:memory:/\n", {"memory.limit_in_bytes": "9223372036854771712\n"}),
        ("0::/\n", {}),
        ("", {}),
    ],
)
def test_no_limit(tmp_path: Path, memberships: str, files: Mapping[str, str]) -> None:
    _group(tmp_path / "mounts/memory", files)
    _group(tmp_path / "mounts", files)
    assert find_memory_cgroup(_memberships(tmp_path, memberships), tmp_path / "mounts") is None
    assert find_memory_cgroup(tmp_path / "absent", tmp_path / "mounts") is None


def test_of_this_machine() -> None:
    found = find_memory_cgroup()
    assert found is None or found.usage_bytes <= found.limit_bytes * 2
    assert system_kills() >= 0
