"""Executions that take too much memory are ended, with the limit and what to do; others go on."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from calls import Calls, request
from faults import Barrier, running, wait_for
from flytewarm_api.v1 import execution_pb2, worker_pool_pb2
from showcase.service import Service

TASKS = Path(__file__).parent / "tasks"
CONTROLLER = Path("/sys/fs/cgroup/memory")
OUT_OF_MEMORY = execution_pb2.ERROR_CAUSE_OUT_OF_MEMORY


def _calls(service: Service) -> Calls:
    return Calls(grpc.insecure_channel(service.target))


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A control group of version 1 with a limit of 512 MiB. Skips where none can be made."""
    group = CONTROLLER / f"flytewarm-{uuid.uuid4().hex}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(512 << 20))
    except OSError as error:
        pytest.skip(f"no control group can be made: {error}")
    yield group
    wait_for(lambda: not (group / "cgroup.procs").read_text())
    group.rmdir()


def _in_group(cgroup: Path, *options: str, workers: int = 1) -> Service:
    enter = ("sh", "-c", f'echo $$ > {cgroup}/cgroup.procs; exec "$@"', "sh")
    return Service(TASKS, workers=workers, preload="hungry", options=options, wrapper=enter)


def test_a_worker_may_have_so_much() -> None:
    options = ("--max-worker-memory", "256MiB")
    with Service(TASKS, workers=1, preload="hungry", options=options) as service, _calls(service) as calls:
        assert calls.run("hungry.takes", megabytes=16) == 16 << 20
        for made in (
            request("hungry.takes_and_waits", megabytes=2048, fifo="/dev/null"),
            request("hungry.has_a_child_take", megabytes=2048),
        ):
            outcome = calls.outcome(made)
            assert outcome.error.cause == OUT_OF_MEMORY
            message = outcome.error.error.message
            assert (
                "more than 256 MiB (--max-worker-memory); give the service a larger --max-worker-memory, or" in message
            )
            assert "fewer --workers" not in message
        assert calls.run("hungry.takes", megabytes=16) == 16 << 20
        assert service.stop().problems == []


def test_a_limit_that_no_worker_can_keep_is_told_at_the_start() -> None:
    with Service(TASKS, workers=1, options=("--max-worker-memory", "1MiB")) as service, _calls(service) as calls:
        wait_for(lambda: "--max-worker-memory is less than a worker has before its first execution" in service.log)
        (worker,) = calls.pool.ListEnvironments(worker_pool_pb2.ListEnvironmentsRequest()).environments[0].workers
        assert 10 << 20 < worker.first_memory_bytes < 1 << 30
        assert f'"memory": "{worker.first_memory_bytes >> 20} MiB"' in service.log


def test_the_kernel_kills_a_worker_and_nobody_else(cgroup: Path) -> None:
    with _in_group(cgroup, "--memory-headroom", "0") as service, _calls(service) as calls:
        assert calls.run("hungry.score") == 500
        before = service.processes
        outcome = calls.outcome(request("hungry.takes", megabytes=1024))
        assert (outcome.error.cause, outcome.error.error.code) == (OUT_OF_MEMORY, "USER:OutOfMemory")
        message = outcome.error.error.message
        assert "was killed by the kernel as the memory limit of 512 MiB was used up" in message
        assert 200 < int(message.partition("its memory was ")[2].split()[0]) <= 600
        assert "fewer --workers" in message
        assert calls.run("hungry.takes", megabytes=16) == 16 << 20
        assert len(before & service.processes) == len(before) - 1
        assert service.stop().problems == []


def test_the_largest_worker_is_killed_before_the_kernel_chooses(cgroup: Path, tmp_path: Path) -> None:
    small, large = Barrier(tmp_path / "small"), Barrier(tmp_path / "large")
    with _in_group(cgroup, workers=2) as service, _calls(service) as calls:
        waits = request("hungry.takes_and_waits", megabytes=40, fifo=small.path)
        with running(calls, waits) as results:
            small.wait_until_reached()
            outcome = calls.outcome(request("hungry.takes_and_waits", megabytes=1024, fifo=large.path))
            assert outcome.error.cause == OUT_OF_MEMORY
            assert "of the memory limit of 512 MiB were used" in outcome.error.error.message
            small.release("still here")
            assert results.get(timeout=60).HasField("outputs")
        assert "oom_kill 0" in (cgroup / "memory.oom_control").read_text()
        assert service.stop().problems == []
