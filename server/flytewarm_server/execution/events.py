"""The ordered events of one execution, released to readers in batches."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable

from flytewarm_server.messages import execution_pb2
from flytewarm_server.timers import Delay

# Events that happen within this time of each other travel in one message, so a quick task costs one message.
COALESCE_SECONDS = 0.01
# A message is closed at this size, well below gRPC's default limit of 4 MiB for a receiver.
BATCH_BYTES = 1 << 20


def without_logs(events: list[execution_pb2.Event]) -> list[execution_pb2.Event]:
    """For a caller who has no use for the log, which the service keeps for others."""
    return [event for event in events if not event.HasField("log")]


class EventLog:
    """Append-only. The event with the outcome closes it."""

    def __init__(self, coalescing: Delay) -> None:
        """`coalescing`: how long events wait for others; of COALESCE_SECONDS, for all logs of a service."""
        self._coalescing = coalescing
        self._events: list[execution_pb2.Event] = []
        self._released = 0
        self._closed = False
        self.bytes = 0
        # The literal map of the outputs where it is large: the outcome's event is without it then.
        self.literals: bytes | None = None
        # Whether events wait for others to be released with.
        self._coalesces = False
        self._listeners: set[Callable[[], None]] = set()

    @property
    def closed(self) -> bool:
        """Whether the outcome is in it."""
        return self._closed

    def append(self, event: execution_pb2.Event, size: int = 0, literals: bytes | None = None) -> None:
        """Adds an event; gives it its sequence number, and the time now if it has none. `size`: its bytes, about, where
        that is known: to find out takes as long as to serialize it. `literals`: see there."""
        if self._closed:
            return
        self._events.append(event)
        event.sequence = len(self._events)
        self.bytes += size or event.ByteSize()
        if not event.HasField("time"):
            # Not GetCurrentTime(), which takes fifty times as long.
            event.time.seconds, event.time.nanos = divmod(time.time_ns(), 1_000_000_000)
        if event.HasField("outcome"):
            self._closed = True
            self.literals = literals
            self._release()
        elif not self._coalesces:
            self._coalesces = True
            self._coalescing.call(self._end_coalescing)

    @property
    def last_sequence(self) -> int:
        """The last event's number; 0 when there is none yet."""
        return len(self._events)

    def outcome(self) -> execution_pb2.Outcome | None:
        """The outcome, once there is one."""
        return self._events[-1].outcome if self._closed else None

    @property
    def released(self) -> int:
        """How many events readers may have now."""
        return self._released

    def listen(self, listener: Callable[[], None]) -> None:
        """Has `listener` called whenever events are released."""
        self._listeners.add(listener)

    def unlisten(self, listener: Callable[[], None]) -> None:
        """Undoes listen()."""
        self._listeners.discard(listener)

    def batches(self, from_sequence: int = 1) -> AsyncIterator[list[execution_pb2.Event]]:
        """The events from a sequence number on, in batches as they are released; ends after the outcome."""
        return _Batches(self, max(from_sequence, 1) - 1)

    def batch(self, position: int) -> list[execution_pb2.Event]:
        """The released events after the first `position`, as far as they fit in one message."""
        if self.bytes <= BATCH_BYTES:
            return self._events[position : self._released]
        batch: list[execution_pb2.Event] = []
        size = 0
        for event in self._events[position : self._released]:
            size += event.ByteSize()
            if self.literals is not None and event.HasField("outcome"):
                size += len(self.literals)
            if batch and size > BATCH_BYTES:
                break
            batch.append(event)
        return batch

    async def more(self) -> None:
        """Waits until events are released."""
        reader = asyncio.get_running_loop().create_future()
        listener = functools.partial(_wake, reader)
        self.listen(listener)
        try:
            await reader
        finally:
            self.unlisten(listener)

    def _end_coalescing(self) -> None:
        self._coalesces = False
        if not self._closed:
            self._release()

    def _release(self) -> None:
        self._released = len(self._events)
        for listener in self._listeners:
            listener()


class _Batches:
    """What one reader has yet to read. A class, as a generator in the way of each request takes longer."""

    def __init__(self, log: EventLog, position: int) -> None:
        self._log = log
        self._position = position

    def __aiter__(self) -> _Batches:
        return self

    async def __anext__(self) -> list[execution_pb2.Event]:
        while self._position >= self._log.released:
            if self._log.closed:
                raise StopAsyncIteration
            await self._log.more()
        batch = self._log.batch(self._position)
        self._position += len(batch)
        return batch


def _wake(reader: asyncio.Future[None]) -> None:
    if not reader.done():
        reader.set_result(None)
