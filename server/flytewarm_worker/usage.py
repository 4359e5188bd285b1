"""What an execution used: CPU time and peak memory, from the kernel's own accounting."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
from dataclasses import dataclass

from flytewarm_api.worker import allocator, proc

# Added to what the service has, of 1,000 in all: half of the memory there is.
_OOM_SCORE, _MOST_OOM_SCORE = 500, 1000


@dataclass(frozen=True)
class CpuTimes:
    """CPU time in nanoseconds, of this process and its reaped children."""

    user_ns: int
    system_ns: int

    @classmethod
    def now(cls) -> CpuTimes:
        """Reads the times since the process began."""
        own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        return cls(int((own.ru_utime + children.ru_utime) * 1e9), int((own.ru_stime + children.ru_stime) * 1e9))

    def __sub__(self, other: CpuTimes) -> CpuTimes:
        return CpuTimes(self.user_ns - other.user_ns, self.system_ns - other.system_ns)


def reset_peak_memory() -> None:
    """Lets the kernel forget the peak so far (proc(5), clear_refs 5). Without the right to do so the peak stays the
    process's own since its start. Costs as much as a tenth of a small task: call it between executions."""
    with contextlib.suppress(OSError):
        clear_refs = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(clear_refs, b"5")
        finally:
            os.close(clear_refs)


def peak_memory_bytes() -> int:
    """Largest resident set since reset_peak_memory, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def be_killed_first() -> None:
    """Has the kernel choose this process and what it starts, when memory runs out, and neither the service nor a zygote
    (proc(5), oom_score_adj)."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "r+") as score:
        adjusted = min(int(score.read()) + _OOM_SCORE, _MOST_OOM_SCORE)
        score.seek(0)
        score.write(str(adjusted))


class MemoryGrowth:
    """By how much this process's own memory has grown since this was made."""

    def __init__(self, limit: int) -> None:
        """`limit` is in bytes; 0 for none."""
        self._limit = limit
        self._baseline = proc.own_memory_bytes() if limit else 0

    def reason_to_go(self) -> str:
        """Why another process should take the place of this one; empty when it need not."""
        if not self._limit or proc.own_memory_bytes() - self._baseline <= self._limit:
            return ""
        # What nobody holds any more is not growth, nor is what is kept for large values.
        gc.collect()
        allocator.give_back()
        if (growth := proc.own_memory_bytes() - self._baseline) <= self._limit:
            return ""
        return f"its memory has grown by {growth >> 20} MiB (--max-worker-growth is {self._limit >> 20} MiB)"
