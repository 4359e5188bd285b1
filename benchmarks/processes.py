"""What processes cost, as /proc tells it, and the end of those that a measurement has left."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from flytewarm_api.worker import proc

# A variable that all processes of one child of the benchmark have; its value is the child's own.
MARK = "BENCHMARK_CHILD"
_TICKS = os.sysconf("SC_CLK_TCK")
_GONE = (FileNotFoundError, ProcessLookupError)


def tree(root: int) -> set[int]:
    """A process and all below it."""
    found, waiting = set[int](), [root]
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        with contextlib.suppress(*_GONE):
            waiting.extend(proc.children(proc.of(pid)) - found)
    return found


def below_this() -> set[int]:
    """All processes below this one."""
    return tree(os.getpid()) - {os.getpid()}


def cpu_seconds(pids: Iterable[int], *, with_ended: bool = True) -> float:
    """CPU time that processes have taken so far, user and system; by default with that of ended children."""
    total = 0
    for pid in pids:
        with contextlib.suppress(*_GONE):
            total += sum(map(int, _fields(proc.of(pid))[11 : 15 if with_ended else 13]))
    return total / _TICKS


def pss_bytes(pid: int) -> int:
    """A process's share of the memory that it and others have; 0 for one that has ended."""
    with contextlib.suppress(*_GONE):
        for line in (proc.of(pid) / "smaps_rollup").read_text(encoding="utf-8").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def end_all(mark: str, session: int, patience_s: float = 5.0) -> int:
    """Kills every process with this mark, or of this session, that does not end by itself; returns how many there were.

    Waits for each of both, the end by itself and that of the killed, at most `patience_s`.
    """
    deadline = time.monotonic() + patience_s
    while (first := _belonging(mark, session)) and time.monotonic() < deadline:
        time.sleep(0.05)
    deadline = time.monotonic() + patience_s
    while (left := _belonging(mark, session)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    return len(first)


def _belonging(mark: str, session: int) -> set[int]:
    """Some have a session of their own, and some write their title over their variables; hardly one does both."""
    wanted = f"{MARK}={mark}".encode()
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(*_GONE, PermissionError):
                status = _fields(entry)
                marked = wanted in (entry / "environ").read_bytes().split(b"\0")
                if status[0] != "Z" and (marked or int(status[3]) == session):
                    found.add(int(entry.name))
    return found


def _fields(process: Path) -> list[str]:
    """Of stat, from field 3 on: state, parent, group, session. The name before, in parentheses, may have spaces."""
    return (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
