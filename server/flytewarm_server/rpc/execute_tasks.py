"""ExecuteTasks: many executions over one stream, with two asyncio tasks for all of them together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import grpc

from flytewarm_server.execution.events import BATCH_BYTES, without_logs
from flytewarm_server.execution.execution import Execution
from flytewarm_server.execution.request import ValidRequest
from flytewarm_server.messages import status_pb2, task_executor_pb2
from flytewarm_server.rpc.handlers import internal
from flytewarm_server.rpc.large_outputs import fill_in
from flytewarm_server.rpc.status import CallError

_Validate = Callable[[task_executor_pb2.ExecuteTaskRequest], Awaitable[ValidRequest]]
# What an answer has around its events, in bytes: number, id, and their tags.
_ENVELOPE = 256
# While others wait for the workers, answers wait for so many more, as a share of those others; but not for longer than
# this, in seconds. A message costs about as much as a quick task, on both sides, whatever is in it.
_HELD_SHARE = 4
_HELD_SECONDS = 0.005
_NO_REFUSAL = status_pb2.Status()
# What the stream's decoder gives: bytes that are no message are a status (handlers.py).
_Messages = AsyncIterator[task_executor_pb2.ExecuteTasksRequest | CallError]


@dataclass(frozen=True)
class StreamLimits:
    """What one stream may take. `executions`: requests without their final answer, from which on no more are read.
    `message_bytes`: the largest message that may be sent."""

    executions: int
    message_bytes: int

    @property
    def answer_bytes(self) -> int:
        """The most that answers to several requests may have in one message."""
        return min(BATCH_BYTES, self.message_bytes)


class ExecutionStream:
    """The requests of one stream that are without their final answer. Lives on the server's event loop."""

    def __init__(
        self,
        validate: _Validate,
        accept: Callable[[ValidRequest], Execution],
        left: Callable[[Execution], None],
        limits: StreamLimits,
        on_refusal: Callable[[CallError], None],
        waiting: Callable[[], int],
    ) -> None:
        """`validate` and `accept` raise CallError, of which `on_refusal` is told; `left` is told of each execution that
        the stream watches no more; `waiting` tells how many executions wait for a worker."""
        self._on_refusal = on_refusal
        self._validate = validate
        self._accept = accept
        self._left = left
        self._limits = limits
        self._count = 0
        self._open: set[_Item] = set()
        # Those with something to tell, each once.
        self._ready: deque[_Item] = deque()
        self._news = asyncio.Event()
        self._waiting = waiting
        # Sends those that are held back; None while there is none, or enough of them.
        self._held: asyncio.TimerHandle | None = None
        self._room = asyncio.Event()

    async def answers(self, messages: _Messages) -> AsyncGenerator[task_executor_pb2.ExecuteTasksResponse, None]:
        """Accepts what comes and yields answers, until the client has half-closed and everything is answered."""
        reader = asyncio.ensure_future(self._read(messages))
        reader.add_done_callback(lambda _: self._news.set())
        try:
            while True:
                self._news.clear()
                self._hold_no_more()
                while self._ready:
                    response, ended = self._response()
                    if response.answers:
                        yield response
                    # Not before: a client that does not read must not be sent ever more.
                    self._close(ended)
                if reader.done():
                    reader.result()
                    if not self._open:
                        return
                await self._news.wait()
        finally:
            reader.cancel()
            self._hold_no_more()
            self._close(list(self._open))
            await asyncio.gather(reader, return_exceptions=True)

    def tell(self, item: _Item) -> None:
        """One of the requests has something to tell."""
        if not item.listed:
            item.listed = True
            self._ready.append(item)
            if len(self._ready) >= self._waiting() // _HELD_SHARE:
                self._news.set()
            elif self._held is None:
                self._held = asyncio.get_running_loop().call_later(_HELD_SECONDS, self._news.set)

    def _hold_no_more(self) -> None:
        if self._held is not None:
            self._held.cancel()
            self._held = None

    async def _read(self, messages: _Messages) -> None:
        async for message in messages:
            if isinstance(message, CallError):
                raise message
            for request in message.executions:
                await self._vacancy(self._limits.executions)
                await self._take(request)

    async def _take(self, request: task_executor_pb2.ExecuteTaskRequest) -> None:
        self._count += 1
        try:
            execution = await self._accepted(await self._validate(request))
        except CallError as error:
            self._on_refusal(error)
            item = _Item(self, self._count, None, error.status())
        except Exception as error:  # noqa: BLE001  # our own faults must not end what other requests wait for
            item = _Item(self, self._count, None, internal(error).status())
        else:
            item = _Item(self, self._count, execution, omits_logs=request.events.omit_logs)
        self._open.add(item)
        item.begin()

    async def _accepted(self, request: ValidRequest) -> Execution:
        while True:
            try:
                return self._accept(request)
            except CallError as error:
                if error.code is not grpc.StatusCode.RESOURCE_EXHAUSTED or not self._open:
                    raise
            # Each of the stream's own executions that ends has left the queue.
            await self._vacancy(len(self._open))

    async def _vacancy(self, most: int) -> None:
        """Returns once fewer than `most` requests are open."""
        while len(self._open) >= most:
            self._room.clear()
            await self._room.wait()

    def _response(self) -> tuple[task_executor_pb2.ExecuteTasksResponse, list[_Item]]:
        """What there is to tell, as far as it fits in one message; and the requests that are answered with it."""
        response = task_executor_pb2.ExecuteTasksResponse()
        ended = []
        size = 0
        for _ in range(len(self._ready)):
            item = self._ready[0]
            if size and size + item.size > self._limits.answer_bytes:
                break
            self._ready.popleft()
            item.listed = False
            size += item.size
            answer = response.answers.add()
            if item.answer(answer):
                ended.append(item)
            elif not answer.events:
                del response.answers[-1]
        return response, ended

    def _close(self, items: list[_Item]) -> None:
        for item in items:
            self._open.discard(item)
            item.end()
            if item.execution is not None:
                self._left(item.execution)
        if items:
            self._room.set()


