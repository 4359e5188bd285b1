"""What happened to a call: statuses with google.rpc details, made in one place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2

from flytewarm_server.messages import status_pb2
from flytewarm_server.security.redaction import redacted

_DOMAIN = "flytewarm"
_DETAILS_KEY = "grpc-status-details-bin"
# A status travels in HTTP/2 trailers, of which receivers take 8 KiB: its message once percent-encoded, and once with
# the details in base64. In bytes of UTF-8, and in violations.
_LONGEST_MESSAGE = 800
_LONGEST_FIELD = 64
_LONGEST_DESCRIPTION = 120
_MOST_VIOLATIONS = 10


@dataclass(frozen=True)
class Violation:
    """One fault of a request: the path of the field, and what is wrong with it."""

    field: str
    description: str


@dataclass
class CallError(Exception):
    """Ends a call with a status other than OK."""

    code: grpc.StatusCode
    message: str
    details: Sequence[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.message = cut(self.message, _LONGEST_MESSAGE)

    @property
    def reason(self) -> str:
        """What google.rpc.ErrorInfo calls it; empty without one."""
        infos = (detail for detail in self.details if isinstance(detail, error_details_pb2.ErrorInfo))
        return next((info.reason for info in infos), "")

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        """The status with its details, as clients of every language read it."""
        return ((_DETAILS_KEY, self.status().SerializeToString()),)

    def status(self) -> status_pb2.Status:
        """The status with its details, as a message."""
        status = status_pb2.Status(code=self.code.value[0], message=self.message)
        for detail in self.details:
            status.details.add().Pack(detail)
        return status


def invalid(violations: Iterable[Violation]) -> CallError:
    """INVALID_ARGUMENT with a field violation for each fault."""
    text, detail = _told(violations)
    return CallError(grpc.StatusCode.INVALID_ARGUMENT, text, [detail])


def permission_denied(violations: Iterable[Violation], option: str) -> CallError:
    """PERMISSION_DENIED with a field violation for each thing that is not allowed, and ErrorInfo that names the option
    of the service that would allow the first one."""
    text, detail = _told(violations)
    info = error_details_pb2.ErrorInfo(reason="NOT_ALLOWED", domain=_DOMAIN, metadata={"option": option})
    return CallError(grpc.StatusCode.PERMISSION_DENIED, text, [detail, info])


def unauthenticated() -> CallError:
    """UNAUTHENTICATED, with one text for every reason."""
    return CallError(grpc.StatusCode.UNAUTHENTICATED, "a valid token is required")


def _told(violations: Iterable[Violation]) -> tuple[str, error_details_pb2.BadRequest]:
    found = [
        Violation(cut(one.field, _LONGEST_FIELD), cut(redacted(one.description), _LONGEST_DESCRIPTION))
        for one in violations
    ]
    if len(found) > _MOST_VIOLATIONS:
        more = len(found) - _MOST_VIOLATIONS
        found[_MOST_VIOLATIONS:] = [Violation("request", f"has {more} more violations")]
    detail = error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=one.field, description=one.description) for one in found
        ]
    )
    return "; ".join(f"{one.field}: {one.description}" for one in found), detail


def not_found(message: str) -> CallError:
    """NOT_FOUND."""
    return CallError(grpc.StatusCode.NOT_FOUND, message)


def out_of_range(message: str) -> CallError:
    """OUT_OF_RANGE."""
    return CallError(grpc.StatusCode.OUT_OF_RANGE, message)


def already_exists(message: str) -> CallError:
    """ALREADY_EXISTS."""
    return CallError(grpc.StatusCode.ALREADY_EXISTS, message)


def unimplemented(feature: str) -> CallError:
    """UNIMPLEMENTED with ErrorInfo that names the field or RPC."""
    detail = error_details_pb2.ErrorInfo(reason="UNIMPLEMENTED", domain=_DOMAIN, metadata={"feature": feature})
    return CallError(grpc.StatusCode.UNIMPLEMENTED, f"{feature} is not served by this version", [detail])


def queue_full(message: str, limit: str, retry_seconds: float) -> CallError:
    """RESOURCE_EXHAUSTED with RetryInfo, and ErrorInfo that names the option whose limit was met."""
    detail = error_details_pb2.ErrorInfo(reason="QUEUE_FULL", domain=_DOMAIN, metadata={"limit": limit})
    return CallError(grpc.StatusCode.RESOURCE_EXHAUSTED, message, [_retry_info(retry_seconds), detail])


def unavailable(message: str, retry_seconds: float) -> CallError:
    """UNAVAILABLE with RetryInfo."""
    return CallError(grpc.StatusCode.UNAVAILABLE, message, [_retry_info(retry_seconds)])


def deadline_exceeded(message: str) -> CallError:
    """DEADLINE_EXCEEDED."""
    return CallError(grpc.StatusCode.DEADLINE_EXCEEDED, message)


def failed_precondition(message: str, reason: str) -> CallError:
    """FAILED_PRECONDITION with ErrorInfo."""
    detail = error_details_pb2.ErrorInfo(reason=reason, domain=_DOMAIN)
    return CallError(grpc.StatusCode.FAILED_PRECONDITION, message, [detail])


def cut(text: str, longest: int) -> str:
    """`text` in at most `longest` bytes, and a mark when it was longer."""
    data = text.encode()
    if len(data) <= longest:
        return text
    kept = data[:longest].decode(errors="ignore")
    return f"{kept}... ({len(text) - len(kept)} characters left out)"


def _retry_info(seconds: float) -> error_details_pb2.RetryInfo:
    detail = error_details_pb2.RetryInfo()
    detail.retry_delay.FromNanoseconds(int(seconds * 1e9))
    return detail
