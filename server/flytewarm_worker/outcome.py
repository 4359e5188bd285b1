"""What the entrypoint makes of a task's return or exception: documents under the output prefix, and an Outcome."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import cast

from flyteidl.core import errors_pb2
from flyteidl.core import execution_pb2 as flyte_execution_pb2
from flytekit.bin.entrypoint import get_container_error_timestamp, get_traceback_str
from flytekit.core import constants
from flytekit.core.base_task import IgnoreOutputs, PythonTask
from flytekit.core.promise import VoidPromise
from flytekit.exceptions.system import FlyteDownloadDataException, FlyteNonRecoverableSystemException
from flytekit.exceptions.user import FlyteRecoverableException, FlyteUserRuntimeException
from flytekit.models import dynamic_job, literals
from flytekit.utils.pbhash import compute_hash_string
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from flytewarm_api.v1 import execution_pb2
from flytewarm_worker import flytekit_private
from flytewarm_worker.literal_messages import fill

_RECOVERABLE = errors_pb2.ContainerError.RECOVERABLE
_NON_RECOVERABLE = errors_pb2.ContainerError.NON_RECOVERABLE
_USER = flyte_execution_pb2.ExecutionError.USER
_SYSTEM = flyte_execution_pb2.ExecutionError.SYSTEM
# FlyteUserRuntimeException's, for exceptions that have none of their own.
_USER_CODE = "USER:RuntimeError"


@dataclass
class Result:
    """An outcome, and the documents that tell it under the output prefix, by file name."""

    outcome: execution_pb2.Outcome
    documents: dict[str, Message] = field(default_factory=dict)


def success() -> execution_pb2.Outcome:
    """One whose outputs are still to be put in: in their place, as they may be large, and would be copied into it."""
    return execution_pb2.Outcome(state=execution_pb2.EXECUTION_STATE_SUCCEEDED)


def of_outputs(succeeded: execution_pb2.Outcome, task: PythonTask, output_prefix: str) -> Result:
    """Result of a task, none of a map, whose outputs are in an outcome made by success()."""
    literal_map = succeeded.outputs.literals
    if not _offloads(output_prefix):
        return Result(succeeded, {constants.OUTPUT_FILE_NAME: literal_map})
    # In the order in which they are declared, which a message does not have: errors name the first.
    outputs = {name: literals.Literal.from_flyte_idl(literal_map.literals[name]) for name in task.interface.outputs}
    return of_return(literals.LiteralMap(outputs), task, output_prefix, is_map_task=False)


def of_return(value: object, task: PythonTask, output_prefix: str, is_map_task: bool) -> Result:
    """Result of a task that returned `value` from dispatch_execute."""
    if isinstance(value, VoidPromise):
        return _outputs(literals.LiteralMap(literals={}), {})
    if isinstance(value, literals.LiteralMap):
        kept, offloaded = _offload(value, task, output_prefix, is_map_task)
        return _outputs(kept, offloaded)
    if isinstance(value, dynamic_job.DynamicJobSpec):
        spec = value.to_flyte_idl()
        outcome = execution_pb2.Outcome(
            state=execution_pb2.EXECUTION_STATE_SUCCEEDED, futures=execution_pb2.Futures(spec=spec)
        )
        return Result(outcome, {constants.FUTURES_FILE_NAME: spec})
    error = _container_error(
        "UNKNOWN_OUTPUT",
        f"Type of output received not handled {type(value)} outputs: {value}",
        _RECOVERABLE,
        _SYSTEM,
        None,
    )
    return _failed(error, execution_pb2.ERROR_CAUSE_SYSTEM)


def of_ignored(reason: str) -> Result:
    """Result of a task that asked for its outputs to be ignored; nothing is written."""
    ignored = execution_pb2.IgnoredOutputs(reason=reason)
    return Result(execution_pb2.Outcome(state=execution_pb2.EXECUTION_STATE_SUCCEEDED, ignored=ignored))


def of_exception(error: BaseException, user_code_ran: bool, reading_inputs: bool = False) -> Result:
    """Result of an execution that raised, classified as the entrypoint does.

    `user_code_ran` tells a failed conversion of outputs from one of inputs, for which flytekit has one type;
    `reading_inputs` that the error came up while they were fetched and parsed.
    """
    if isinstance(error, FlyteUserRuntimeException):
        return _user_error(error)
    if isinstance(error, FlyteNonRecoverableSystemException):
        document = _container_error("SYSTEM", _text(error.value), _NON_RECOVERABLE, _SYSTEM, error.value)
        return _failed(document, _system_or_inputs(user_code_ran))
    if isinstance(error, Exception):
        document = _container_error("SYSTEM", _text(error), _RECOVERABLE, _SYSTEM, error)
        about_inputs = reading_inputs or (isinstance(error, FlyteDownloadDataException) and not user_code_ran)
        return _failed(document, _system_or_inputs(user_code_ran=not about_inputs))
    # SystemExit, KeyboardInterrupt: the entrypoint's process would end without a document. Here there always is one.
    document = _container_error(f"USER:{type(error).__name__}", _text(error), _NON_RECOVERABLE, _USER, None)
    return _failed(document, execution_pb2.ERROR_CAUSE_USER)


def _user_error(error: FlyteUserRuntimeException) -> Result:
    if isinstance(error.value, IgnoreOutputs):
        return of_ignored(_encodable(str(error.value)))
    recoverable = isinstance(error.value, FlyteRecoverableException)
    document = _container_error(
        _code(error), _text(error), _RECOVERABLE if recoverable else _NON_RECOVERABLE, _USER, error.value
    )
    cause = execution_pb2.ERROR_CAUSE_USER_RECOVERABLE if recoverable else execution_pb2.ERROR_CAUSE_USER
    return _failed(document, cause)


def _system_or_inputs(user_code_ran: bool) -> execution_pb2.ErrorCause:
    return execution_pb2.ERROR_CAUSE_SYSTEM if user_code_ran else execution_pb2.ERROR_CAUSE_INPUTS


def _code(error: FlyteUserRuntimeException) -> str:
    try:
        return _encodable(error.error_code)
    except Exception:  # noqa: BLE001  # the user's error_code may be anything, and raise anything
        return _USER_CODE


def _timestamp(error: BaseException | None) -> Timestamp:
    try:
        return cast(Timestamp, get_container_error_timestamp(error))
    except Exception:  # noqa: BLE001  # as above; some of flytekit's exceptions have none, for want of a super().__init__()
        return cast(Timestamp, get_container_error_timestamp())


def _text(error: BaseException) -> str:
    try:
        return _encodable(str(get_traceback_str(error)))
    except Exception as broken:  # noqa: BLE001  # the user's __str__ may raise anything
        # str() of the user's exception raised: the error must be told all the same.
        return f"{type(error).__name__}, whose text cannot be made: {type(broken).__name__}"


def _encodable(text: str) -> str:
    """Protobuf refuses lone surrogates, which names of files that are not UTF-8 bring into messages."""
    return text.encode(errors="backslashreplace").decode()


def _container_error(
    code: str, message: str, kind: int, origin: int, timed: BaseException | None
) -> errors_pb2.ContainerError:
    return errors_pb2.ContainerError(
        code=code,
        message=message,
        kind=kind,
        origin=origin,
        timestamp=_timestamp(timed),
        worker=flytekit_private.distributed_worker_name(),
    )


def _failed(error: errors_pb2.ContainerError, cause: execution_pb2.ErrorCause) -> Result:
    outcome = execution_pb2.Outcome(
        state=execution_pb2.EXECUTION_STATE_FAILED, error=execution_pb2.TaskError(error=error, cause=cause)
    )
    return Result(outcome, {flytekit_private.error_file_name(): errors_pb2.ErrorDocument(error=error)})


def _outputs(kept: literals.LiteralMap, offloaded: dict[str, Message]) -> Result:
    succeeded = success()
    literal_map = succeeded.outputs.literals
    fill(literal_map, kept)
    return Result(succeeded, {constants.OUTPUT_FILE_NAME: literal_map, **offloaded})


def _offloads(output_prefix: str) -> bool:
    return bool(output_prefix) and "_F_L_MIN_SIZE_MB" in os.environ


def _offload(
    outputs: literals.LiteralMap, task: PythonTask, output_prefix: str, is_map_task: bool
) -> tuple[literals.LiteralMap, dict[str, Message]]:
    """Moves large literals into files of their own, where the environment asks for it (_F_L_MIN_SIZE_MB)."""
    if not _offloads(output_prefix):
        return outputs, {}
    smallest = int(os.environ["_F_L_MIN_SIZE_MB"]) << 20
    largest = int(os.environ.get("_F_L_MAX_SIZE_MB", "1000")) << 20
    kept, files = dict(outputs.literals), {}
    for name, literal in outputs.literals.items():
        message = literal.to_flyte_idl()
        size = message.ByteSize()
        if size >= largest:
            raise ValueError(
                f"Literal {name} is too large to be offloaded. Max literal size is {largest} whereas the literal size"
                f" is {size} bytes"
            )
        if size < smallest:
            continue
        file_name = f"{name}_offloaded_metadata.pb"
        files[file_name] = message
        declared = task.interface.outputs[name].type
        kept[name] = literals.Literal(
            offloaded_metadata=literals.LiteralOffloadedMetadata(
                uri=f"{output_prefix}/{file_name}",
                size_bytes=size,
                inferred_type=declared.collection_type if is_map_task else declared,
            ),
            hash=literal.hash if literal.hash is not None else compute_hash_string(message),
        )
    return literals.LiteralMap(literals=kept), files
