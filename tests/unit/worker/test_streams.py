"""Standard descriptors: whatever a task makes of them, the next execution has the worker's again."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flytewarm_worker.descriptors import Descriptors
from flytewarm_worker.streams import StandardStreams

InFork = Callable[[Callable[[], None]], None]


def _close(_elsewhere: Path) -> None:
    os.closerange(0, 3)


def _replace(elsewhere: Path) -> None:
    other = os.open(elsewhere, os.O_RDWR)
    for fd in range(3):
        os.dup2(other, fd)


def _swap(_elsewhere: Path) -> None:
    kept = os.dup(1)
    os.dup2(2, 1)
    os.dup2(kept, 2)


def _open_where_they_were(elsewhere: Path) -> None:
    os.closerange(0, 3)
    for _ in range(3):
        os.open(elsewhere, os.O_RDWR)


def _replace_without_marks(elsewhere: Path) -> None:
    for fd in range(3):
        fcntl.fcntl(fd, fcntl.F_SETSIG, 0)
    _replace(elsewhere)


def _replace_by_an_own_one(_elsewhere: Path) -> None:
    for fd in range(3):
        os.dup2(max(map(int, os.listdir("/proc/self/fd"))) - 1, fd)


def _do_not_block(_elsewhere: Path) -> None:
    for fd in range(3):
        os.set_blocking(fd, False)


@pytest.mark.parametrize("are_all_marked", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        _close,
        _replace,
        _swap,
        _open_where_they_were,
        _replace_without_marks,
        _replace_by_an_own_one,
        _do_not_block,
    ],
)
def test_they_are_the_workers_again(
    in_fork: InFork, tmp_path: Path, change: Callable[[Path], None], are_all_marked: bool
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch()

    def check() -> None:
        pipes = [os.pipe(), os.pipe()]
        streams = StandardStreams(*(write for _, write in pipes))
        if are_all_marked:
            Descriptors()
        for _ in range(2):
            change(elsewhere)
            streams.restore()
            os.write(1, b"to 1")
            os.write(2, b"to 2")
            assert [os.read(read, 100) for read, _ in pipes] == [b"to 1", b"to 2"]
            assert os.read(0, 100) == b""
            assert all(map(os.get_blocking, range(3)))
        assert elsewhere.read_bytes() == b""

    in_fork(check)
