"""Everything that the client raises, in one tree: what happened to the task, and what happened to the call."""

# ruff: noqa: N818  # they are named for what happened, as callers read them after `except`

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flytewarm import messages
from flytewarm.enums import ErrorCause, ExecutionState

if TYPE_CHECKING:
    import grpc

    from flytewarm_api.v1 import execution_pb2


class FlytewarmError(Exception):
    """Root of the tree."""

    index: int | None = None
    """Which item of map() has failed, beginning with 0. None for what is no item's."""

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed when it is made again. Default: False."""
        return False


class TaskFailed(FlytewarmError):
    """The call went well and the task did not: its outcome is an error."""

    def __init__(self, outcome: execution_pb2.Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        """The whole outcome, with the receipt and Flyte's own error document in `outcome.error.error`."""

    def __str__(self) -> str:
        first = f"{self.summary} ({self.shown_code})" if self.code else self.summary
        return first if self.summary == self.message.strip() else f"{first}\n\n{self.message}"

    @property
    def summary(self) -> str:
        """What went wrong, in one line and without a traceback; `str()` begins with it."""
        line = messages.summary(self.message)
        # The class of an exception about inputs is one of ours or flytekit's, which tells the caller nothing.
        return messages.without_class(line) if self.cause == ErrorCause.INPUTS else line

    @property
    def cause(self) -> ErrorCause:
        """Who or what made it fail."""
        return ErrorCause(self.outcome.error.cause)

    @property
    def code(self) -> str:
        """Flyte's error code, such as USER:ValueError or SYSTEM."""
        code: str = self.outcome.error.error.code
        return code

    @property
    def shown_code(self) -> str:
        """The code for a reader. Flyte's is SYSTEM for inputs that do not fit, which are the caller's: INPUTS here."""
        return self.cause.name if self.code and self.cause == ErrorCause.INPUTS else self.code

    @property
    def message(self) -> str:
        """Flyte's error message; for an exception of the task it contains the traceback."""
        message: str = self.outcome.error.error.message
        return message

    @property
    def state(self) -> ExecutionState:
        """The terminal state."""
        return ExecutionState(self.outcome.state)

    @property
    def retryable(self) -> bool:
        """Whether Flyte would retry: the error's kind is RECOVERABLE, and nobody has cancelled the execution."""
        from flyteidl.core import errors_pb2

        recoverable: bool = self.outcome.error.error.kind == errors_pb2.ContainerError.RECOVERABLE
        return recoverable and self.cause != ErrorCause.CANCELLED


class TaskCancelled(TaskFailed):
    """The execution was cancelled: by CancelExecution, a client's disconnect, or the service's stop."""


class TaskTimedOut(TaskFailed):
    """The timeout of the request passed."""


class WorkerLost(TaskFailed):
    """The worker's process ended before it sent an outcome; the message says how."""


class FuturesReturned(FlytewarmError):
    """`run` was given a dynamic task, whose result is further work and not a value. `execute` returns it."""

    def __init__(self, outcome: execution_pb2.Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        """The whole outcome; the work is in `outcome.futures.spec`."""

    def __str__(self) -> str:
        return "the task returned futures (it is dynamic), which run() cannot give as a value; use execute()"


class StreamIncomplete(FlytewarmError):
    """The service ended an execution's stream without an outcome, which it never should. What became of it is open."""


class CallError(FlytewarmError):
    """The call failed, with a gRPC status. Whether the task has run is not said, unless the status implies it."""

    def __init__(
        self,
        code: grpc.StatusCode,
        details: str,
        violations: Sequence[tuple[str, str]] = (),
        retry_after: float | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(code, details, violations, retry_after, reason)
        self.code = code
        """The gRPC status code."""
        self.details = details
        """The status's message."""
        self.violations = list(violations)
        """Faults of the request as (field, description); empty when the service names none."""
        self.retry_after = retry_after
        """Seconds after which the service suggests to try again; None when it does not."""
        self.reason = reason
        """The reason that google.rpc.ErrorInfo gives in capitals; empty without one."""
        self.hint = ""
        """What this side adds: what may be the matter when the service is not reached. Empty otherwise."""

    def __str__(self) -> str:
        return f"{self.code.name}: {'; '.join(filter(None, (self.details, self.hint)))}"

    @property
    def retryable(self) -> bool:
        """Whether the service suggests to try again."""
        return self.retry_after is not None


class InvalidRequest(CallError):
    """INVALID_ARGUMENT: the request has faults, see violations."""


class NotFound(CallError):
    """NOT_FOUND: no such task, or no such execution."""


class AlreadyExists(CallError):
    """ALREADY_EXISTS: the execution id belongs to a different request."""


class ResourceExhausted(CallError):
    """RESOURCE_EXHAUSTED: the queue is full (with retry_after), or a message is over the limit."""


class FailedPrecondition(CallError):
    """FAILED_PRECONDITION: the environment is broken, or the calling task is nested too deeply."""


class OutOfRange(CallError):
    """OUT_OF_RANGE: the execution ended before the event that was asked for."""


class NotImplementedByService(CallError):
    """UNIMPLEMENTED: this version of the service does not serve a field or a method."""


class DeadlineExceeded(CallError):
    """DEADLINE_EXCEEDED: the executor's timeout passed; or no worker answered in time."""


class CallCancelled(CallError):
    """CANCELLED: the call was ended on this side, such as by closing the executor."""


class PermissionDenied(CallError):
    """PERMISSION_DENIED."""


class Unauthenticated(CallError):
    """UNAUTHENTICATED."""


class Unavailable(CallError):
    """UNAVAILABLE: the service cannot be reached, or starts or stops."""

    @property
    def retryable(self) -> bool:
        """Always true."""
        return True
