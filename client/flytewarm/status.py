"""gRPC status -> exception: the only place that knows how."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import grpc

from flytewarm import errors
from flytewarm.channel import Connection

if TYPE_CHECKING:
    from google.rpc import status_pb2

_BY_CODE: dict[grpc.StatusCode, type[errors.CallError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidRequest,
    grpc.StatusCode.NOT_FOUND: errors.NotFound,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExists,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    grpc.StatusCode.FAILED_PRECONDITION: errors.FailedPrecondition,
    grpc.StatusCode.OUT_OF_RANGE: errors.OutOfRange,
    grpc.StatusCode.UNIMPLEMENTED: errors.NotImplementedByService,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.CANCELLED: errors.CallCancelled,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDenied,
    grpc.StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
}


# gRPC's own words: the service never sees the message.
_TOO_LARGE = "SERVER: Received message larger than max"
_TOO_LARGE_HINT = (
    "the service takes larger ones with --max-message-bytes; an execution may have its inputs by inputs_uri"
)


@contextlib.contextmanager
def call_errors(connection: Connection | None = None) -> Iterator[None]:
    """Raises the CallError for a grpc.RpcError, of the blocking or the asyncio kind, that leaves the block. If the
    `connection` is given, one that says that the service is not reached gets a hint."""
    try:
        yield
    except grpc.RpcError as error:
        raised = call_error(error)
        # The service itself says when to try again.
        if connection is not None and isinstance(raised, errors.Unavailable) and raised.retry_after is None:
            raised.hint = connection.hint()
        elif isinstance(raised, errors.ResourceExhausted) and raised.details.startswith(_TOO_LARGE):
            raised.hint = _TOO_LARGE_HINT
        try:
            raise raised from without_frames(error)
        finally:
            # Its frames have this one.
            del raised
    if connection is not None:
        connection.answered = True


def without_frames(error: grpc.RpcError) -> grpc.RpcError:
    """The error without the frames in which it was raised, so that it goes with its last reference.

    The error of a streaming call is the call itself, and its frames have it. It takes a lock when it goes; if that were
    left to the garbage collector of an interpreter that ends, whose threads were ended wherever they were, one of
    gRPC's might have the lock for ever.
    """
    return error.with_traceback(None)


def call_error(error: Any) -> errors.CallError:
    """The CallError that says what a raised grpc.RpcError says, its google.rpc details included."""
    return _made(error.code(), error.details() or "", _packed(error))


def refusal(status: status_pb2.Status) -> errors.CallError:
    """The CallError that says what a status says that came in a message."""
    code = next((one for one in grpc.StatusCode if one.value[0] == status.code), grpc.StatusCode.UNKNOWN)
    return _made(code, status.message, status.details)


def _made(code: grpc.StatusCode, message: str, packed: Iterable[Any]) -> errors.CallError:
    violations: list[tuple[str, str]] = []
    retry_after: float | None = None
    reason = ""
    for detail in _unpacked(packed):
        kind = detail.DESCRIPTOR.full_name
        if kind == "google.rpc.BadRequest":
            violations += [(one.field, one.description) for one in detail.field_violations]
        elif kind == "google.rpc.RetryInfo":
            retry_after = detail.retry_delay.ToNanoseconds() / 1e9
        else:
            reason = detail.reason
    return _BY_CODE.get(code, errors.CallError)(code, message, violations, retry_after, reason)


def _packed(error: Any) -> Iterable[Any]:
    # Imported when something has failed: a client that starts to do one quick thing should not wait for these.
    from grpc_status import rpc_status

    try:
        status = rpc_status.from_call(error)
    except ValueError:
        return ()  # a status whose two forms disagree; the plain one is what the other clients see, too
    return status.details if status is not None else ()


def _unpacked(details: Iterable[Any]) -> Iterator[Any]:
    from google.rpc import error_details_pb2

    for packed in details:
        for kind in (error_details_pb2.BadRequest, error_details_pb2.RetryInfo, error_details_pb2.ErrorInfo):
            if packed.Is(kind.DESCRIPTOR):
                detail = kind()
                packed.Unpack(detail)
                yield detail
