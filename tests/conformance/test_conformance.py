"""Every case leaves behind through ExecuteTask, on a worker that was used before, what the cold entrypoint leaves."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from flyteidl.core.literals_pb2 import LiteralMap

from flytewarm_api.v1 import execution_pb2
from flytewarm_api.v1.task_executor_pb2_grpc import TaskExecutorStub
from parity.collect import APP, Item, collect
from parity.commands import Places
from parity.compare import difference
from parity.runs import Run
from parity.storage import Storage
from parity.warm import WarmRun, inline_outputs, run_failing_task, run_warm
from showcase.service import Service

# Twice in a row, and once after an execution that failed.
TURNS = ("warm", "again", "after-failure")


@pytest.mark.parametrize("item", collect(), ids=lambda item: item.id)
def test_case(
    item: Item,
    stub: TaskExecutorStub,
    service: Service,
    storages: dict[str, Storage],
    cold_runs: dict[str, Future[tuple[Run, str]]],
) -> None:
    storage = storages[item.storage]
    cold, streams = cold_runs[item.id].result()
    assert cold.ends_with() == item.case.ends_with, streams
    workers, retired = [], []
    for turn in TURNS:
        base = f"{storage.root}/{item.id}"
        places = Places(shared=f"{base}/shared", run=f"{base}/{turn}")
        if turn == "after-failure":
            failed = run_failing_task(stub, item.case, storage, places)
            assert failed.state == execution_pb2.EXECUTION_STATE_FAILED
        warm = run_warm(stub, service, item.case, item.module, storage, places, APP)
        _assert_equal(item, cold, warm)
        _assert_told_as_written(storage, places, warm)
        workers.append(warm.worker)
        retired.append(warm.outcome.receipt.worker_retired)
    if item.case.keeps_worker:
        (first, count), (second, again), (third, after) = workers
        assert first == second == third, retired
        assert (again, after) == (count + 1, count + 3)


def _assert_equal(item: Item, cold: Run, warm: WarmRun) -> None:
    if found := difference(cold, warm.run, item.case.meant):
        pytest.fail(f"{item.id}\n{found}\n{warm.log()}", pytrace=False)


def _assert_told_as_written(storage: Storage, places: Places, warm: WarmRun) -> None:
    """What the outcome says is what the document under the output prefix says."""
    told = inline_outputs(warm.outcome)
    if told is not None:
        tree = storage.read_tree(places.outputs)
        (written,) = (content for path, content in tree.items() if path.rsplit("/", 1)[-1] == "outputs.pb")
        assert told == LiteralMap.FromString(written)
