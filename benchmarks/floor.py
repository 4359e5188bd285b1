"""The floor: what a call over gRPC costs when nothing is done with it.

A bare grpc.aio server in a process of its own that answers with the same bytes: a unary call, a stream of one answer,
or a message on a stream that stays open. A service in Python cannot be faster than this; what it needs on
top is its own.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence

import grpc
import grpc.aio

SERVICE = "floor.Echo"
UNARY, STREAM, BIDI = (f"/{SERVICE}/{method}" for method in ("Unary", "Stream", "Bidi"))
MAX_MESSAGE_BYTES = 128 * 1024 * 1024
OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
)
READY = "ready"
STOP_TIMEOUT_S = 10.0
Context = grpc.aio.ServicerContext


@contextlib.contextmanager
def running_floor(targets: Sequence[str]) -> Iterator[int]:
    """Runs the server on some targets, and yields its process id; it has ended when the context has."""
    command = [sys.executable, __file__, *targets]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if process.stdout.readline().strip() != READY:
                raise RuntimeError("the floor's server did not start")
            yield process.pid
        finally:
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_TIMEOUT_S)
            process.kill()  # does nothing to one that has ended


class OpenStream:
    """A bidirectional stream that stays open, as a client has it. Answers come in the order of the messages."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stream = channel.stream_stream(BIDI)()
        self._writing = asyncio.Lock()
        self._waiting: deque[asyncio.Future[bytes]] = deque()
        self._reader = asyncio.create_task(self._read())

    async def echo(self, payload: bytes) -> bytes:
        """Sends a message and waits for its answer."""
        answer = asyncio.get_running_loop().create_future()
        async with self._writing:  # gRPC takes one message at a time
            self._waiting.append(answer)
            await self._stream.write(payload)
        return bytes(await answer)

    async def close(self) -> None:
        """Ends the stream."""
        await self._stream.done_writing()
        await self._reader

    async def _read(self) -> None:
        try:
            async for answer in self._stream:
                self._waiting.popleft().set_result(answer)
        finally:
            for lost in self._waiting:
                lost.set_exception(ConnectionError("the stream has ended"))


async def _unary(request: bytes, _: Context) -> bytes:
    return request


async def _stream(request: bytes, _: Context) -> AsyncIterator[bytes]:
    yield request


async def _bidi(requests: AsyncIterator[bytes], _: Context) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request


async def _serve(targets: Sequence[str]) -> None:
    server = grpc.aio.server(options=OPTIONS)
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(_unary),
        "Stream": grpc.unary_stream_rpc_method_handler(_stream),
        "Bidi": grpc.stream_stream_rpc_method_handler(_bidi),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    for target in targets:
        server.add_insecure_port(target)
    await server.start()
    print(READY, flush=True)
    # Standard input closes when whoever started this ends, however it ends: the server never stays alone.
    closed = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, closed.set)
    await closed.wait()
    await server.stop(grace=None)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1:]))
