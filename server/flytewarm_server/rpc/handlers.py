"""Services from their descriptors: every handler decodes safely, answers with statuses, and never leaks a traceback."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from types import ModuleType
from typing import Any, TypeAlias, TypeVar

import grpc
import structlog
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message

from flytewarm_server.rpc.open_calls import OpenCalls
from flytewarm_server.rpc.refusals import Refusals
from flytewarm_server.rpc.status import CallError, Violation, invalid, unimplemented

_log = structlog.get_logger(__name__)
_Method = TypeVar("_Method", bound=Callable[..., Any])
# The attribute of a method that has its decoder.
_DECODER = "decode_request"
_Context = Any  # grpc.aio.ServicerContext
_MethodHandler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_ServiceHandler: TypeAlias = "grpc.GenericRpcHandler[Any, Any]"
_Unary = Callable[[Any, _Context], Awaitable[Message | bytes]]
_End = Callable[[_Context, CallError], Awaitable[None]]
_Stream = Callable[[Any, _Context], AsyncGenerator[Message | bytes, None]]
_Send = Callable[[Message], Awaitable[None]]
_Last = Callable[[Any, _Context, _Send], Awaitable[Message | bytes]]


def service_handler(
    service: ServiceDescriptor, messages: ModuleType, servicer: object, refusals: Refusals, calls: OpenCalls
) -> grpc.GenericRpcHandler[Any, Any]:
    """Serves each method of `service` by the method of `servicer` with its name; methods it lacks are UNIMPLEMENTED.

    `messages` is the generated module with the service's messages. A method that answers one request with a stream is
    an asynchronous generator, or a coroutine with one more parameter, a function that sends a response: what it returns
    is the last one, and goes out in one piece with the status, which saves both sides a wake-up. A response may also be
    bytes, and a method may have a decoder of its own (decoded_by). A method raises
    CallError for a status, of which `refusals` take note, and of each call `calls` do.
    """
    handlers = {method.name: _method_handler(method, messages, servicer, refusals, calls) for method in service.methods}
    return grpc.method_handlers_generic_handler(service.full_name, handlers)


def _method_handler(
    method: MethodDescriptor, messages: ModuleType, servicer: object, refusals: Refusals, calls: OpenCalls
) -> _MethodHandler:
    behaviour = getattr(servicer, method.name, None) or _missing(method)
    message_class = getattr(messages, method.input_type.name)
    decode = _decoder(message_class, getattr(behaviour, _DECODER, message_class.FromString))
    end = partial(_abort, refusals, method.name)
    if method.client_streaming:
        return grpc.stream_stream_rpc_method_handler(_guard_stream(behaviour, end, calls), decode, encode)
    if method.server_streaming and inspect.iscoroutinefunction(behaviour):
        # On the wire nothing tells a call with one response from a stream of one.
        return grpc.unary_unary_rpc_method_handler(_guard_unary(_with_send(behaviour), end, calls), decode, encode)
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(_guard_stream(behaviour, end, calls), decode, encode)
    return grpc.unary_unary_rpc_method_handler(_guard_unary(behaviour, end, calls), decode, encode)


def _missing(method: MethodDescriptor) -> Any:
    async def unary(_request: Any, _context: _Context) -> Message:
        raise unimplemented(method.full_name)

    async def stream(_request: Any, _context: _Context) -> AsyncGenerator[Message, None]:
        raise unimplemented(method.full_name)
        yield  # makes this a generator, as streaming behaviours are

    return stream if method.server_streaming else unary


def decoded_by(decode: Callable[[bytes], Any]) -> Callable[[_Method], _Method]:
    """Has a method's requests decoded by `decode`, which raises DecodeError, and not as their message alone."""

    def decorate(method: _Method) -> _Method:
        setattr(method, _DECODER, decode)
        return method

    return decorate


def _decoder(message_class: type[Message], decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """gRPC answers INTERNAL when a decoder raises; so the fault is handed on as a value."""

    def decode_or_tell(data: bytes) -> Any:
        try:
            return decode(data)
        except DecodeError as error:
            name = message_class.DESCRIPTOR.full_name
            return invalid([Violation("request", f"{len(data)} bytes are not a {name}: {error}")])

    return decode_or_tell


def encode(response: Message | bytes) -> bytes:
    """The bytes of a response, which may be encoded already."""
    return response if isinstance(response, bytes) else response.SerializeToString()


def _guard_unary(behaviour: _Unary, end: _End, calls: OpenCalls) -> _Unary:
    async def guarded(request: Any, context: _Context) -> Message | bytes:
        with calls.call():
            try:
                return await behaviour(_decoded(request), context)
            except CallError as error:
                await end(context, error)
            except Exception as error:  # noqa: BLE001  # the boundary: our own faults are INTERNAL
                await end(context, internal(error))
            raise AssertionError("abort does not return")

    return guarded


def _with_send(behaviour: _Last) -> _Unary:
    async def last(request: Any, context: _Context) -> Message | bytes:
        async def send(response: Message) -> None:
            # In a call with one response gRPC encodes that one alone.
            await context.write(encode(response))

        return await behaviour(request, context, send)

    return last


def _guard_stream(behaviour: _Stream, end: _End, calls: OpenCalls) -> Callable[[Any, _Context], Awaitable[None]]:
    # Writes by itself: gRPC would go through one more generator for each message.
    async def guarded(request: Any, context: _Context) -> None:
        with calls.call():
            try:
                async with contextlib.aclosing(behaviour(_decoded(request), context)) as responses:
                    async for response in responses:
                        await context.write(response)
            except CallError as error:
                await end(context, error)
            except Exception as error:  # noqa: BLE001  # the boundary: our own faults are INTERNAL
                await end(context, internal(error))

    return guarded


def _decoded(request: Any) -> Any:
    if isinstance(request, CallError):
        raise request
    return request


def internal(error: Exception) -> CallError:
    """INTERNAL for a fault of ours, which goes to the log."""
    _log.error("a handler failed", exc_info=error)
    return CallError(grpc.StatusCode.INTERNAL, f"{type(error).__name__} in the service; its log has the details")


async def _abort(refusals: Refusals, method: str, context: _Context, error: CallError) -> None:
    refusals.note(method, error, context)
    await context.abort(error.code, error.message, error.trailing_metadata())
