"""A stream of requests: one final answer for each, no more read than may be open, nothing watched when it has ended."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterable

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flytewarm_server.execution.events import COALESCE_SECONDS
from flytewarm_server.execution.execution import Execution
from flytewarm_server.execution.request import ValidRequest
from flytewarm_server.messages import execution_pb2, settings_pb2, task_executor_pb2
from flytewarm_server.rpc.execute_tasks import ExecutionStream, StreamLimits
from flytewarm_server.rpc.status import CallError, Violation, invalid, queue_full
from flytewarm_server.timers import Delay

_MIB = 1 << 20
_Request = task_executor_pb2.ExecuteTaskRequest
_Answer = task_executor_pb2.TaskAnswer


class _Front:
    """Accepts requests as TaskExecutor does, has a queue with so many places, and ends executions when it is told."""

    def __init__(self, most: int = 64, places: int = 1000, message_bytes: int = 64 * _MIB) -> None:
        self.running: list[Execution] = []
        self.left: list[Execution] = []
        self.refused: list[CallError] = []
        self.accepted = 0
        # Executions that wait for a worker, those of other streams included.
        self.waiting = 0
        self._places = places
        limits = StreamLimits(most, message_bytes)
        self.stream = ExecutionStream(
            self._validate, self._accept, self.left.append, limits, self.refused.append, lambda: self.waiting
        )

    async def _validate(self, request: _Request) -> ValidRequest:
        if request.execution_id == "bad":
            raise invalid([Violation("execution_id", "is bad")])
        if request.execution_id == "bug":
            raise KeyError("bug")
        return ValidRequest(request)

    def _accept(self, request: ValidRequest) -> Execution:
        if len(self.running) >= self._places:
            raise queue_full("full", "--max-queue", 1)
        self.accepted += 1
        execution = Execution(f"e-{self.accepted}", request, 10 * _MIB, Delay(COALESCE_SECONDS))
        execution.starting()
        execution.running("w", warm=True)
        self.running.append(execution)
        return execution

    def end(self, index: int = 0, text: str = "") -> None:
        """Ends one that runs."""
        outputs = execution_pb2.Outputs(json=text)
        state = execution_pb2.EXECUTION_STATE_SUCCEEDED
        self.running.pop(index).finish(execution_pb2.Outcome(state=state, outputs=outputs), "w")

    def leave_in(self, count: int) -> AsyncIterator[task_executor_pb2.ExecuteTasksResponse]:
        """The stream of so many requests in one message."""
        return self.stream.answers(_messages([[""] * count]))


async def _messages(batches: Iterable[list[str]]) -> AsyncIterator[task_executor_pb2.ExecuteTasksRequest | CallError]:
    for ids in batches:
        yield task_executor_pb2.ExecuteTasksRequest(executions=[_request(one) for one in ids])


def _request(execution_id: str = "") -> _Request:
    # Events of progress would be released after some time, which a slow machine may take between two steps of a test.
    return _Request(execution_id=execution_id, events=settings_pb2.EventOptions(omit_progress=True))


async def _turns(count: int = 5) -> None:
    """Lets everything happen that needs no time."""
    for _ in range(count):
        await asyncio.sleep(0)


def _is_final(answer: _Answer) -> bool:
    return answer.HasField("refused") or answer.events[-1].HasField("outcome")


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(st.lists(st.sampled_from(["", "", "bad"]), max_size=6), max_size=8),
    most=st.integers(1, 5),
    places=st.integers(1, 4),
    order=st.randoms(use_true_random=False),
)
def test_each_request_has_one_final_answer(
    batches: list[list[str]], most: int, places: int, order: random.Random
) -> None:
    """However they come together, in whatever order they end, and however few may be open."""
    asyncio.run(_one_final_answer_each(batches, most, places, order))


async def _one_final_answer_each(batches: list[list[str]], most: int, places: int, order: random.Random) -> None:
    front = _Front(most, places)
    answers: list[_Answer] = []

    async def read() -> None:
        async for response in front.stream.answers(_messages(batches)):
            answers.extend(response.answers)

    reader = asyncio.ensure_future(read())
    while not reader.done():
        await _turns(1)
        assert len(front.running) <= min(most, places)
        if front.running and order.random() < 0.5:
            front.end(order.randrange(len(front.running)))
    await reader
    kinds = [kind for batch in batches for kind in batch]
    final = [answer for answer in answers if _is_final(answer)]
    assert sorted(answer.request_number for answer in final) == list(range(1, len(kinds) + 1))
    for answer in final:
        code = {"": 0, "bad": grpc.StatusCode.INVALID_ARGUMENT.value[0]}
        assert answer.refused.code == code[kinds[answer.request_number - 1]]
        assert bool(answer.execution_id) == (kinds[answer.request_number - 1] == "")
    assert len(front.left) == kinds.count("")
    assert [execution.watchers for execution in front.left] == [0] * len(front.left)


async def test_a_fault_of_ours_is_the_requests_alone() -> None:
    front = _Front()
    answers = front.stream.answers(_messages([["bug", ""]]))
    (refused,) = (await anext(answers)).answers
    assert (refused.request_number, refused.refused.code) == (1, grpc.StatusCode.INTERNAL.value[0])
    assert "KeyError in the service" in refused.refused.message
    front.end()
    ((answer,),) = [response.answers async for response in answers]
    assert answer.request_number == 2


async def test_answers_wait_for_each_other_while_the_workers_have_enough_to_do() -> None:
    front = _Front()
    stream = front.leave_in(4)
    reader = asyncio.ensure_future(anext(stream))
    await _turns()
    front.waiting = 8
    front.end()
    await _turns()
    assert not reader.done()
    front.end()
    assert [answer.request_number for answer in (await reader).answers] == [1, 2]
    # One that remains alone comes all the same; and at once, when nothing waits for a worker any more.
    front.end()
    assert [answer.request_number for answer in (await anext(stream)).answers] == [3]
    front.waiting = 0
    front.end()
    reader = asyncio.ensure_future(anext(stream))
    await _turns()
    assert reader.done()
    assert [answer.request_number for answer in reader.result().answers] == [4]
    assert [answer async for answer in stream] == []


async def test_events_of_several_executions_that_coincide_share_a_message() -> None:
    front = _Front()
    stream = front.leave_in(3)
    first = asyncio.ensure_future(anext(stream))
    await _turns()
    for execution in list(front.running):
        execution.write(execution_pb2.LOG_STREAM_STDOUT, b"text\n")
        front.end()
    answers = (await first).answers
    assert [(one.request_number, one.execution_id) for one in answers] == [(1, "e-1"), (2, "e-2"), (3, "e-3")]
    assert [[event.WhichOneof("kind") for event in one.events] for one in answers] == [["log", "outcome"]] * 3
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


@pytest.mark.parametrize(("message_bytes", "expected"), [(64 * _MIB, [2, 1]), (500_000, [1, 1, 1])])
async def test_messages_stay_small(message_bytes: int, expected: list[int]) -> None:
    front = _Front(message_bytes=message_bytes)
    stream = front.leave_in(3)
    first = asyncio.ensure_future(anext(stream))
    await _turns()
    for _ in range(3):
        front.end(0, "x" * 400_000)
    sizes = [len((await first).answers)]
    sizes += [len(response.answers) async for response in stream]
    assert sizes == expected


async def test_who_does_not_read_is_not_read_from() -> None:
    """What has ended counts until the message with its outcome was taken."""
    front = _Front(most=2)
    stream = front.leave_in(10)
    first = asyncio.ensure_future(anext(stream))
    await _turns()
    front.end()
    front.end()
    await first
    await _turns(50)
    assert front.accepted == 2
    second = asyncio.ensure_future(anext(stream))
    await _turns()
    assert front.accepted == 4
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)


async def test_a_full_queue_is_waited_for_but_not_alone() -> None:
    front = _Front(places=1)
    stream = front.leave_in(2)
    first = asyncio.ensure_future(anext(stream))
    await _turns()
    assert front.accepted == 1
    front.end()
    await first
    second = asyncio.ensure_future(anext(stream))
    await _turns()
    front.end()
    (answer,) = (await second).answers
    assert (answer.request_number, answer.execution_id) == (2, "e-2")
    # Nothing of this stream will leave the queue.
    alone = _Front(places=0).leave_in(1)
    (refused,) = (await anext(alone)).answers
    assert refused.refused.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]


async def _one_and_then(fault: Callable[[], None]) -> AsyncIterator[task_executor_pb2.ExecuteTasksRequest | CallError]:
    yield task_executor_pb2.ExecuteTasksRequest(executions=[_request()])
    fault()
    yield invalid([Violation("request", "is no message")])


async def test_bytes_that_are_no_message_end_the_stream() -> None:
    front = _Front()
    with pytest.raises(CallError, match="is no message"):
        await anext(front.stream.answers(_one_and_then(lambda: None)))
    assert [execution.watchers for execution in front.left] == [0]


async def test_a_client_that_leaves_leaves_every_execution() -> None:
    front = _Front()
    stream = front.leave_in(3)
    front_task = asyncio.ensure_future(anext(stream))
    await _turns()
    running = list(front.running)
    assert [execution.watchers for execution in running] == [1] * 3
    front_task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await front_task
    assert set(front.left) == set(running)
    assert [execution.watchers for execution in running] == [0] * 3
    front.end()  # nobody listens any more


async def test_a_log_larger_than_a_message_goes_on_in_the_next_one() -> None:
    front = _Front()
    stream = front.leave_in(1)
    first = asyncio.ensure_future(anext(stream))
    await _turns()
    for _ in range(3):
        front.running[0].write(execution_pb2.LOG_STREAM_STDOUT, b"x" * 900_000 + b"\n")
    front.end()
    responses = [await first]
    responses += [response async for response in stream]
    sequences = [[event.sequence for event in one.answers[0].events] for one in responses]
    assert sequences == [[1], [2], [3, 4]]
    assert [one.answers[0].execution_id for one in responses] == ["e-1", "", ""]


async def test_who_omits_logs_gets_none_and_the_service_keeps_them() -> None:
    front = _Front()
    wanted = _request()
    wanted.events.omit_logs = True

    async def messages() -> AsyncIterator[task_executor_pb2.ExecuteTasksRequest | CallError]:
        yield task_executor_pb2.ExecuteTasksRequest(executions=[wanted])

    stream = front.stream.answers(messages())
    first = asyncio.ensure_future(anext(stream))
    await _turns()
    (execution,) = front.running
    execution.write(execution_pb2.LOG_STREAM_STDOUT, b"text\n")
    await asyncio.sleep(2 * COALESCE_SECONDS)
    assert not first.done()
    front.end()
    (answer,) = (await first).answers
    assert answer.execution_id == execution.id
    assert [event.WhichOneof("kind") for event in answer.events] == ["outcome"]
    assert [event.WhichOneof("kind") for event in execution.log.batch(0)] == ["log", "outcome"]


async def test_refusals_are_told_to_the_operator() -> None:
    front = _Front()
    answers = [answer async for response in front.stream.answers(_messages([["bad"]])) for answer in response.answers]
    assert [answer.refused.code for answer in answers] == [front.refused[0].code.value[0]]
