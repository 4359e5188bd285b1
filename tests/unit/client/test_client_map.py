"""Executor.map and AsyncExecutor.map against a scripted service: what they take, what they give, what ends the call."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import scripted as scripts
from scripted import ScriptedService

from flytewarm import (
    AsyncExecutor,
    CallCancelled,
    CallError,
    DeadlineExceeded,
    Executor,
    NotFound,
    ResourceExhausted,
    RunOptions,
    StreamIncomplete,
    TaskFailed,
    Unavailable,
)
from flytewarm_api.v1 import execution_pb2, task_executor_pb2

WAIT_S = 10.0
# What both executors give: (arguments of map) -> results, or the error that is raised.
Mapped = Callable[..., list[Any]]
_FAILURE = scripts.failure(execution_pb2.EXECUTION_STATE_FAILED, execution_pb2.ERROR_CAUSE_USER, message="no")


def _inputs(count: int) -> Iterator[dict[str, int]]:
    return ({"a": number} for number in range(count))


async def _asynchronously(inputs: Iterable[Any]) -> AsyncIterator[Any]:
    for one in inputs:
        await asyncio.sleep(0)
        yield one


@pytest.fixture(params=["blocking", "asyncio", "asyncio, async iterable"])
def mapped(request: pytest.FixtureRequest, scripted: ScriptedService) -> Mapped:
    """The results of one map, by each executor."""

    def blocking(inputs: Iterable[Any], *arguments: Any, **options: Any) -> list[Any]:
        with Executor(scripted.target) as executor:
            return list(executor.map("m.t", inputs, *arguments, **options))

    async def collected(inputs: Any, *arguments: Any, **options: Any) -> list[Any]:
        async with AsyncExecutor(scripted.target) as executor:
            source = _asynchronously(inputs) if "iterable" in request.param else inputs
            return [result async for result in executor.map("m.t", source, *arguments, **options)]

    if request.param == "blocking":
        return blocking
    return lambda *arguments, **options: asyncio.run(collected(*arguments, **options))


def _fails_at(number: int) -> scripts.ItemScript:
    def script(
        at: int, request: task_executor_pb2.ExecuteTaskRequest, context: grpc.ServicerContext
    ) -> task_executor_pb2.TaskAnswer:
        if at != number:
            return scripts.ten_times(at, request, context)
        return task_executor_pb2.TaskAnswer(request_number=at, events=[_FAILURE])

    return script


def test_results_in_order(mapped: Mapped) -> None:
    assert mapped(_inputs(500)) == [10 * number for number in range(500)]
    assert mapped([]) == []


def test_results_as_completed_have_their_index(mapped: Mapped) -> None:
    assert sorted(mapped(_inputs(50), ordered=False)) == [(number, 10 * number) for number in range(50)]


def test_what_is_sent(scripted: ScriptedService, mapped: Mapped) -> None:
    mapped(_inputs(2), RunOptions(execution_id="id"))
    assert [json.loads(one.inputs_json) for one in scripted.requests] == [{"a": 0}, {"a": 1}]
    assert [(one.task.name, one.execution_id) for one in scripted.requests] == [("m.t", "id-0"), ("m.t", "id-1")]


def test_a_map_that_has_all_waits_for_its_call_to_end(scripted: ScriptedService, mapped: Mapped) -> None:
    """Not cancelled: that is not what became of it, and a process that ends then is not to hang for gRPC's threads."""
    was_ended = []
    scripted.before_end = lambda: was_ended.append(scripted.call_ended.wait(0.5))
    assert mapped(_inputs(3)) == [0, 10, 20]
    assert was_ended == [False]


