"""Tasks that harm their process: after each one, the next execution sees a process as if it were new."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest

from calls import Calls, request
from faults import count_paths
from flytewarm_api.v1 import execution_pb2
from showcase.service import Service

TASKS = Path(__file__).parent / "tasks"
# Imported ahead, and by the first of its tasks.
PRELOADED = (
    "returning_process",
    "returning_interpreter",
    "returning_runtime",
    "raising",
    "dying",
    "hanging",
    "breaking",
)
MODULES = (*PRELOADED, "returning_lazily")
# What each module's tasks end with; those of `breaking` may end with anything.
CAUSES = {
    "raising": {execution_pb2.ERROR_CAUSE_USER, execution_pb2.ERROR_CAUSE_SYSTEM},
    "dying": {execution_pb2.ERROR_CAUSE_WORKER_LOST},
    "hanging": {execution_pb2.ERROR_CAUSE_TIMEOUT},
}
# Tasks that have something done after 0.3 s.
_STRIKE_LATER = {"returning_runtime.has_its_stacks_dumped_later", "returning_runtime.sets_a_timer_of_the_kernel"}
# Descriptors that tasks may leave in a worker; one with more is replaced.
_DESCRIPTORS_LEFT = 64
# What the service may have more than at first, in bytes: what the allocator keeps after large events.
_MEMORY_LEFT = 64 << 20


def _tasks() -> Iterator[str]:
    for module in MODULES:
        text = (TASKS / f"{module}.py").read_text()
        yield from (f"{module}.{name}" for name in re.findall(r"^@task\n(?:async )?def (\w+)", text, re.MULTILINE))


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service with one worker, so that each execution has the process of the one before, if that is still used."""
    preload = [option for module in PRELOADED for option in ("--preload", module)]
    with Service(
        TASKS, workers=1, preload="witness", options=("--cancel-grace", "0.2", "--retain-executions", "0", *preload)
    ) as running:
        yield running
        assert running.stop().problems == [], running.log


@pytest.fixture(scope="module")
def calls(service: Service) -> Iterator[Calls]:
    with Calls(grpc.insecure_channel(service.target, options=[("grpc.max_receive_message_length", -1)])) as opened:
        yield opened


@pytest.fixture(scope="module")
def clean(calls: Calls) -> dict[str, Any]:
    """What the first execution of the first worker sees."""
    return _look(calls)


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left(service: Service, clean: dict[str, Any]) -> Iterator[None]:
    """Fails the suite when the service has more than before it: processes, descriptors, directories, memory."""
    assert clean
    before, memory = _left(service), _memory(service)
    yield
    deadline = time.monotonic() + 10
    while (after := _left(service)) != before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert after == before
    assert _memory(service) < memory + _MEMORY_LEFT


@pytest.mark.parametrize("name", list(_tasks()))
def test_the_next_execution_sees_a_clean_process(calls: Calls, clean: dict[str, Any], name: str) -> None:
    made = request(name)
    module = name.partition(".")[0]
    made.policy.timeout.FromMilliseconds(1_000 if module == "hanging" else 60_000)
    made.settings.env["HOSTILE_WORKER"] = str(calls.run("witness.worker"))
    outcome = calls.outcome(made)
    if module.startswith("returning"):
        assert outcome.HasField("outputs"), outcome
    elif module in CAUSES:
        assert outcome.error.cause in CAUSES[module], outcome
    if name in _STRIKE_LATER:
        calls.run("witness.waits", seconds=0.6)
    seen = _look(calls)
    assert seen.pop("descriptors") <= clean["descriptors"] + _DESCRIPTORS_LEFT
    if module == "returning_lazily":
        # Its own tasks are declared now.
        seen.pop("entities")
    assert seen == {key: clean[key] for key in seen}


def _look(calls: Calls) -> dict[str, Any]:
    seen: dict[str, Any] = json.loads(calls.run("witness.look"))
    return seen


def _left(service: Service) -> dict[str, int]:
    """What lives and lies around, but for clients' connections."""
    kinds = [os.readlink(link).partition(":")[0] for link in Path(f"/proc/{service.pid}/fd").iterdir()]
    return {
        "processes": len(service.processes),
        "pipes and files": sum(kind != "socket" for kind in kinds),
        "directories": count_paths(service.scratch),
    }


def _memory(service: Service) -> int:
    """Of the server, in bytes."""
    return int(psutil.Process(service.pid).memory_info().rss)


def test_a_library_that_a_task_imports_serves_the_next_execution_as_well(calls: Calls) -> None:
    first, second = (json.loads(calls.run("late.uses_a_library")) for _ in range(2))
    assert first == second
    assert first == {
        "protocol": True,
        "variable": "1",
        "filters": 1,
        "handlers": 1,
        "path": 1,
        "signal": True,
        "left": [None, 0],
        "filters of the task": 1,
        "process": first["process"],
    }
