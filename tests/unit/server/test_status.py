"""Statuses of calls: codes, details, and a size that arrives."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc import aio
from grpc_status import rpc_status

from flytewarm_api.v1 import worker_pool_pb2, worker_pool_pb2_grpc
from flytewarm_server.rpc import status
from flytewarm_server.rpc.handlers import service_handler
from flytewarm_server.rpc.open_calls import OpenCalls
from flytewarm_server.rpc.refusals import Refusals
from flytewarm_server.rpc.status import CallError, Violation
from flytewarm_server.telemetry.metrics import Metrics


def _status(error: CallError) -> status_pb2.Status:
    ((key, value),) = error.trailing_metadata()
    assert key == "grpc-status-details-bin"
    return status_pb2.Status.FromString(value)


def _detail(error: CallError, kind: type[Message]) -> Any:
    (packed,) = (one for one in _status(error).details if one.Is(kind.DESCRIPTOR))
    detail = kind()
    assert packed.Unpack(detail)
    return detail


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (status.invalid([Violation("f", "d")]), grpc.StatusCode.INVALID_ARGUMENT),
        (status.not_found("m"), grpc.StatusCode.NOT_FOUND),
        (status.already_exists("m"), grpc.StatusCode.ALREADY_EXISTS),
        (status.unimplemented("m"), grpc.StatusCode.UNIMPLEMENTED),
        (status.queue_full("m", "--max-queue", 1), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (status.unavailable("m", 1), grpc.StatusCode.UNAVAILABLE),
        (status.deadline_exceeded("m"), grpc.StatusCode.DEADLINE_EXCEEDED),
        (status.failed_precondition("m", "R"), grpc.StatusCode.FAILED_PRECONDITION),
    ],
)
def test_the_details_repeat_code_and_message(error: CallError, code: grpc.StatusCode) -> None:
    assert error.code is code
    assert error.message
    assert (_status(error).code, _status(error).message) == (code.value[0], error.message)


def test_every_violation_is_told() -> None:
    error = status.invalid([Violation("a.b", "is bad"), Violation("c", "is worse")])
    assert error.message == "a.b: is bad; c: is worse"
    told = [(one.field, one.description) for one in _detail(error, error_details_pb2.BadRequest).field_violations]
    assert told == [("a.b", "is bad"), ("c", "is worse")]


def test_when_to_retry_is_told() -> None:
    for error in (status.unavailable("m", 1.5), status.queue_full("m", "--max-queue", 1.5)):
        assert _detail(error, error_details_pb2.RetryInfo).retry_delay.ToMilliseconds() == 1500


def test_reasons_are_told() -> None:
    full = _detail(status.queue_full("m", "--max-queue", 1), error_details_pb2.ErrorInfo)
    assert (full.reason, dict(full.metadata)) == ("QUEUE_FULL", {"limit": "--max-queue"})
    missing = _detail(status.unimplemented("policy.isolation"), error_details_pb2.ErrorInfo)
    assert (missing.reason, missing.domain) == ("UNIMPLEMENTED", "flytewarm")
    assert dict(missing.metadata) == {"feature": "policy.isolation"}
    broken = _detail(status.failed_precondition("m", "ENVIRONMENT_BROKEN"), error_details_pb2.ErrorInfo)
    assert (broken.reason, broken.domain) == ("ENVIRONMENT_BROKEN", "flytewarm")


def test_long_messages_are_cut_and_say_so() -> None:
    text = "begin " + "x" * 100_000
    error = status.not_found(text)
    cut = re.fullmatch(r"(begin x{100,})\.\.\. \((\d+) characters left out\)", error.message)
    assert cut is not None
    assert len(cut[1]) + int(cut[2]) == len(text)


def test_many_long_violations_are_cut_and_counted() -> None:
    error = status.invalid(Violation(f"field{n}" + "f" * 1000, "d" * 1000) for n in range(100))
    *told, last = _detail(error, error_details_pb2.BadRequest).field_violations
    assert (last.field, last.description) == ("request", f"has {100 - len(told)} more violations")
    assert [one.field[:6] for one in told[:3]] == ["field0", "field1", "field2"]
    assert {one.description.partition("...")[2] != "" for one in told} == {True}


# gRPC refuses larger trailers at random, between 8 and 16 KiB: here always.
_LIMITS = [("grpc.max_metadata_size", 8192), ("grpc.absolute_max_metadata_size", 8192)]


_REFUSALS = Refusals(Metrics().call_refused)


class _Refusing:
    """A servicer that answers everything with one status."""

    def __init__(self, error: CallError) -> None:
        self.error = error

    async def GetCapabilities(self, _request: Message, _context: object) -> Message:  # noqa: N802
        raise self.error


@asynccontextmanager
async def _served(error: CallError) -> AsyncIterator[worker_pool_pb2_grpc.WorkerPoolStub]:
    service = worker_pool_pb2.DESCRIPTOR.services_by_name["WorkerPool"]
    server = aio.server()
    server.add_generic_rpc_handlers(
        [service_handler(service, worker_pool_pb2, _Refusing(error), _REFUSALS, OpenCalls())]
    )
    with tempfile.TemporaryDirectory(prefix="fw-") as directory:
        server.add_insecure_port(f"unix:{directory}/s.sock")
        await server.start()
        async with aio.insecure_channel(f"unix:{directory}/s.sock", options=_LIMITS) as channel:
            yield worker_pool_pb2_grpc.WorkerPoolStub(channel)
        await server.stop(None)


@pytest.mark.parametrize("letter", ["x", "é", "😀", "\n"], ids=["ascii", "two bytes", "four bytes", "line ends"])
async def test_the_largest_status_arrives(letter: str) -> None:
    worst = status.invalid(Violation(letter * 1000, letter * 1000) for _ in range(100))
    async with _served(worst) as stub:
        with pytest.raises(aio.AioRpcError) as failure:
            await stub.GetCapabilities(worker_pool_pb2.GetCapabilitiesRequest())
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT, failure.value.details()
    arrived = rpc_status.from_call(failure.value)
    assert arrived is not None
    assert arrived.SerializeToString() == _status(worst).SerializeToString()
