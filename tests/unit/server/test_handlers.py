"""Methods that answer with a stream, written either way: the client sees the same."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from grpc import aio

from flytewarm_api.v1 import task_executor_pb2, task_executor_pb2_grpc
from flytewarm_server.rpc import status
from flytewarm_server.rpc.handlers import service_handler
from flytewarm_server.rpc.open_calls import OpenCalls
from flytewarm_server.rpc.refusals import Refusals
from flytewarm_server.telemetry.metrics import Metrics

_Request = task_executor_pb2.ExecuteTaskRequest
_Response = task_executor_pb2.ExecuteTaskResponse
_SERVICE = task_executor_pb2.DESCRIPTOR.services_by_name["TaskExecutor"]
_Send = Callable[[_Response], Awaitable[None]]
# What a request asks for, in its id.
_FAIL, _BREAK, _HANG = "fail", "break", "hang"


class _Servicer:
    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def _between(self, request: _Request) -> None:
        if request.execution_id == _FAIL:
            raise status.not_found("nothing here")
        if request.execution_id == _BREAK:
            raise ZeroDivisionError
        if request.execution_id == _HANG:
            await asyncio.Event().wait()


class _Generates(_Servicer):
    async def ExecuteTask(self, request: _Request, _context: Any) -> AsyncGenerator[_Response, None]:  # noqa: N802
        try:
            yield _Response(execution_id="1")
            yield _Response(execution_id="2")
            await self._between(request)
            yield _Response(execution_id="3")
        finally:
            self.left.set()


class _ReturnsTheLast(_Servicer):
    async def ExecuteTask(self, request: _Request, _context: Any, send: _Send) -> _Response:  # noqa: N802
        try:
            await send(_Response(execution_id="1"))
            await send(_Response(execution_id="2"))
            await self._between(request)
        finally:
            self.left.set()
        return _Response(execution_id="3")


@pytest.fixture(params=[_Generates, _ReturnsTheLast])
def servicer(request: pytest.FixtureRequest) -> Any:
    """Made where it is used: its event belongs to a loop."""
    return request.param


class _Client:
    def __init__(self, channel: aio.Channel) -> None:
        self.channel = channel
        self.ExecuteTask: Any = task_executor_pb2_grpc.TaskExecutorStub(channel).ExecuteTask


@contextlib.asynccontextmanager
async def _served(servicer: object, calls: OpenCalls) -> AsyncIterator[_Client]:
    server = aio.server()
    handler = service_handler(_SERVICE, task_executor_pb2, servicer, Refusals(Metrics().call_refused), calls)
    server.add_generic_rpc_handlers([handler])
    with tempfile.TemporaryDirectory(prefix="fw-") as directory:
        server.add_insecure_port(f"unix:{directory}/s.sock")
        await server.start()
        async with aio.insecure_channel(f"unix:{directory}/s.sock") as channel:
            yield _Client(channel)
        await server.stop(None)


async def _read(call: AsyncIterator[_Response], into: list[str]) -> list[str]:
    async for response in call:
        into.append(response.execution_id)
    return into


async def test_all_responses_arrive_in_order(servicer: Any) -> None:
    async with _served(servicer(), OpenCalls()) as stub:
        for _ in range(100):
            assert await _read(stub.ExecuteTask(_Request()), []) == ["1", "2", "3"]


@pytest.mark.parametrize(("ask", "code"), [(_FAIL, grpc.StatusCode.NOT_FOUND), (_BREAK, grpc.StatusCode.INTERNAL)])
async def test_a_status_comes_after_what_was_sent(servicer: Any, ask: str, code: grpc.StatusCode) -> None:
    async with _served(servicer(), OpenCalls()) as stub:
        came: list[str] = []
        with pytest.raises(aio.AioRpcError) as failure:
            await _read(stub.ExecuteTask(_Request(execution_id=ask)), came)
    assert (failure.value.code(), came) == (code, ["1", "2"])


async def test_a_client_that_leaves_ends_the_call(servicer: Any) -> None:
    one, calls = servicer(), OpenCalls()
    async with _served(one, calls) as stub:
        call = stub.ExecuteTask(_Request(execution_id=_HANG))
        # What was sent is there while the call goes on.
        assert [(await call.read()).execution_id for _ in "12"] == ["1", "2"]
        call.cancel()
        await asyncio.wait_for(one.left.wait(), 30)
    await asyncio.wait_for(calls.answered(30), 30)


async def test_what_is_no_request_is_refused(servicer: Any) -> None:
    async with _served(servicer(), OpenCalls()) as stub:
        method = f"/{_SERVICE.full_name}/ExecuteTask"
        with pytest.raises(aio.AioRpcError) as failure:
            await stub.channel.unary_stream(method)(b"\xff").read()
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
