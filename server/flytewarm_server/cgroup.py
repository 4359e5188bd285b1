"""The memory limit of the control group that the service runs in, as containers have one: version 2, or version 1.

The files are described in the kernel's admin-guide: cgroup-v2.rst and cgroup-v1/memory.rst.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

_MOUNTS = Path("/sys/fs/cgroup")
# Version 1 has no word for "no limit", but a number near the largest.
_NO_LIMIT = 1 << 62


@dataclass(frozen=True)
class _Files:
    limit: str
    usage: str
    events: str
    # A key of memory.stat.
    reclaimable: str


_VERSION_2 = _Files("memory.max", "memory.current", "memory.events", "inactive_file")
_VERSION_1 = _Files("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control", "total_inactive_file")


@dataclass(frozen=True)
class MemoryCgroup:
    """The group with the lowest limit among the service's own and those above it."""

    directory: Path
    limit_bytes: int
    _files: _Files

    @property
    def usage_bytes(self) -> int:
        """Memory in use, without what the kernel can take back at once. Raises OSError when the group is gone."""
        reclaimable = _numbers(self.directory / "memory.stat").get(self._files.reclaimable, 0)
        return max(0, int((self.directory / self._files.usage).read_text()) - reclaimable)

    @property
    def kills(self) -> int:
        """How many processes of the group the kernel has killed as memory ran out. Raises OSError."""
        return _numbers(self.directory / self._files.events).get("oom_kill", 0)


def find_memory_cgroup(memberships: Path = Path("/proc/self/cgroup"), mounts: Path = _MOUNTS) -> MemoryCgroup | None:
    """The group whose limit this process meets first; None where no limit can be seen.

    `memberships` is a file as /proc/self/cgroup is; `mounts` is where the groups are mounted.
    """
    found = []
    for line in memberships.read_text().splitlines() if memberships.exists() else []:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found += _with_limits(mounts, path, _VERSION_2)
        elif "memory" in controllers.split(","):
            found += _with_limits(mounts / "memory", path, _VERSION_1)
    return min(found, key=lambda group: group.limit_bytes, default=None)


def _with_limits(mount: Path, path: str, files: _Files) -> list[MemoryCgroup]:
    # In a container the path may be that of the host, which is not visible: then the mount is the container's group.
    own = mount / path.lstrip("/")
    groups = []
    for directory in (own, *own.parents):
        with contextlib.suppress(OSError, ValueError):
            # "max" is no number.
            limit = int((directory / files.limit).read_text())
            if limit < _NO_LIMIT:
                groups.append(MemoryCgroup(directory, limit, files))
        if directory == mount:
            break
    return groups


def system_kills() -> int:
    """How many processes the kernel has killed on this machine as memory ran out; 0 where it does not tell."""
    with contextlib.suppress(OSError):
        return _numbers(Path("/proc/vmstat")).get("oom_kill", 0)
    return 0


def _numbers(file: Path) -> dict[str, int]:
    """Lines of a key and a number."""
    lines = (line.split() for line in file.read_text().splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()}
