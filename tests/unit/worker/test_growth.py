"""Whether a worker's memory has grown."""

from __future__ import annotations

import gc
import mmap
import os

from flytewarm_api.worker import allocator
from flytewarm_api.worker.proc import own_memory_bytes
from flytewarm_worker.usage import MemoryGrowth

MIB = 1 << 20


class _Cycle:
    def __init__(self) -> None:
        self.me, self.bulk = self, bytearray(64 * MIB)


def test_what_is_kept_is_growth_until_it_is_let_go() -> None:
    growth = MemoryGrowth(32 * MIB)
    assert growth.reason_to_go() == ""
    kept = bytearray(b"x") * (64 * MIB)
    assert "(--max-worker-growth is 32 MiB)" in growth.reason_to_go()
    del kept
    assert growth.reason_to_go() == ""


def test_what_waits_for_the_collector_is_none() -> None:
    growth = MemoryGrowth(32 * MIB)
    gc.disable()
    try:
        cycle = _Cycle()
        cycle.bulk[:] = b"x" * len(cycle.bulk)
        del cycle
        assert own_memory_bytes() - growth._baseline > 32 * MIB
        assert growth.reason_to_go() == ""
    finally:
        gc.enable()


def test_what_is_kept_for_large_values_is_none() -> None:
    growth = MemoryGrowth(32 * MIB)
    allocator.keep_freed()
    try:
        values = [b"x" * (4 * MIB) for _ in range(16)]
        assert own_memory_bytes() - growth._baseline > 32 * MIB
        values.clear()
        assert growth.reason_to_go() == ""
    finally:
        allocator.give_back()


def test_without_a_limit_nothing_is_growth() -> None:
    growth = MemoryGrowth(0)
    kept = bytearray(b"x") * (64 * MIB)
    assert (growth.reason_to_go(), len(kept)) == ("", 64 * MIB)


def test_memory_of_a_parent_is_no_growth_of_a_fork() -> None:
    kept = bytearray(b"x") * (64 * MIB)
    pid = os.fork()
    if pid == 0:
        growth = MemoryGrowth(32 * MIB)
        # Its own copy, from the first write on.
        kept[:: mmap.PAGESIZE] = b"y" * (len(kept) // mmap.PAGESIZE)
        os._exit(0 if growth.reason_to_go() == "" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
