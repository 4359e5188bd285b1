"""A worker that puts its process back has its next execution already: when that begins, and when it never does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from calls import Calls, request
from conftest import open_calls
from faults import Barrier, StartService, environment, wait_for
from flytewarm_api.v1 import execution_pb2, task_executor_pb2
from showcase.service import Service
from test_execute_tasks import Stream

SUCCEEDED, CANCELLED = execution_pb2.EXECUTION_STATE_SUCCEEDED, execution_pb2.EXECUTION_STATE_CANCELLED
# Of a text of a kilobyte.
_TIMES = 8000


@pytest.fixture
def service(own_service: StartService) -> Service:
    """One with a single worker, which takes a test's own module from its zygote."""
    return own_service(preload="finalizers")


@pytest.fixture
def second(tmp_path: Path) -> Barrier:
    """A FIFO for the execution that is handed over."""
    return Barrier(tmp_path / "second")


def _outcome(stream: Stream, number: int) -> execution_pb2.Outcome:
    return stream.read_final(number).events[-1].outcome


@contextmanager
def _stopped(service: Service) -> Iterator[None]:
    """The service can do nothing in this block; its workers can."""
    os.kill(service.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(service.pid, signal.SIGCONT)


def test_it_begins_with_no_word_from_the_service(service: Service, barrier: Barrier, second: Barrier) -> None:
    """Its request was in the worker's socket before that was ready, and before anybody had the last answer."""
    made = [request("finalizers.hold", fifo=barrier.path), request("probes.wait_on", fifo=second.path)]
    with open_calls(service) as calls, Stream(calls, *made) as stream:
        first = _outcome(stream, 1)
        barrier.wait_until_reached()
        with _stopped(service):
            barrier.release()
            second.wait_until_reached()
        second.release()
        following = _outcome(stream, 2)
    assert (first.state, following.state) == (SUCCEEDED, SUCCEEDED)
    assert following.receipt.worker == first.receipt.worker
    assert [one.receipt.worker_executions for one in (first, following)] == [1, 2]


def test_it_does_not_wait_for_an_answer_that_nobody_reads(service: Service, second: Barrier) -> None:
    """Nothing is read of a stream while its first answer is larger than what flow control lets through."""
    made = [request("basic.greet", name="x" * 1000, times=_TIMES), request("probes.wait_on", fifo=second.path)]
    with open_calls(service) as calls, Stream(calls, *made) as stream:
        second.wait_until_reached()
        assert stream.answers == []
        second.release()
        answers = [_outcome(stream, number) for number in (1, 2)]
    assert [one.state for one in answers] == [SUCCEEDED] * 2
    assert answers[0].receipt.output_bytes > 1000 * _TIMES


def test_one_that_is_cancelled_while_it_waits_never_begins(service: Service, barrier: Barrier, tmp_path: Path) -> None:
    with open_calls(service) as calls, Stream(calls, *_writes_after("probes.wait_on", barrier, tmp_path)) as stream:
        barrier.wait_until_reached()
        _cancel_second(calls, stream)
        barrier.release()
        assert _outcome(stream, 1).state == SUCCEEDED
        assert calls.outcome(request("basic.add", a=1, b=2)).receipt.worker == _outcome(stream, 1).receipt.worker
    assert not (tmp_path / "written").exists()


def test_one_that_is_cancelled_when_the_worker_has_it_never_begins(
    service: Service, barrier: Barrier, tmp_path: Path
) -> None:
    """The worker, which would begin it any moment, is ended; another one takes its place."""
    with open_calls(service) as calls, Stream(calls, *_writes_after("finalizers.hold", barrier, tmp_path)) as stream:
        worker = _outcome(stream, 1).receipt.worker
        barrier.wait_until_reached()
        _cancel_second(calls, stream)
        wait_for(lambda: worker not in {one.name for one in environment(calls).workers})
        barrier.forget()
        assert calls.outcome(request("basic.add", a=1, b=2)).receipt.worker != worker
    assert not (tmp_path / "written").exists()


def _writes_after(first: str, barrier: Barrier, directory: Path) -> list[task_executor_pb2.ExecuteTaskRequest]:
    """Two requests, of which the first one has its worker wait, and the second one would write."""
    return [request(first, fifo=barrier.path), request("probes.redirects", path=str(directory / "written"))]


def _cancel_second(calls: Calls, stream: Stream) -> None:
    stream.read_until(lambda: 2 in {one.request_number for one in stream.answers})
    calls.executor.CancelExecution(task_executor_pb2.CancelExecutionRequest(execution_id=stream.id_of(2)))
    assert _outcome(stream, 2).state == CANCELLED
