"""Executions pipelined over one ExecuteTasks stream, as Executor.map does it."""

import asyncio
import contextlib
from collections.abc import Iterator
from types import TracebackType

import grpc
import grpc.aio

from addition import check, request
from flytewarm_api.v1.execution_pb2 import Event
from flytewarm_api.v1.task_executor_pb2 import ExecuteTasksRequest
from flytewarm_api.v1.task_executor_pb2_grpc import TaskExecutorStub


class Pipeline:
    """One open stream; each call is an execution of its own. What is asked for at once travels in one message."""

    def __init__(self, stub: TaskExecutorStub) -> None:
        self._stub = stub
        self._request = request()
        self._request.events.omit_progress = True
        # By the request's number: the first of a stream is 1.
        self._waiting: dict[int, asyncio.Future[Event]] = {}
        self._count = self._unsent = 0
        self._wanted = asyncio.Event()

    async def __aenter__(self) -> "Pipeline":
        self._stream = self._stub.ExecuteTasks()
        self._tasks = [asyncio.create_task(work) for work in (self._write(), self._read())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def call(self) -> None:
        """Sends an execution, and waits for its outcome."""
        self._count += 1
        self._unsent += 1
        self._wanted.set()
        outcome = self._waiting[self._count] = asyncio.get_running_loop().create_future()
        check(await outcome)

    async def _write(self) -> None:
        with self._telling_all():
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                count, self._unsent = self._unsent, 0
                await self._stream.write(ExecuteTasksRequest(executions=[self._request] * count))

    async def _read(self) -> None:
        with self._telling_all():
            async for response in self._stream:
                for answer in response.answers:
                    self._waiting.pop(answer.request_number).set_result(answer.events[-1])
            raise ConnectionError("the stream has ended")

    @contextlib.contextmanager
    def _telling_all(self) -> Iterator[None]:
        """Whoever waits is told what has ended the stream."""
        try:
            yield
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, ConnectionError, KeyError, IndexError) as error:
            waiting, self._waiting = self._waiting, {}
            for outcome in waiting.values():
                outcome.set_exception(error)