def test_a_map_leaves_no_call_for_the_garbage_collector(scripted: ScriptedService) -> None:
    """As an interpreter that ends collects it, gRPC waits there for the lock of a thread that has been ended."""
    gc.collect()
    gc.disable()
    try:
        with Executor(scripted.target) as executor:
            early = executor.map("m.t", _inputs(10_000))
            assert next(early) == 0
            early.close()
            scripted.item_script = lambda _number, _request, context: scripts.abort(
                context, grpc.StatusCode.UNAVAILABLE, "no"
            )
            with pytest.raises(Unavailable):
                list(executor.map("m.t", _inputs(1)))
            with pytest.raises(NotFound):
                executor.describe("m.unknown")
            scripted.script = lambda _request, context: scripts.abort(context, grpc.StatusCode.UNAVAILABLE, "no")
            with pytest.raises(Unavailable):
                executor.run("m.t")
        assert [type(one) for one in gc.get_objects() if isinstance(one, grpc.Call)] == []
    finally:
        gc.enable()


def test_an_item_that_fails_is_raised(scripted: ScriptedService, mapped: Mapped) -> None:
    scripted.item_script = _fails_at(3)
    with pytest.raises(TaskFailed) as caught:
        mapped(_inputs(10))
    assert caught.value.index == 2
    assert scripted.call_ended.wait(WAIT_S)


def test_or_is_a_result(scripted: ScriptedService, mapped: Mapped) -> None:
    scripted.item_script = _fails_at(3)
    results = mapped(_inputs(5), return_exceptions=True)
    assert isinstance(results.pop(2), TaskFailed)
    assert results == [0, 10, 30, 40]


def test_an_item_that_cannot_be_sent_wakes_nobody_else(scripted: ScriptedService, mapped: Mapped) -> None:
    """No answer of the service follows it."""
    (error,) = mapped([{"a": object()}], return_exceptions=True)
    assert isinstance(error, TypeError)
    assert scripted.requests == []


def test_a_request_over_the_services_limit_is_the_items_alone(scripted: ScriptedService, mapped: Mapped) -> None:
    scripted.capabilities.max_message_bytes = 1000
    results = mapped([{"a": 1}, {"a": "x" * 1000}, {"a": 2}], return_exceptions=True)
    assert (results[0], type(results[1]), results[2]) == (10, ResourceExhausted, 20)


def test_what_the_iterable_raises_comes_last(mapped: Mapped) -> None:
    def source() -> Iterator[dict[str, int]]:
        yield {"a": 1}
        raise KeyError("source")

    results = []
    with pytest.raises(KeyError, match="source"):
        results += mapped(source(), return_exceptions=True)


def test_a_stream_that_ends_too_early(scripted: ScriptedService, mapped: Mapped) -> None:
    scripted.item_script = lambda _number, _request, _context: None
    # gRPC's asyncio may find out when it sends.
    with pytest.raises((StreamIncomplete, CallError)):
        mapped(_inputs(3), return_exceptions=True)


def test_a_status_of_the_stream_is_raised_in_any_case(scripted: ScriptedService, mapped: Mapped) -> None:
    def script(
        _number: int, _request: task_executor_pb2.ExecuteTaskRequest, context: grpc.ServicerContext
    ) -> task_executor_pb2.TaskAnswer | None:
        scripts.abort(context, grpc.StatusCode.UNAVAILABLE, "gone")
        return None

    scripted.item_script = script
    # One item: a write that is under way when the stream ends has gRPC's asyncio say INTERNAL instead.
    with pytest.raises(Unavailable, match="gone"):
        mapped(_inputs(1), return_exceptions=True)


def test_an_infinite_iterable_is_taken_as_far_as_allowed(scripted: ScriptedService) -> None:
    taken = 0

    def source() -> Iterator[dict[str, int]]:
        nonlocal taken
        for taken in itertools.count(1):
            yield {"a": taken}

    with Executor(scripted.target) as executor:
        results = executor.map("m.t", source(), concurrency=4)
        assert taken == 0  # nothing begins before a result is asked for
        for given in range(1, 50):
            assert next(results) == 10 * given
            assert taken <= given + 3
        results.close()
    assert scripted.call_ended.wait(WAIT_S)


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit])
async def test_what_ends_an_asynchronous_iterable_ends_the_map(
    scripted: ScriptedService, error: type[BaseException]
) -> None:
    async def source() -> AsyncIterator[dict[str, int]]:
        yield {"a": 1}
        raise error

    async def mapped() -> None:
        async with AsyncExecutor(scripted.target) as executor:
            async for _ in executor.map("m.t", source()):
                pass

    with pytest.raises(error):
        await asyncio.wait_for(mapped(), WAIT_S)


