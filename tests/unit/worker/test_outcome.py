"""Returns and exceptions become outcomes and documents."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flyteidl.core import errors_pb2
from flyteidl.core import execution_pb2 as flyte_execution_pb2
from flytekit import task
from flytekit.core.base_task import IgnoreOutputs
from flytekit.core.promise import VoidPromise
from flytekit.exceptions.system import FlyteDownloadDataException, FlyteNonRecoverableSystemException
from flytekit.exceptions.user import FlyteRecoverableException, FlyteUserRuntimeException
from flytekit.models import dynamic_job, literals

from flytewarm_api.v1 import execution_pb2
from flytewarm_worker import outcome
from flytewarm_worker.outcome import Result

USER, SYSTEM = flyte_execution_pb2.ExecutionError.USER, flyte_execution_pb2.ExecutionError.SYSTEM
AGAIN, NEVER = errors_pb2.ContainerError.RECOVERABLE, errors_pb2.ContainerError.NON_RECOVERABLE
FAILED, SUCCEEDED = execution_pb2.EXECUTION_STATE_FAILED, execution_pb2.EXECUTION_STATE_SUCCEEDED
CAUSE_USER, CAUSE_AGAIN = execution_pb2.ERROR_CAUSE_USER, execution_pb2.ERROR_CAUSE_USER_RECOVERABLE
CAUSE_INPUTS, CAUSE_SYSTEM = execution_pb2.ERROR_CAUSE_INPUTS, execution_pb2.ERROR_CAUSE_SYSTEM


class MuteError(Exception):
    """An exception whose text cannot be made."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@task
def nothing() -> None:
    """A task for its interface."""


def _raised(error: BaseException) -> BaseException:
    """The exception with a traceback, as it is caught."""
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001  # whatever was given
        return caught


def _user(error: Exception) -> BaseException:
    """The exception as flytekit wraps what user code raises."""
    try:
        raise FlyteUserRuntimeException(error) from _raised(error)
    except FlyteUserRuntimeException as wrapped:
        return wrapped


CASES = [
    ("user", _user(ValueError("m")), True, CAUSE_USER, USER, NEVER, "USER:RuntimeError"),
    ("recoverable", _user(FlyteRecoverableException("m")), True, CAUSE_AGAIN, USER, AGAIN, "USER:RuntimeError"),
    ("inputs", FlyteNonRecoverableSystemException(TypeError("m")), False, CAUSE_INPUTS, SYSTEM, NEVER, "SYSTEM"),
    ("outputs", FlyteNonRecoverableSystemException(TypeError("m")), True, CAUSE_SYSTEM, SYSTEM, NEVER, "SYSTEM"),
    ("download", FlyteDownloadDataException("m"), False, CAUSE_INPUTS, SYSTEM, AGAIN, "SYSTEM"),
    ("download in task", FlyteDownloadDataException("m"), True, CAUSE_SYSTEM, SYSTEM, AGAIN, "SYSTEM"),
    ("storage", OSError("m"), False, CAUSE_SYSTEM, SYSTEM, AGAIN, "SYSTEM"),
    ("exit", SystemExit(3), True, CAUSE_USER, USER, NEVER, "USER:SystemExit"),
    ("interrupt", KeyboardInterrupt(), True, CAUSE_USER, USER, NEVER, "USER:KeyboardInterrupt"),
]


@pytest.mark.parametrize(
    ("error", "ran", "cause", "origin", "kind", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_exceptions_are_classified(
    error: BaseException, ran: bool, cause: int, origin: int, kind: int, code: str
) -> None:
    result = outcome.of_exception(_raised(error), user_code_ran=ran)
    told = result.outcome.error
    assert (result.outcome.state, told.cause) == (FAILED, cause)
    assert (told.error.origin, told.error.kind) == (origin, kind)
    if code != "USER:RuntimeError":
        assert told.error.code == code
    assert told.error.message.startswith("Trace:\n\n")
    assert told.error.timestamp.seconds > 0
    assert result.documents == {"error.pb": errors_pb2.ErrorDocument(error=told.error)}


def test_flytekits_code_of_user_errors_is_kept() -> None:
    error = _user(ValueError("m"))
    assert isinstance(error, FlyteUserRuntimeException)
    assert outcome.of_exception(error, user_code_ran=True).outcome.error.error.code == error.error_code != ""


def test_the_message_has_the_users_traceback_and_words() -> None:
    told = outcome.of_exception(_user(ValueError("these words")), user_code_ran=True).outcome.error.error
    assert __file__.rpartition("/")[2] in told.message
    assert "ValueError: these words" in told.message
    assert "FlyteUserRuntimeException" not in told.message


def test_an_exception_without_a_text_is_told_all_the_same() -> None:
    told = outcome.of_exception(_raised(MuteError()), user_code_ran=True).outcome.error.error
    assert "MuteError, whose text cannot be made: RuntimeError" in told.message


@pytest.mark.parametrize("wrap", [_user, _raised], ids=["user", "system"])
def test_a_text_that_is_not_unicode_is_told_all_the_same(wrap: Callable[[Exception], BaseException]) -> None:
    result = outcome.of_exception(wrap(ValueError("no file caf\udce9.txt")), user_code_ran=True)
    assert r"no file caf\udce9.txt" in result.outcome.error.error.message


def test_an_exit_tells_its_status() -> None:
    told = outcome.of_exception(_raised(SystemExit("told to go")), user_code_ran=True).outcome.error.error
    assert "SystemExit: told to go" in told.message


def test_ignored_outputs_write_nothing() -> None:
    result = outcome.of_exception(_user(IgnoreOutputs("not the leader")), user_code_ran=True)
    ignored = execution_pb2.IgnoredOutputs(reason="not the leader")
    assert result == Result(execution_pb2.Outcome(state=SUCCEEDED, ignored=ignored), {})


def test_no_outputs_are_an_empty_map() -> None:
    result = outcome.of_return(VoidPromise("t"), nothing, "s3://o", is_map_task=False)
    assert result.outcome.state == SUCCEEDED
    assert result.outcome.HasField("outputs")
    assert result.documents == {"outputs.pb": literals.LiteralMap(literals={}).to_flyte_idl()}


def test_futures() -> None:
    spec = dynamic_job.DynamicJobSpec(tasks=[], nodes=[], min_successes=2, outputs=[], subworkflows=[])
    result = outcome.of_return(spec, nothing, "s3://o", is_map_task=False)
    assert result.outcome.futures.spec == spec.to_flyte_idl()
    assert result.outcome.state == SUCCEEDED
    assert result.documents == {"futures.pb": spec.to_flyte_idl()}


def test_what_flytekit_never_returns_is_an_error_of_the_system() -> None:
    result = outcome.of_return(5, nothing, "s3://o", is_map_task=False)
    told = result.outcome.error
    assert (result.outcome.state, told.cause, told.error.code) == (FAILED, CAUSE_SYSTEM, "UNKNOWN_OUTPUT")
    assert (told.error.origin, told.error.kind) == (SYSTEM, AGAIN)
    assert "int" in told.error.message


def test_workers_of_a_distributed_task_have_documents_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_F_DES", "earliest")
    monkeypatch.setenv("_F_WN", "worker-3")
    results = [outcome.of_exception(_user(ValueError()), user_code_ran=True) for _ in range(2)]
    names = {name for result in results for name in result.documents}
    assert len(names) == 2
    assert all(name.startswith("error-") and name.endswith(".pb") for name in names)
    assert results[0].outcome.error.error.worker == "worker-3"
