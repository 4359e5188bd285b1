"""Many executions over one stream: each ends once, refusals end nothing else, and nothing is read too soon."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from calls import Calls, request
from conftest import open_calls
from faults import Barrier, StartService, refuses, wait_for
from flytewarm import AsyncExecutor, Executor, RunOptions, TaskFailed
from flytewarm_api.v1 import execution_pb2, task_executor_pb2
from showcase.service import Service
from test_cli import flytewarm

State = execution_pb2.ExecutionState
_ITEMS = 300


@pytest.fixture
def executor(service: Service) -> Iterator[Executor]:
    with Executor(service.target, timeout=120) as opened:
        yield opened


def _stream(*made: task_executor_pb2.ExecuteTaskRequest) -> Iterator[task_executor_pb2.ExecuteTasksRequest]:
    for one in made:
        yield task_executor_pb2.ExecuteTasksRequest(executions=[one])


def test_each_item_has_its_result_in_order(executor: Executor) -> None:
    assert list(executor.map("basic.add", ({"a": n, "b": 1} for n in range(_ITEMS)))) == list(range(1, _ITEMS + 1))


def test_as_completed_each_item_comes_once_with_its_index(executor: Executor) -> None:
    found = dict(executor.map("basic.add", [{"a": n, "b": 0} for n in range(_ITEMS)], ordered=False))
    assert found == {n: n for n in range(_ITEMS)}


async def test_the_same_with_asyncio(service: Service) -> None:
    async with AsyncExecutor(service.target, timeout=120) as executor:
        results = [one async for one in executor.map("basic.add", [{"a": n, "b": 1} for n in range(20)])]
    assert results == list(range(1, 21))


def _first_waits(barrier: Barrier) -> list[dict[str, str]]:
    """Inputs of which the first have their task wait, and the second do not."""
    return [{"fifo": barrier.path}, {"fifo": "/dev/null"}]


def test_as_completed_a_later_item_comes_before_one_that_is_not_done(executor: Executor, barrier: Barrier) -> None:
    results = executor.map("probes.wait_on", _first_waits(barrier), ordered=False)
    assert next(results) == (1, "")
    barrier.wait_until_reached()
    barrier.release("at last")
    assert list(results) == [(0, "at last")]


async def test_as_completed_with_asyncio(service: Service, barrier: Barrier) -> None:
    async with AsyncExecutor(service.target, timeout=60) as executor:
        results = executor.map("probes.wait_on", _first_waits(barrier), ordered=False)
        assert await anext(results) == (1, "")
        barrier.wait_until_reached()
        barrier.release("at last")
        assert [one async for one in results] == [(0, "at last")]


def test_in_order_a_later_item_waits_for_one_that_is_not_done(executor: Executor, barrier: Barrier) -> None:
    with ThreadPoolExecutor() as threads:
        options = RunOptions(execution_id="in-order")
        found = threads.submit(list, executor.map("probes.wait_on", _first_waits(barrier), options))
        wait_for(lambda: _states(executor, "in-order-1") == [State.EXECUTION_STATE_SUCCEEDED])
        barrier.wait_until_reached()
        barrier.release("at last")
        assert found.result() == ["at last", ""]


async def test_in_order_with_asyncio(service: Service, executor: Executor, barrier: Barrier) -> None:
    options = RunOptions(execution_id="in-order-asyncio")
    async with AsyncExecutor(service.target, timeout=60) as asynchronous:
        found = asynchronous.map("probes.wait_on", _first_waits(barrier), options)
        first = asyncio.ensure_future(anext(found))
        done = [State.EXECUTION_STATE_SUCCEEDED]
        await asyncio.to_thread(wait_for, lambda: _states(executor, "in-order-asyncio-1") == done)
        assert not first.done()
        await asyncio.to_thread(barrier.wait_until_reached)
        barrier.release("at last")
        assert [await first, *[one async for one in found]] == ["at last", ""]


def _states(executor: Executor, execution_id: str) -> list[int]:
    return [one.state for one in executor.executions() if one.execution_id == execution_id]


def test_a_slow_item_holds_up_only_what_has_to_wait_for_it(executor: Executor, barrier: Barrier) -> None:
    """Two workers: while the first item waits, the others come; in order they come after it."""
    items = [{"fifo": barrier.path}]
    slow = executor.map("probes.wait_on", items)
    quick = executor.map("basic.add", [{"a": 1, "b": 2}] * 5)
    results: list[Any] = []

    async def both() -> None:
        waiting = asyncio.ensure_future(asyncio.to_thread(next, slow))
        await asyncio.to_thread(barrier.wait_until_reached)
        results.extend(await asyncio.to_thread(list, quick))
        barrier.release("at last")
        results.append(await waiting)

    asyncio.run(both())
    assert results == [3, 3, 3, 3, 3, "at last"]


def test_an_item_that_fails_raises_in_its_place_or_is_the_result(executor: Executor) -> None:
    items = [{"a": 1, "b": 1}, {"a": "no number", "b": 1}, {"a": 2, "b": 2}]
    results = executor.map("basic.add", items)
    assert next(results) == 2
    with pytest.raises(TaskFailed) as failure:
        next(results)
    assert failure.value.index == 1
    kinds = [type(one) for one in executor.map("basic.add", items, return_exceptions=True)]
    assert kinds == [int, TaskFailed, int]


def test_a_refusal_in_the_middle_ends_nothing_else(calls: Calls) -> None:
    bad = request("basic.add", a=1, b=2)
    bad.policy.priority = 1000
    stream = calls.executor.ExecuteTasks(_stream(request("basic.add", a=1, b=2), bad, request("basic.add", a=2, b=2)))
    answers = [answer for response in stream for answer in response.answers]
    refused = [answer for answer in answers if answer.HasField("refused")]
    assert [(one.request_number, one.refused.code) for one in refused] == [
        (2, grpc.StatusCode.INVALID_ARGUMENT.value[0])
    ]
    final = {one.request_number: one.events[-1].outcome for one in answers if one.events}
    assert {number: json.loads(outcome.outputs.json) for number, outcome in final.items()} == {
        1: {"o0": 3},
        3: {"o0": 4},
    }
    assert stream.code() is grpc.StatusCode.OK


def test_inputs_are_taken_only_as_results_are_given(own_service: StartService) -> None:
    taken = []

    def items() -> Iterator[dict[str, int]]:
        n = 0
        while True:
            taken.append(n)
            yield {"a": n, "b": 0}
            n += 1

    service = own_service("--max-stream-executions", "3")
    with Executor(service.target, timeout=60) as executor:
        results = executor.map("basic.add", items())
        assert [next(results) for _ in range(10)] == list(range(10))
        assert len(taken) <= 10 + 3 + 1
        results.close()
    with open_calls(service) as calls:
        listed = task_executor_pb2.ListExecutionsRequest(page_size=1000)
        # What was left when the loop was left is cancelled.
        wait_for(lambda: all(one.HasField("outcome") for one in calls.executor.ListExecutions(listed).executions))
        states = Counter(one.state for one in calls.executor.ListExecutions(listed).executions)
        assert states[State.EXECUTION_STATE_SUCCEEDED] >= 10
        assert sum(states.values()) <= 14


def test_a_queue_with_few_places_is_waited_for(own_service: StartService) -> None:
    service = own_service("--max-queue", "2")
    with Executor(service.target, timeout=60) as executor:
        assert sum(executor.map("basic.add", [{"a": 1, "b": 0}] * 50)) == 50


def test_a_client_that_goes_has_its_executions_cancelled(own_service: StartService, barrier: Barrier) -> None:
    with open_calls(own_service("--cancel-grace", "0.1")) as calls:
        made = request("probes.wait_on", fifo=barrier.path)
        made.execution_id = "of-the-stream"
        stream = calls.executor.ExecuteTasks(_stream(made))
        barrier.wait_until_reached()
        stream.cancel()
        asked = task_executor_pb2.GetExecutionRequest(execution_id=made.execution_id)
        wait_for(lambda: calls.executor.GetExecution(asked).execution.state == State.EXECUTION_STATE_CANCELLED)
        barrier.forget()


def test_a_drain_in_the_middle_lets_what_runs_finish(own_service: StartService, barrier: Barrier) -> None:
    service = own_service()
    with Executor(service.target, timeout=60) as executor, open_calls(service) as calls:

        def items() -> Iterator[dict[str, str]]:
            yield {"fifo": barrier.path}
            barrier.wait_until_reached()
            os.kill(service.pid, signal.SIGTERM)
            wait_for(lambda: refuses(calls))
            yield {"fifo": "not opened"}
            barrier.release("finished")

        results = list(executor.map("probes.wait_on", items(), return_exceptions=True))
    assert results[0] == "finished"
    assert "stopping" in str(results[1])


def test_the_same_items_again_attach_by_their_ids(executor: Executor) -> None:
    options = RunOptions(execution_id="mapped-twice")
    first = list(executor.map("probes.drawn", [{}] * 5, options))
    assert list(executor.map("probes.drawn", [{}] * 5, options)) == first
    assert len(set(first)) == 5


def test_lines_of_a_file(service: Service) -> None:
    lines = "".join(json.dumps({"a": n, "b": 2}) + "\n" for n in range(3))
    ended = flytewarm(service, "map", "basic.add", "--inputs", "-", input=lines)
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert told == [{"index": n, "result": n + 2} for n in range(3)]
    assert ended.returncode == 0, ended.stderr


def test_a_line_that_fails_tells_whose_fault_it_is(service: Service) -> None:
    ended = flytewarm(service, "map", "basic.fail", "--inputs", "-", input='{"message": "no"}\n')
    assert ended.returncode == 1, ended.stderr
    error = json.loads(ended.stdout)["error"]
    assert (error["code"], error["cause"]) == ("USER:RuntimeError", "USER")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"a": 1, "b"', "line 2: is not JSON: Expecting ':' delimiter at column 1"),
        ("[1]", "line 2: expected one JSON object"),
        ('{"a": 1, "b": NaN}', "line 2: NaN is not JSON"),
        ('{"a": 1, "b": 2, "c": 3}', "line 2: no input c; basic.add takes --a --b"),
    ],
)
def test_a_line_with_a_fault_is_named(service: Service, tmp_path: Path, line: str, fault: str) -> None:
    (tmp_path / "lines.jsonl").write_text(f'{{"a": 1, "b": 2}}\n{line}\n')
    ended = flytewarm(service, "map", "basic.add", "--inputs", str(tmp_path / "lines.jsonl"))
    assert fault in ended.stderr
    assert json.loads(ended.stdout) == {"index": 0, "result": 3}
    assert ended.returncode == 2
