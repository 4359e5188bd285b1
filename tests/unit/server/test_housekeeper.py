"""Which environments must go for their memory, and how that is measured."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytewarm_server.pool.housekeeper import memory_of, over_budget


@pytest.mark.parametrize(
    ("sizes", "unused", "budget", "gone"),
    [
        ([10, 20, 30], [True, True, True], 60, []),
        ([10, 20, 30], [True, True, True], 59, [0]),
        ([10, 20, 30], [True, True, True], 45, [0, 1]),
        ([10, 20, 30], [False, True, True], 45, [1]),
        ([10, 20, 30], [False, False, False], 1, []),
        ([30], [True], 1, [0]),
        ([], [], 1, []),
    ],
)
def test_who_must_go(sizes: list[int], unused: list[bool], budget: int, gone: list[int]) -> None:
    assert list(over_budget(sizes, unused, budget)) == gone


@given(st.lists(st.tuples(st.integers(0, 100), st.booleans())), st.integers(1, 300))
def test_the_rest_fits_or_is_in_use_and_no_more_than_that_goes(lanes: list[tuple[int, bool]], budget: int) -> None:
    sizes, unused = [size for size, _ in lanes], [free for _, free in lanes]
    gone = list(over_budget(sizes, unused, budget))
    rest = [index for index in range(len(lanes)) if index not in gone]
    left = sum(sizes[index] for index in rest)
    assert all(unused[index] for index in gone)
    assert left <= budget or not any(unused[index] for index in rest)
    assert not gone or left + sizes[gone[-1]] > budget


def test_memory_that_two_processes_share_is_counted_once() -> None:
    size = 64 << 20
    before = memory_of(os.getpid())
    with mmap.mmap(-1, size) as shared:
        shared.write(b"x" * size)
        assert memory_of(os.getpid()) - before > 0.9 * size
        pid = os.fork()
        if pid == 0:
            # The child maps it when it reads it.
            shared[:]
            os.kill(os.getpid(), signal.SIGSTOP)
            os._exit(0)
        try:
            os.waitpid(pid, os.WUNTRACED)
            assert memory_of(os.getpid()) - before < 0.6 * size
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def test_a_process_that_has_ended_has_none() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert memory_of(process.pid) == 0
