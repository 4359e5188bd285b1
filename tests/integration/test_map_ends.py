"""How maps and their items end before their time, and how far they go ahead."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from faults import Barrier, StartService, wait_for
from flytewarm import (
    AsyncExecutor,
    ExecutionState,
    Executor,
    RunOptions,
    TaskCancelled,
    TaskTimedOut,
)
from showcase.service import Service

DEADLINE_S = 60


def _all_states(executor: Executor, prefix: str) -> set[ExecutionState]:
    found = [one for one in executor.executions() if one.execution_id.startswith(prefix)]
    return {ExecutionState(one.state) for one in found}


def test_no_more_is_taken_than_allowed(executor: Executor, barrier: Barrier) -> None:
    """The first item is not done: in order nothing can be given, and nothing more is taken."""
    taken = 0

    def source() -> Iterator[dict[str, str]]:
        nonlocal taken
        for taken in itertools.count(1):
            yield {"fifo": barrier.path if taken == 1 else "/dev/null"}

    results = executor.map("probes.wait_on", source(), concurrency=4)
    first: list[str] = []
    waiting = threading.Thread(target=lambda: first.append(next(results)))
    waiting.start()
    barrier.wait_until_reached()
    # The three others are done, and still they are in nobody's hands.
    wait_for(lambda: sum(one.state == ExecutionState.SUCCEEDED for one in _last(executor, 4)) == 3)
    assert taken == 4
    barrier.release()
    waiting.join(DEADLINE_S)
    assert first == ["released"]
    assert [next(results) for _ in range(3)] == [""] * 3
    assert taken <= 4 + 3
    results.close()


def _last(executor: Executor, count: int) -> list[Any]:
    return list(itertools.islice(executor.executions(task="probes.wait_on"), count))


def test_each_item_has_its_own_timeout(executor: Executor) -> None:
    options = RunOptions(timeout=0.5)
    slow, quick = executor.map("basic.sleep", [{"seconds": 30}, {"seconds": 0}], options, return_exceptions=True)
    assert isinstance(slow, TaskTimedOut)
    assert quick == 0


def test_ids_and_files_are_the_items_own_and_attach(executor: Executor, tmp_path: Path) -> None:
    options = RunOptions(execution_id="mapped", output_prefix=str(tmp_path))
    assert list(executor.map("basic.add", [{"a": 1, "b": 1}] * 3, options)) == [2, 2, 2]
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1", "2"}
    (tmp_path / "1" / "outputs.pb").unlink()
    assert list(executor.map("basic.add", [{"a": 1, "b": 1}] * 3, options)) == [2, 2, 2]
    assert not (tmp_path / "1" / "outputs.pb").exists()  # it was not run again


def test_one_item_is_cancelled_by_its_id(executor: Executor, barrier: Barrier) -> None:
    items = [{"fifo": barrier.path}, {"fifo": "/dev/null"}]
    options = RunOptions(execution_id="to-cancel")
    results = executor.map("probes.wait_on", items, options, ordered=False, return_exceptions=True)
    assert next(results) == (1, "")
    barrier.wait_until_reached()
    executor.cancel("to-cancel-0")
    ((index, error),) = results
    assert (index, type(error)) == (0, TaskCancelled)
    barrier.forget()


def test_leaving_the_loop_cancels_what_is_left(executor: Executor, barrier: Barrier) -> None:
    source = ({"fifo": barrier.path if number == 1 else "/dev/null"} for number in itertools.count())
    for result in executor.map("probes.wait_on", source, RunOptions(execution_id="leaving")):
        assert result == ""
        barrier.wait_until_reached()
        break
    wait_for(lambda: _all_states(executor, "leaving") <= {ExecutionState.SUCCEEDED, ExecutionState.CANCELLED})
    assert executor.execution("leaving-1").state == ExecutionState.CANCELLED
    barrier.forget()


async def test_so_does_closing_it_in_asyncio(service: Service, executor: Executor, barrier: Barrier) -> None:
    async def source() -> AsyncIterator[dict[str, str]]:
        for number in itertools.count():
            yield {"fifo": barrier.path if number == 1 else "/dev/null"}

    async with AsyncExecutor(service.target, timeout=DEADLINE_S) as asynchronous:
        results = asynchronous.map("probes.wait_on", source(), RunOptions(execution_id="closing"))
        async with contextlib.aclosing(results):
            assert await anext(results) == ""
            barrier.wait_until_reached()
    wait_for(lambda: _all_states(executor, "closing") <= {ExecutionState.SUCCEEDED, ExecutionState.CANCELLED})
    assert executor.execution("closing-1").state == ExecutionState.CANCELLED
    barrier.forget()


_MAPS = """
import sys
from flytewarm import Executor, RunOptions
with Executor(sys.argv[1]) as executor:
    list(executor.map("probes.wait_on", [{"fifo": sys.argv[2]}] * 10, RunOptions(execution_id="killed")))
"""


def test_a_client_that_is_killed(own_service: StartService, barrier: Barrier) -> None:
    service = own_service()
    with subprocess.Popen([sys.executable, "-c", _MAPS, service.target, barrier.path]) as client:
        barrier.wait_until_reached()
        os.kill(client.pid, signal.SIGKILL)
    with Executor(service.target) as executor:
        wait_for(lambda: _all_states(executor, "killed") == {ExecutionState.CANCELLED})
        assert len(list(executor.executions())) == 10
    barrier.forget()


def test_a_large_item_and_large_results(executor: Executor) -> None:
    """The shared service takes messages of 1 MiB: results that are larger together travel apart."""
    lengths = [300_000] * 8
    results = executor.map("probes.long_text", ({"length": length} for length in lengths))
    assert [len(text) for text in results] == lengths
    (error,) = executor.map("basic.greet", [{"name": "x" * (1 << 20)}], return_exceptions=True)
    assert "item 0: a request of" in str(error)
