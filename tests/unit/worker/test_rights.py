"""What a process may do is put back; what is as it was is not written again."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable

import pytest

from flytewarm_api.worker import processes
from flytewarm_worker import rights
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
    def write(_kept: Rights) -> str:
        raise AssertionError("nothing has changed")

    monkeypatch.setattr(Rights, "_write", write)

    def check() -> None:
        kept = Rights()
        for _ in range(3):
            assert kept.restore() == ""

    in_fork(check)


def test_what_a_task_changes_is_put_back(in_fork: InFork) -> None:
    def check() -> None:
        kept, before = Rights(), os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(before)})
        processes.set_attribute(_SET_DEATH_SIGNAL, signal.SIGUSR1)
        assert kept.restore() == ""
        assert os.sched_getaffinity(0) == before
        assert not any(processes.read_attribute_into(_DEATH_SIGNAL))

    in_fork(check)


def _limit(number: int) -> Callable[[], None]:
    def change() -> None:
        soft, hard = resource.getrlimit(number)
        resource.setrlimit(number, (12_345 if soft == resource.RLIM_INFINITY else soft - 1, hard))

    return change


_CHANGES: dict[str, Callable[[], object]] = {
    "priority": lambda: os.nice(1),
    "scheduling policy": lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)),
    "openness to inspection": lambda: processes.set_attribute(4, 0),
    "slack of timers": lambda: processes.set_attribute(29, 12_345),
    "right to new privileges": lambda: processes.set_attribute(38, 1),
    "signal at its parent's end": lambda: processes.set_attribute(_SET_DEATH_SIGNAL, signal.SIGUSR1),
    "place as a subreaper": lambda: processes.set_attribute(36, 1),
    "name": lambda: processes.set_attribute(15, b"other"),
    **({"CPUs": lambda: os.sched_setaffinity(0, {0})} if len(os.sched_getaffinity(0)) > 1 else {}),
    **{rights._LIMITS[number]: _limit(number) for number in (resource.RLIMIT_STACK, resource.RLIMIT_NOFILE)},
    **(
        {
            "user": lambda: os.setresuid(-1, 1, -1),
            "group": lambda: os.setresgid(-1, 1, -1),
            "further groups": lambda: os.setgroups([1, 2]),
        }
        if os.getuid() == 0
        else {}
    ),
}


@pytest.mark.parametrize("name", _CHANGES)
def test_a_glance_sees_what_a_look_at_each_sees(in_fork: InFork, name: str) -> None:
    read = next(read for known, read, _ in rights._PROPERTIES if known == name)

    def check() -> None:
        before, glance = read(), rights._glance()
        assert glance == rights._glance()
        _CHANGES[name]()
        assert read() != before
        assert rights._glance() != glance

    in_fork(check)
