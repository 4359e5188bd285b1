"""Why the service itself ends an execution, or says that it has ended, and the outcome that this becomes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flyteidl.core import execution_pb2 as flyte_execution_pb2

from flytewarm_server.execution.states import ExecutionState
from flytewarm_server.messages import errors_pb2, execution_pb2

_USER = flyte_execution_pb2.ExecutionError.USER
_BY_THE_USER = (
    execution_pb2.ERROR_CAUSE_USER,
    execution_pb2.ERROR_CAUSE_OUT_OF_MEMORY,
    execution_pb2.ERROR_CAUSE_TIMEOUT,
    execution_pb2.ERROR_CAUSE_CANCELLED,
)


@dataclass(frozen=True)
class Ending:
    """Why the service itself ends an execution."""

    state: ExecutionState
    cause: execution_pb2.ErrorCause
    code: str
    message: str
    # Whether another attempt may end otherwise.
    recoverable: bool = True

    @property
    def wants_stacks(self) -> bool:
        """Whether one wants to know where the worker's threads were."""
        return self.cause == execution_pb2.ERROR_CAUSE_TIMEOUT

    def with_stacks(self, stacks: str) -> Ending:
        """The same, and where the worker's threads were, as far as that is known."""
        if not stacks:
            return self
        return replace(self, message=f"{self.message}; its threads were here, the innermost frames first\n\n{stacks}")


PREEMPTED = Ending(
    ExecutionState.CANCELLED,
    execution_pb2.ERROR_CAUSE_PREEMPTED,
    "SYSTEM:Preempted",
    "the service stopped before the execution had ended",
)


def cancelled(message: str) -> Ending:
    """Somebody asked for it, or nobody waits any more."""
    return Ending(ExecutionState.CANCELLED, execution_pb2.ERROR_CAUSE_CANCELLED, "USER:Cancelled", message)


def timed_out(seconds: float | None) -> Ending:
    """Its own timeout has passed."""
    message = f"the execution did not end within its timeout of {seconds} s"
    return Ending(ExecutionState.TIMED_OUT, execution_pb2.ERROR_CAUSE_TIMEOUT, "USER:Timeout", message, False)


def worker_lost(worker: str) -> Ending:
    """`worker`: which one, and how it ended."""
    message = f"{worker} before the task ended"
    return Ending(ExecutionState.LOST, execution_pb2.ERROR_CAUSE_WORKER_LOST, "SYSTEM:WorkerLost", message)


def out_of_memory(message: str, peak_bytes: int) -> Ending:
    """`message`: which worker was ended, and which memory was used up, the machine's or the service's. `peak_bytes` is
    what it had at most; 0 for unknown."""
    peak = f"; its memory was {peak_bytes >> 20} MiB at most" if peak_bytes else ""
    advice = "give the service more memory, or fewer --workers at a time, or have the task hold less at once"
    return _out_of_memory(f"{message}{peak}; {advice}")


def too_large_for(option: str, message: str) -> Ending:
    """`message`: which worker was ended, and what it had more than `option` of the service allows."""
    return _out_of_memory(f"{message}; give the service a larger {option}, or have the task hold less at once")


def _out_of_memory(text: str) -> Ending:
    return Ending(ExecutionState.LOST, execution_pb2.ERROR_CAUSE_OUT_OF_MEMORY, "USER:OutOfMemory", text)


def environment_broken(key: str, reason: str) -> Ending:
    """No worker will come before the environment `key` is mended."""
    return environment_unavailable(f"environment {key} is broken: {reason}")


def environment_unavailable(reason: str) -> Ending:
    """The environment that the request names could not be made."""
    return Ending(ExecutionState.FAILED, execution_pb2.ERROR_CAUSE_SYSTEM, "SYSTEM:EnvironmentBroken", reason)


def environment_unusable(reason: str) -> Ending:
    """The environment that the request names cannot be loaded, for what is in it."""
    return Ending(ExecutionState.FAILED, execution_pb2.ERROR_CAUSE_USER, "USER:EnvironmentBroken", reason, False)


def distribution_unusable(message: str) -> Ending:
    """The code that the request names is damaged, forbidden or does not exist."""
    return Ending(ExecutionState.FAILED, execution_pb2.ERROR_CAUSE_USER, "USER:Distribution", message, False)


def distribution_unreachable(message: str) -> Ending:
    """The code that the request names cannot be had now."""
    return Ending(ExecutionState.FAILED, execution_pb2.ERROR_CAUSE_SYSTEM, "SYSTEM:Distribution", message)


def outcome_of_ending(ending: Ending) -> execution_pb2.Outcome:
    """The outcome of an execution that the service ended or whose worker is lost."""
    kinds = errors_pb2.ContainerError
    error = errors_pb2.ContainerError(
        code=ending.code,
        message=ending.message,
        kind=kinds.RECOVERABLE if ending.recoverable else kinds.NON_RECOVERABLE,
        origin=_USER if ending.cause in _BY_THE_USER else flyte_execution_pb2.ExecutionError.SYSTEM,
    )
    error.timestamp.GetCurrentTime()
    return execution_pb2.Outcome(
        state=ending.state.value, error=execution_pb2.TaskError(error=error, cause=ending.cause)
    )
