"""Outcomes and error documents of executions that the service itself ends."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest
from flyteidl.core import execution_pb2 as flyte_execution_pb2

from flytewarm_server.execution.documents import write_error_document
from flytewarm_server.execution.endings import Ending, outcome_of_ending
from flytewarm_server.execution.states import ExecutionState
from flytewarm_server.messages import errors_pb2, execution_pb2

USER, SYSTEM = flyte_execution_pb2.ExecutionError.USER, flyte_execution_pb2.ExecutionError.SYSTEM
AGAIN, NEVER = errors_pb2.ContainerError.RECOVERABLE, errors_pb2.ContainerError.NON_RECOVERABLE


@pytest.mark.parametrize(
    ("state", "cause", "kind", "origin"),
    [
        (ExecutionState.TIMED_OUT, execution_pb2.ERROR_CAUSE_TIMEOUT, NEVER, USER),
        (ExecutionState.CANCELLED, execution_pb2.ERROR_CAUSE_CANCELLED, AGAIN, USER),
        (ExecutionState.CANCELLED, execution_pb2.ERROR_CAUSE_PREEMPTED, AGAIN, SYSTEM),
        (ExecutionState.LOST, execution_pb2.ERROR_CAUSE_WORKER_LOST, AGAIN, SYSTEM),
        (ExecutionState.LOST, execution_pb2.ERROR_CAUSE_OUT_OF_MEMORY, AGAIN, USER),
        (ExecutionState.FAILED, execution_pb2.ERROR_CAUSE_SYSTEM, AGAIN, SYSTEM),
    ],
)
def test_an_ending_becomes_an_outcome(
    state: ExecutionState, cause: execution_pb2.ErrorCause, kind: int, origin: int
) -> None:
    before = time.time_ns()
    outcome = outcome_of_ending(Ending(state, cause, "SYSTEM:Code", "what happened", recoverable=kind == AGAIN))
    assert outcome.state == state.value
    assert outcome.error.cause == cause
    error = outcome.error.error
    assert (error.code, error.message, error.kind, error.origin) == ("SYSTEM:Code", "what happened", kind, origin)
    assert before <= error.timestamp.ToNanoseconds() <= time.time_ns()


@pytest.mark.parametrize("scheme", ["", "file://"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_document_is_written_where_flyte_looks_for_it(tmp_path: Path, scheme: str, slash: str) -> None:
    error = errors_pb2.ContainerError(code="c", message="m", kind=AGAIN, origin=SYSTEM)
    prefix = f"{scheme}{tmp_path}/not/there/yet"
    assert await write_error_document(f"{prefix}{slash}", error, {}, 10) == f"{prefix}/error.pb"
    written = (tmp_path / "not/there/yet/error.pb").read_bytes()
    assert errors_pb2.ErrorDocument.FromString(written) == errors_pb2.ErrorDocument(error=error)


async def test_an_older_document_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "error.pb").write_bytes(b"x" * 1000)
    await write_error_document(str(tmp_path), errors_pb2.ContainerError(code="new"), {}, 10)
    written = errors_pb2.ErrorDocument.FromString((tmp_path / "error.pb").read_bytes())
    assert written.error.code == "new"


async def test_storage_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        await write_error_document(str(tmp_path / "file"), errors_pb2.ContainerError(), {}, 10)


async def test_storage_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "error.pb")
    with pytest.raises(asyncio.TimeoutError):
        await write_error_document(str(tmp_path), errors_pb2.ContainerError(), {}, 0.1)
    # The thread that still waits must not hold the end of this process: it is a daemon.
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "error-document")
    os.close(os.open(tmp_path / "error.pb", os.O_RDONLY | os.O_NONBLOCK))
