"""A place for what changes its process: a fork that takes the change with it."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable

import pytest
from flytekit.core.context_manager import FlyteContext, FlyteContextManager

InFork = Callable[[Callable[[], None]], None]


@pytest.fixture
def in_fork() -> InFork:
    """Runs a function in a forked process; the test fails when it raises there."""
    return _run


@pytest.fixture
def context() -> FlyteContext:
    """flytekit's own context outside of any execution."""
    return FlyteContextManager.current_context()


def _run(function: Callable[[], None]) -> None:
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _answer(function, write)
    os.close(write)
    try:
        with open(read, encoding="utf-8", errors="replace") as answer:
            story = answer.read()
    finally:
        # Ended already, unless a timeout interrupts the reading.
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    if story != "passed":
        pytest.fail(f"in the fork: {story or 'it ended without a word'}", pytrace=False)


def _answer(function: Callable[[], None], write: int) -> None:
    story = "passed"
    try:
        function()
    except BaseException:  # noqa: BLE001  # pytest's own exceptions are not derived from Exception
        story = traceback.format_exc()
    # Not closed by what the function forked: the parent reads one answer, of this length at most.
    os.write(write, story.encode(errors="replace")[:60_000])
    os._exit(0)
