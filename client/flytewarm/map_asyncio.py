"""AsyncExecutor.map over one call: one task takes inputs, one sends them, one receives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from contextlib import suppress
from typing import Any

import grpc

from flytewarm.mapping import MapState
from flytewarm.status import call_error


async def mapped(call: Any, state: MapState, inputs: Iterable[Any] | AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
    """Yields the results of the inputs over a stream-stream call. Closing the generator ends that."""
    transfer = _Transfer(call, state)
    source = aiter(inputs) if isinstance(inputs, AsyncIterable) else _asynchronous(inputs)
    tasks = [asyncio.ensure_future(one) for one in (transfer.take(source), transfer.send(), transfer.receive())]
    try:
        while True:
            transfer.news.clear()
            for result in state.results():
                transfer.room.set()
                yield result
            if state.finished():
                break
            await transfer.news.wait()
        # All is there but the call's end, which follows by itself.
        await asyncio.gather(*tasks)
    finally:
        call.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Transfer:
    """What the tasks of one map do, and what they tell each other."""

    def __init__(self, call: Any, state: MapState) -> None:
        self._call = call
        self._state = state
        # There is something to send, or never will be again.
        self._outgoing = asyncio.Event()
        # Something has become known that the caller waits for.
        self.news = asyncio.Event()
        # The caller has got a result.
        self.room = asyncio.Event()

    async def take(self, source: AsyncIterator[Any]) -> None:
        """Takes inputs as long as there is room."""
        try:
            while True:
                while not self._state.wants_more:
                    self.room.clear()
                    await self.room.wait()
                self._state.take(await anext(source))
                self._outgoing.set()
                if self._state.has_results:
                    self.news.set()
        except StopAsyncIteration:
            self._state.exhaust()
        except BaseException as error:  # the source's own, for which the caller waits until its turn comes
            self._state.exhaust(error)
            if not isinstance(error, Exception):
                # This task's own cancellation perhaps, when the map is closed.
                raise
        finally:
            self._outgoing.set()
            self.news.set()

    async def send(self) -> None:
        """Sends what was taken, as much of it at a time as there is."""
        # Why a call that has ended takes nothing is what receive() finds out, unless gRPC has put INTERNAL in the place
        # of the status because of just this write (grpc/grpc issue 36066).
        with suppress(grpc.RpcError, asyncio.InvalidStateError):
            while True:
                self._outgoing.clear()
                while self._state.messages:
                    await self._call.write(self._state.messages.popleft())
                if self._state.exhausted:
                    break
                await self._outgoing.wait()
            await self._call.done_writing()

    async def receive(self) -> None:
        """Takes in answers."""
        try:
            async for response in self._call:
                self._state.receive(response)
                self.news.set()
            self._state.break_off(None)
        except grpc.RpcError as error:
            self._state.break_off(call_error(error))
        self.news.set()


async def _asynchronous(inputs: Iterable[Any]) -> AsyncIterator[Any]:
    for one in inputs:
        yield one
