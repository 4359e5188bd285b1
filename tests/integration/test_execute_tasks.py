"""ExecuteTasks on a real service, with raw stubs: what a stream answers, what it reads, what ends it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2

from calls import TIMEOUT, Calls, details, request, violated_fields
from conftest import open_calls
from faults import Barrier, StartService, idle_worker, wait_for
from flytewarm_api.v1 import execution_pb2, settings_pb2, task_executor_pb2, worker_pool_pb2

SUCCEEDED, CANCELLED = execution_pb2.EXECUTION_STATE_SUCCEEDED, execution_pb2.EXECUTION_STATE_CANCELLED
_Request = task_executor_pb2.ExecuteTaskRequest


class Stream:
    """A stream that is open until half_close(); answers are read as they are asked for."""

    def __init__(self, calls: Calls, *made: _Request, metadata: Any = ()) -> None:
        self._outbox: SimpleQueue[task_executor_pb2.ExecuteTasksRequest | None] = SimpleQueue()
        self._call = calls.executor.ExecuteTasks(iter(self._outbox.get, None), timeout=TIMEOUT, metadata=metadata)
        self.answers: list[task_executor_pb2.TaskAnswer] = []
        self.send(*made)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def send(self, *made: _Request) -> None:
        """Sends requests in one message."""
        self._outbox.put(task_executor_pb2.ExecuteTasksRequest(executions=made))

    def half_close(self) -> None:
        """Sends no more."""
        self._outbox.put(None)

    def leave(self) -> None:
        """Ends the call as a client that goes away."""
        self._call.cancel()
        self.half_close()

    def read_until(self, condition: Callable[[], bool]) -> None:
        """Reads messages until a condition holds; StopIteration at the end of the stream."""
        while not condition():
            self.answers += next(self._call).answers

    def read_final(self, number: int) -> task_executor_pb2.TaskAnswer:
        """Reads until the final answer to a request is there."""
        self.read_until(lambda: number in self.final)
        return self.final[number]

    def read_all(self) -> dict[int, task_executor_pb2.TaskAnswer]:
        """Half-closes, reads to the good end of the stream, and returns the final answers by number."""
        self.half_close()
        for message in self._call:
            self.answers += message.answers
        assert self._call.code() is grpc.StatusCode.OK
        return self.final

    @property
    def final(self) -> dict[int, task_executor_pb2.TaskAnswer]:
        """The final answers so far."""
        found = [one for one in self.answers if one.HasField("refused") or one.events[-1].HasField("outcome")]
        assert len({one.request_number for one in found}) == len(found), "two final answers"
        return {one.request_number: one for one in found}

    def id_of(self, number: int) -> str:
        """The execution that a request has become."""
        return next(one.execution_id for one in self.answers if one.request_number == number)


def _outcome(answer: task_executor_pb2.TaskAnswer) -> execution_pb2.Outcome:
    return answer.events[-1].outcome


def _listed(calls: Calls, task: str) -> list[task_executor_pb2.Execution]:
    asked = task_executor_pb2.ListExecutionsRequest(task=task)
    return list(calls.executor.ListExecutions(asked).executions)


def _state(calls: Calls, execution_id: str) -> int:
    asked = task_executor_pb2.GetExecutionRequest(execution_id=execution_id)
    return int(calls.executor.GetExecution(asked).execution.state)


def _with(made: _Request, **fields: Any) -> _Request:
    made.MergeFrom(_Request(**fields))
    return made


def test_each_of_many_requests_has_one_outcome(calls: Calls) -> None:
    with Stream(calls) as stream:
        for first in range(0, 500, 25):
            stream.send(*(request("basic.add", a=number, b=1) for number in range(first, first + 25)))
        answers = stream.read_all()
    assert {number: json.loads(_outcome(one).outputs.json)["o0"] for number, one in answers.items()} == {
        number: number for number in range(1, 501)
    }
    assert len({_outcome(one).receipt.worker for one in answers.values()}) > 1
    assert len({stream.id_of(number) for number in answers}) == 500
    # Each has the events of ExecuteTask, in their order.
    for number in (1, 250, 500):
        events = [event for one in stream.answers if one.request_number == number for event in one.events]
        assert [event.sequence for event in events] == [1, 2, 3]
        assert [event.WhichOneof("kind") for event in events] == ["queued", "started", "outcome"]


def test_an_answer_does_not_wait_for_those_to_earlier_requests(calls: Calls, barrier: Barrier) -> None:
    with Stream(calls, request("probes.wait_on", fifo=barrier.path), request("basic.add", a=1, b=2)) as stream:
        assert _outcome(stream.read_final(2)).state == SUCCEEDED
        barrier.wait_until_reached()
        assert set(stream.final) == {2}
        barrier.release()
        assert _outcome(stream.read_all()[1]).state == SUCCEEDED


def test_each_has_its_own_output_and_no_finalizers(own_service: StartService) -> None:
    """Workers have their next request while they put their process back, and objects of the last task go just then."""
    with open_calls(own_service(preload="finalizers")) as calls, Stream(calls) as stream:
        stream.send(*(request("finalizers.say", number=number) for number in range(1, 201)))
        answers = stream.read_all()
        assert {_outcome(one).receipt.worker for one in answers.values()} == {idle_worker(calls).name}
    written = dict.fromkeys(answers, "")
    for answer in stream.answers:
        written[answer.request_number] += "".join(event.log.text for event in answer.events)
    assert written == {number: f"{number}\n" for number in range(1, 201)}


def test_events_may_be_left_out(calls: Calls) -> None:
    leave_out = settings_pb2.EventOptions(omit_progress=True, omit_logs=True, omit_metrics=True)
    with Stream(calls, _with(request("basic.noisy", lines=1), events=leave_out)) as stream:
        stream.read_all()
    assert [event.WhichOneof("kind") for one in stream.answers for event in one.events] == ["outcome"]


_BAD: dict[str, tuple[Callable[[], _Request], str, str]] = {
    "a name without a dot": (lambda: request("nodots"), "INVALID_ARGUMENT", "task.name"),
    "no target": (_Request, "INVALID_ARGUMENT", "target"),
    "another interpreter": (
        lambda: _with(
            request("basic.add"), environment=settings_pb2.Environment(python_interpreter="/usr/bin/python9")
        ),
        "UNIMPLEMENTED",
        "",
    ),
    "an id of another request": (lambda: _with(request("basic.add", a=1), execution_id="taken"), "ALREADY_EXISTS", ""),
}


def test_refusals_do_not_end_the_stream(calls: Calls) -> None:
    """Each is what ExecuteTask would have said, with the same details."""
    calls.outcome(_with(request("basic.add", a=2, b=2), execution_id="taken"))
    bad = [make() for make, _, _ in _BAD.values()]
    good = request("basic.add", a=1, b=2)
    with Stream(calls, *(one for pair in bad for one in (pair, good))) as stream:
        answers = stream.read_all()
    assert [_outcome(answers[number]).state for number in range(2, 2 * len(bad) + 1, 2)] == [SUCCEEDED] * len(bad)
    for number, (made, (_, code, field)) in enumerate(zip(bad, _BAD.values(), strict=True)):
        refused = answers[2 * number + 1]
        assert (refused.execution_id, len(refused.events)) == ("", 0)
        with pytest.raises(grpc.RpcError) as caught:
            calls.outcome(made)
        assert caught.value.code().name == code
        assert refused.refused.code == caught.value.code().value[0]
        assert refused.refused.message == caught.value.details()
        assert [_unpacked(one) for one in refused.refused.details] == (
            list(details(caught.value)) if refused.refused.details else []
        )
        if field:
            assert violated_fields(caught.value)[0] == field


def _unpacked(packed: Any) -> Message:
    for kind in (error_details_pb2.BadRequest, error_details_pb2.RetryInfo, error_details_pb2.ErrorInfo):
        if packed.Is(kind.DESCRIPTOR):
            detail = kind()
            packed.Unpack(detail)
            return detail
    raise AssertionError(packed)


def test_bytes_that_are_no_message_end_the_stream_and_what_it_runs(calls: Calls, barrier: Barrier) -> None:
    call = calls.channel.stream_stream("/flytewarm_api.v1.TaskExecutor/ExecuteTasks")
    made = _with(request("probes.wait_on", fifo=barrier.path), execution_id="before-junk")

    def messages() -> Iterator[bytes]:
        yield task_executor_pb2.ExecuteTasksRequest(executions=[made]).SerializeToString()
        barrier.wait_until_reached()
        yield b"\xff\xff\xff\xff"

    with pytest.raises(grpc.RpcError) as caught:
        list(call(messages(), timeout=TIMEOUT))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert violated_fields(caught.value) == ["request"]
    wait_for(lambda: _state(calls, "before-junk") == CANCELLED)
    barrier.forget()


def test_ids_attach(calls: Calls) -> None:
    made = _with(request("basic.add", a=20, b=3), execution_id="stream-same")
    calls.outcome(made)
    with Stream(calls, made, made) as stream:
        answers = stream.read_all()
    assert [stream.id_of(number) for number in answers] == ["stream-same"] * 2
    assert _outcome(answers[1]) == _outcome(answers[2])
    (_,) = [one for one in _listed(calls, "basic.add") if one.execution_id == "stream-same"]


def test_a_timeout_and_a_cancellation_are_one_requests_alone(calls: Calls) -> None:
    late = request("basic.sleep", seconds=30)
    late.policy.timeout.FromMilliseconds(300)
    with Stream(calls, late, request("basic.sleep", seconds=30), request("basic.add", a=1, b=1)) as stream:
        stream.read_until(lambda: 2 in {one.request_number for one in stream.answers})
        calls.executor.CancelExecution(task_executor_pb2.CancelExecutionRequest(execution_id=stream.id_of(2)))
        states = {number: _outcome(one).state for number, one in stream.read_all().items()}
    assert states == {1: execution_pb2.EXECUTION_STATE_TIMED_OUT, 2: CANCELLED, 3: SUCCEEDED}


def test_a_client_that_leaves(calls: Calls, barrier: Barrier) -> None:
    """What it asked for ends as each policy says, running or waiting."""
    goes_on = settings_pb2.ExecutionPolicy(on_disconnect=settings_pb2.ON_DISCONNECT_CONTINUE)
    waits = _with(request("probes.wait_on", fifo=barrier.path), execution_id="left-on", policy=goes_on)
    made = [_with(request("basic.sleep", seconds=60), execution_id=f"left-{number}") for number in range(4)]
    with Stream(calls, waits, *made) as stream:
        barrier.wait_until_reached()
        stream.read_until(lambda: len({one.request_number for one in stream.answers}) == 5)
        stream.leave()
    wait_for(lambda: [_state(calls, f"left-{number}") for number in range(4)] == [CANCELLED] * 4)
    barrier.release()
    wait_for(lambda: _state(calls, "left-on") == SUCCEEDED)


def test_no_more_is_read_than_may_be_open(own_service: StartService, barrier: Barrier) -> None:
    """All came in one message; the rest of it waits while the first one holds the worker."""
    service = own_service("--max-stream-executions", "3")
    with open_calls(service) as calls:
        assert calls.pool.GetCapabilities(worker_pool_pb2.GetCapabilitiesRequest()).max_stream_executions == 3
        made = [request("probes.wait_on", fifo=barrier.path), *(request("basic.add", a=1, b=1) for _ in range(20))]
        with Stream(calls, *made) as stream:
            barrier.wait_until_reached()
            assert len(_listed(calls, "")) == 3
            barrier.release()
            assert len(stream.read_all()) == 21


def test_a_full_queue_makes_a_stream_wait(own_service: StartService, barrier: Barrier) -> None:
    service = own_service("--max-queue", "2")
    with open_calls(service) as calls:
        with Stream(calls, *(request("basic.add", a=1, b=1) for _ in range(40))) as stream:
            assert [_outcome(one).state for one in stream.read_all().values()] == [SUCCEEDED] * 40
        # A stream that has nothing in the queue which others fill is told so.
        idle_worker(calls)  # for the first of these
        with Stream(calls, *(request("probes.wait_on", fifo=barrier.path) for _ in range(3))) as stream:
            barrier.wait_until_reached()
            wait_for(lambda: len(_listed(calls, "probes.wait_on")) >= 3)
            with Stream(calls, request("basic.add", a=1, b=1)) as other:
                refused = other.read_all()[1].refused
            assert refused.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
            info = _unpacked(refused.details[1])
            assert isinstance(info, error_details_pb2.ErrorInfo)
            assert (info.reason, info.metadata["limit"]) == ("QUEUE_FULL", "--max-queue")
        barrier.forget()
