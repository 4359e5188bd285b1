"""Descriptors of a worker's own: whatever becomes of them is told."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flytewarm_worker import descriptors
from flytewarm_worker.descriptors import Descriptors

InFork = Callable[[Callable[[], None]], None]


@pytest.fixture(params=["marked", "unmarked"])
def in_fork_of_its_own(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, in_fork: InFork) -> InFork:
    """With marks and without."""
    if request.param == "unmarked":
        monkeypatch.setattr(descriptors, "_MARKS", range(0))
    return in_fork


def _two_files(directory: Path) -> tuple[int, int]:
    return tuple(os.open(directory / name, os.O_RDWR | os.O_CREAT) for name in "ab")


def _close(first: int, _second: int) -> None:
    os.close(first)


def _replace(first: int, _second: int) -> None:
    other = os.open("/dev/null", os.O_RDONLY)
    os.dup2(other, first)
    os.close(other)


def _swap(first: int, second: int) -> None:
    kept = os.dup(first)
    os.dup2(second, first)
    os.dup2(kept, second)
    os.close(kept)


def _take_its_number(first: int, _second: int) -> None:
    os.close(first)
    # What Python opens next has the lowest that is free.
    while os.open("/dev/null", os.O_RDONLY) != first:
        pass


@pytest.mark.parametrize("change", [_close, _replace, _swap, _take_its_number])
def test_one_that_is_closed_or_replaced_is_told(
    in_fork_of_its_own: InFork, tmp_path: Path, change: Callable[[int, int], None]
) -> None:
    def check() -> None:
        first, second = _two_files(tmp_path)
        own = Descriptors()
        assert own.check() == ""
        change(first, second)
        assert own.check() == f"the task closed or replaced descriptor {first} of the worker"

    in_fork_of_its_own(check)


def test_many_that_are_left_are_told(in_fork_of_its_own: InFork) -> None:
    def check() -> None:
        own = Descriptors()
        # The standard ones count as well.
        left = [os.open("/dev/null", os.O_RDONLY) for _ in range(61)]
        assert own.check() == ""
        left.append(os.dup(left[0]))
        assert own.check() == "tasks left 65 descriptors open"

    in_fork_of_its_own(check)


def test_one_that_another_process_marks_is_still_the_same(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        first, _ = _two_files(tmp_path)
        own = Descriptors()
        # As a worker of the same zygote may, which has it open, too.
        fcntl.fcntl(first, fcntl.F_SETSIG, 0)
        assert own.check() == ""

    in_fork(check)


def test_more_than_there_are_marks_are_looked_at(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        first, second = _two_files(tmp_path)
        for _ in range(70):
            os.dup(second)
        own = Descriptors()
        assert own.check() == ""
        _replace(first, second)
        assert own.check() == f"the task closed or replaced descriptor {first} of the worker"

    in_fork(check)