class _Item:
    """One request of a stream: its execution, or why there is none."""

    __slots__ = ("_named", "_number", "_omits_logs", "_position", "_refusal", "_stream", "execution", "listed")

    def __init__(
        self,
        stream: ExecutionStream,
        number: int,
        execution: Execution | None,
        refusal: status_pb2.Status = _NO_REFUSAL,
        *,
        omits_logs: bool = False,
    ) -> None:
        self._stream = stream
        self._omits_logs = omits_logs
        # Whether its execution's id has been told.
        self._named = False
        self._number = number
        self._refusal = refusal
        # How many events have been told.
        self._position = 0
        self.execution = execution
        # Whether it is among those with something to tell.
        self.listed = False

    @property
    def size(self) -> int:
        """An upper bound for the bytes of the next answer, as long as all that it has to tell fits in a message."""
        told = self._refusal.ByteSize() if self.execution is None else self.execution.log.bytes
        return told + _ENVELOPE

    def begin(self) -> None:
        """Tells what there is already, and from now on what comes."""
        if self.execution is None:
            self._tell()
            return
        self.execution.watchers += 1
        self.execution.log.listen(self._tell)
        if self.execution.log.released:
            self._tell()

    def end(self) -> None:
        """Tells nothing more."""
        if self.execution is not None:
            self.execution.watchers -= 1
            self.execution.log.unlisten(self._tell)

    def answer(self, answer: task_executor_pb2.TaskAnswer) -> bool:
        """Fills in the next answer. Returns whether it is the final one."""
        answer.request_number = self._number
        if self.execution is None:
            answer.refused.CopyFrom(self._refusal)
            return True
        log = self.execution.log
        events = log.batch(self._position)
        answer.events.extend(without_logs(events) if self._omits_logs else events)
        if events and events[-1].HasField("outcome"):
            fill_in(log.literals, answer.events[-1].outcome)
        self._position += len(events)
        if not self._named and answer.events:
            self._named = True
            answer.execution_id = self.execution.id
        if self._position < log.released:
            self._tell()
        return log.closed and self._position == log.last_sequence

    def _tell(self) -> None:
        self._stream.tell(self)
