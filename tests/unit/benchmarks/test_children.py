"""Child processes of the benchmark: their answers, their faults, and what they leave behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from children import AnswerError, Child, ChildError
from processes import MARK, cpu_seconds, end_all, pss_bytes, tree

SLEEP = [sys.executable, "-c", "print(flush=True); import time; time.sleep(60)"]
PATIENCE_S = 0.2


@contextlib.contextmanager
def _sleeping(mark: str, *, new_session: bool) -> Iterator[subprocess.Popen[bytes]]:
    variables = {**os.environ, MARK: mark}
    with subprocess.Popen(SLEEP, stdout=subprocess.PIPE, env=variables, start_new_session=new_session) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_a_system_is_measured() -> None:
    with Child("system", "in_process") as child:
        assert list(child.answer(60)["targets"]) == ["flytekit in process"]
        told = child.ask(60, "latency", target="flytekit in process", calls=5)
        assert len(told["ms"]) == 5
        assert min(told["ms"]) > 0
        counted = child.ask(60, "throughput", target="flytekit in process", callers=1, seconds=0.2)
        assert counted["executions"] > 0
        assert counted["client_cpu_s"] > 0
        assert child.ask(60, "memory")["workers"][0] > 0


def test_a_fault_is_told_and_the_child_stays() -> None:
    with Child("system", "in_process") as child:
        child.answer(60)
        with pytest.raises(AnswerError, match="KeyError: 'nobody'"):
            child.ask(60, "latency", target="nobody", calls=5)
        assert child.ask(60, "memory")["rest"] == 0


def test_what_is_not_installed_is_told() -> None:
    with (
        Child("system", "none_such") as child,
        pytest.raises(AnswerError, match=r"No module named 'systems\.none_such'"),
    ):
        child.answer(60)


def test_an_answer_that_does_not_come_is_an_error() -> None:
    with Child("system", "in_process") as child:
        child.answer(60)
        with pytest.raises(ChildError, match=r"no answer within 0\.1 s"):
            child.answer(0.1)


def test_marked_processes_end_in_sessions_of_their_own_too() -> None:
    with _sleeping("one", new_session=True) as marked, _sleeping("two", new_session=True) as other:
        assert end_all("one", session=0x7FFFFFFF, patience_s=PATIENCE_S) == 1
        assert marked.wait(10) == -signal.SIGKILL
        assert other.poll() is None
        # One whose variables are hidden behind its title is known by its session.
        assert end_all("none", session=other.pid, patience_s=PATIENCE_S) == 1
        assert other.wait(10) == -signal.SIGKILL


def test_costs_of_processes() -> None:
    with _sleeping("three", new_session=False) as process:
        assert tree(process.pid) == {process.pid}
        assert process.pid in tree(os.getpid())
        assert pss_bytes(process.pid) > 100_000
    assert pss_bytes(process.pid) == 0
    assert cpu_seconds([process.pid]) == 0
    assert cpu_seconds([os.getpid()]) >= cpu_seconds([os.getpid()], with_ended=False) > 0