async def test_the_same_for_asyncio(scripted: ScriptedService) -> None:
    taken = 0

    async def source() -> AsyncIterator[dict[str, int]]:
        nonlocal taken
        for taken in itertools.count(1):
            yield {"a": taken}

    async with AsyncExecutor(scripted.target) as executor:
        async with contextlib.aclosing(executor.map("m.t", source(), concurrency=4)) as results:
            for given in range(1, 50):
                assert await anext(results) == 10 * given
                assert taken <= given + 4  # a result that is given makes room at once
        assert await asyncio.to_thread(scripted.call_ended.wait, WAIT_S)


def test_results_come_while_the_iterable_is_slow(scripted: ScriptedService) -> None:
    """The first result is not held back until there is no more room."""
    answered = threading.Event()

    def source() -> Iterator[dict[str, int]]:
        yield {"a": 1}
        assert answered.wait(WAIT_S)
        for number in range(2, 10):
            time.sleep(0.05)  # the answer is on its way
            yield {"a": number}
        raise AssertionError("the first result was there")

    def script(
        number: int, request: task_executor_pb2.ExecuteTaskRequest, context: grpc.ServicerContext
    ) -> task_executor_pb2.TaskAnswer:
        answered.set()
        return scripts.ten_times(number, request, context)

    scripted.item_script = script
    with Executor(scripted.target) as executor, contextlib.closing(executor.map("m.t", source())) as results:
        assert next(results) == 10


def test_leaving_the_loop_ends_the_call(scripted: ScriptedService) -> None:
    with Executor(scripted.target) as executor:
        for _ in executor.map("m.t", ({"a": number} for number in itertools.count())):
            break
        assert scripted.call_ended.wait(WAIT_S)


def _waits(_number: int, _request: object, context: grpc.ServicerContext) -> None:
    """Answers when the call has ended."""
    ended = threading.Event()
    if context.add_callback(ended.set):
        ended.wait(WAIT_S)


async def test_the_timeout_is_for_all_items_together(scripted: ScriptedService) -> None:
    scripted.item_script = _waits
    with Executor(scripted.target, timeout=0.2) as executor, pytest.raises(DeadlineExceeded):
        list(executor.map("m.t", _inputs(3)))
    async with AsyncExecutor(scripted.target, timeout=0.2) as asynchronous:
        with pytest.raises(DeadlineExceeded):
            _ = [one async for one in asynchronous.map("m.t", _inputs(3))]


def test_closing_the_executor_ends_its_maps(scripted: ScriptedService) -> None:
    executor = Executor(scripted.target)
    results = executor.map("m.t", ({"a": number} for number in itertools.count()), concurrency=2)
    next(results)
    executor.close()
    with pytest.raises(CallCancelled):
        list(results)


async def test_cancelling_the_asyncio_task_ends_the_call(scripted: ScriptedService) -> None:
    reached = asyncio.Event()
    loop = asyncio.get_running_loop()

    def script(number: int, request: task_executor_pb2.ExecuteTaskRequest, context: grpc.ServicerContext) -> None:
        loop.call_soon_threadsafe(reached.set)
        _waits(number, request, context)

    scripted.item_script = script
    async with AsyncExecutor(scripted.target) as executor:

        async def run() -> list[Any]:
            return [one async for one in executor.map("m.t", _inputs(3))]

        running = asyncio.create_task(run())
        await reached.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await asyncio.to_thread(scripted.call_ended.wait, WAIT_S)


def test_no_service(tmp_path: Path) -> None:
    with Executor(f"unix:{tmp_path / 'none.sock'}") as executor, pytest.raises(Unavailable):
        list(executor.map("m.t", _inputs(3)))
