"""What a process may do is put back; what is as it was is not written again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from flytewarm_api.worker import processes
from flytewarm_worker.rights import Rights

InFork = Callable[[Callable[[], None]], None]
# Options of prctl(2).
_SET_DEATH_SIGNAL, _DEATH_SIGNAL, _NAME = 1, 2, 16


def test_an_attribute_is_read_alone(in_fork: InFork) -> None:
    """Some are shorter than others: what was read before must not be in the rest."""

    def check() -> None:
        assert any(processes.read_attribute_into(_NAME))
        assert not any(processes.read_attribute_into(_DEATH_SIGNAL))

    in_fork(check)


def test_nothing_is_written_where_nothing_has_changed(in_fork: InFork, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(_: Rights) -> str:
        raise AssertionError("nothing has changed")

    monkeypatch.setattr(Rights, "_write", write)

    def check() -> None:
        rights = Rights()
        for _ in range(3):
            assert rights.restore() == ""

    in_fork(check)


def test_what_a_task_changes_is_put_back(in_fork: InFork) -> None:
    def check() -> None:
        rights, before = Rights(), os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(before)})
        processes.set_attribute(_SET_DEATH_SIGNAL, signal.SIGUSR1)
        assert rights.restore() == ""
        assert os.sched_getaffinity(0) == before
        assert not any(processes.read_attribute_into(_DEATH_SIGNAL))

    in_fork(check)
