"""The service with one worker, the kinds of storage, and the cold runs, which go on in the background."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from flytewarm_api.v1.task_executor_pb2_grpc import TaskExecutorStub
from parity.cold import run_cold
from parity.collect import APP, Item
from parity.commands import Places
from parity.inputs import write_shared
from parity.runs import Run
from parity.seaweed import running_s3
from parity.storage import Storage, local_storage, s3_storage
from parity.table import by_class
from showcase.service import Service

# pyflyte-fast-execute looks for the command that it wraps on the path, as in an image.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
ITEMS = pytest.StashKey[list[Item]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Takes the sample that --every asks for: the same one each time."""
    modules: set[str] = set()
    kept, left_out = [], []
    for test in items:
        case = (
            test.callspec.params.get("item")
            if isinstance(test, pytest.Function) and hasattr(test, "callspec")
            else None
        )
        sampled = not isinstance(case, Item) or case.module not in modules or _number(case) % config.option.every == 0
        if isinstance(case, Item):
            modules.add(case.module)
        (kept if sampled else left_out).append(test)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def _number(item: Item) -> int:
    return zlib.crc32(item.id.encode())


def pytest_collection_finish(session: pytest.Session) -> None:
    """Remembers which cases were selected, so that cold runs can start before their turn."""
    found = [item.callspec.params.get("item") for item in session.items if hasattr(item, "callspec")]
    session.config.stash[ITEMS] = [item for item in found if isinstance(item, Item)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tells what the selected cases prove, by class."""
    items = config.stash.get(ITEMS, [])
    if not items:
        return
    terminalreporter.section(f"conformance: {len(items)} cases")
    for name, cases, proved, members in by_class(items):
        of_members = f", {proved} of {members} members" if members else ""
        terminalreporter.write_line(f"{name:36} {cases:4} cases{of_members}")


@pytest.fixture(scope="session")
def s3() -> Iterator[Storage]:
    """A bucket of a real S3 service."""
    with running_s3() as endpoint:
        yield s3_storage(endpoint)


@pytest.fixture(scope="session")
def storages(
    pytestconfig: pytest.Config, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Storage]:
    """The kinds of storage that the selected cases need."""
    kinds = {item.storage for item in pytestconfig.stash[ITEMS]}
    found = {"local": local_storage(tmp_path_factory.mktemp("storage"))}
    if "s3" in kinds:
        found["s3"] = request.getfixturevalue("s3")
    return found


@pytest.fixture(scope="session")
def cold_runs(
    pytestconfig: pytest.Config, storages: dict[str, Storage], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[tuple[Run, str]]]]:
    """The cold run of each selected case, by the case's id."""
    scratch = tmp_path_factory.mktemp("inputs")

    def run(item: Item) -> tuple[Run, str]:
        storage = storages[item.storage]
        places = places_of(item, storage, "cold")
        return run_cold(item.case, item.module, storage, places, APP)

    executor = ThreadPoolExecutor(max_workers=os.cpu_count())
    futures: dict[str, Future[tuple[Run, str]]] = {}
    for item in pytestconfig.stash[ITEMS]:
        storage = storages[item.storage]
        shared = places_of(item, storage, "cold").shared
        try:
            # Here, one after the other: flytekit's conversions are not made for several threads.
            write_shared(item.case, item.module, storage, shared, scratch)
        except Exception as error:  # noqa: BLE001  # it fails this case alone
            futures[item.id] = Future()
            futures[item.id].set_exception(error)
        else:
            futures[item.id] = executor.submit(run, item)
    try:
        yield futures
    finally:
        executor.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """A service with one worker, so that every execution meets one that was used before."""
    with Service(APP, workers=1) as running:
        yield running
        assert running.stop().problems == [], running.log


@pytest.fixture(scope="session")
def stub(service: Service) -> Iterator[TaskExecutorStub]:
    """Calls of the service."""
    with grpc.insecure_channel(service.target, options=[("grpc.max_receive_message_length", -1)]) as channel:
        yield TaskExecutorStub(channel)


def places_of(item: Item, storage: Storage, run: str) -> Places:
    """Where a run of a case has its files."""
    base = f"{storage.root}/{item.id}"
    return Places(shared=f"{base}/shared", run=f"{base}/{run}")
