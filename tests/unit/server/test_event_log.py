"""The event log: order, release in batches, readers that come early and late."""

from __future__ import annotations

import asyncio
import time

from flytewarm_server.execution.events import COALESCE_SECONDS, EventLog
from flytewarm_server.messages import execution_pb2
from flytewarm_server.timers import Delay

MEBIBYTE = 1 << 20


def _text(text: str) -> execution_pb2.Event:
    return execution_pb2.Event(log=execution_pb2.Log(stream=execution_pb2.LOG_STREAM_STDOUT, text=text))


def _outcome() -> execution_pb2.Event:
    return execution_pb2.Event(outcome=execution_pb2.Outcome(state=execution_pb2.EXECUTION_STATE_SUCCEEDED))


async def _read(log: EventLog, from_sequence: int = 1) -> list[list[execution_pb2.Event]]:
    return [batch async for batch in log.batches(from_sequence)]


def _sequences(batches: list[list[execution_pb2.Event]]) -> list[list[int]]:
    return [[event.sequence for event in batch] for batch in batches]


async def test_sequences_have_no_gaps_and_times_are_filled_in() -> None:
    log, before = EventLog(Delay(COALESCE_SECONDS)), time.time_ns()
    given = _text("b")
    given.time.FromJsonString("2001-02-03T04:05:06.007Z")
    log.append(_text("a"))
    log.append(given)
    log.append(_outcome())
    ((first, second, last),) = await _read(log)
    assert [first.sequence, second.sequence, last.sequence] == [1, 2, 3]
    assert before <= first.time.ToNanoseconds() <= last.time.ToNanoseconds() <= time.time_ns()
    assert second.time.ToJsonString() == "2001-02-03T04:05:06.007Z"


async def test_events_of_one_moment_travel_together() -> None:
    log = EventLog(Delay(COALESCE_SECONDS))
    reader = log.batches()
    waiting = asyncio.ensure_future(anext(reader))
    begin = time.monotonic()
    log.append(_text("a"))
    log.append(_text("b"))
    batch = await waiting
    assert [event.log.text for event in batch] == ["a", "b"]
    # The loop's clock may run a timer its own resolution early.
    assert time.monotonic() - begin >= COALESCE_SECONDS * 0.9
    log.append(_text("c"))
    assert [event.log.text for event in await anext(reader)] == ["c"]


async def test_an_outcome_is_released_at_once_with_what_came_before() -> None:
    log = EventLog(Delay(COALESCE_SECONDS))
    log.append(_text("a"))
    assert not log.closed
    assert log.outcome() is None
    log.append(_outcome())
    # Closed by the append itself: a reader has everything without another turn of the loop's timers.
    reader = log.batches()
    assert [event.WhichOneof("kind") for event in await anext(reader)] == ["log", "outcome"]
    assert log.closed
    assert log.outcome() == _outcome().outcome


async def test_a_waiting_reader_is_woken_by_the_outcome() -> None:
    log = EventLog(Delay(COALESCE_SECONDS))
    readers = [asyncio.ensure_future(_read(log)) for _ in range(3)]
    await asyncio.sleep(0)
    log.append(_outcome())
    assert [_sequences(await reader) for reader in readers] == [[[1]]] * 3


async def test_a_late_reader_sees_everything_and_any_part_of_it() -> None:
    log = EventLog(Delay(COALESCE_SECONDS))
    for text in "abc":
        log.append(_text(text))
    log.append(_outcome())
    assert _sequences(await _read(log)) == [[1, 2, 3, 4]]
    assert _sequences(await _read(log)) == [[1, 2, 3, 4]]
    assert _sequences(await _read(log, from_sequence=3)) == [[3, 4]]
    assert _sequences(await _read(log, from_sequence=4)) == [[4]]
    assert _sequences(await _read(log, from_sequence=5)) == []


async def test_a_reader_may_begin_with_an_event_to_come() -> None:
    log = EventLog(Delay(COALESCE_SECONDS))
    reader = asyncio.ensure_future(_read(log, from_sequence=3))
    for text in "abc":
        log.append(_text(text))
    log.append(_outcome())
    assert _sequences(await reader) == [[3, 4]]


async def test_nothing_follows_the_outcome() -> None:
    log = EventLog(Delay(COALESCE_SECONDS))
    log.append(_outcome())
    log.append(_text("late"))
    log.append(_outcome())
    assert _sequences(await _read(log)) == [[1]]


async def test_batches_are_bounded_in_bytes() -> None:
    log = EventLog(Delay(COALESCE_SECONDS))
    sizes = [600_000, 300_000, 300_000, 3 * MEBIBYTE, 10, 10]
    for size in sizes:
        log.append(_text("x" * size))
    log.append(_outcome())
    batches = await _read(log)
    # One event over the bound travels alone: events are not cut here.
    assert _sequences(batches) == [[1, 2], [3], [4], [5, 6, 7]]
    for batch in batches:
        assert len(batch) == 1 or sum(event.ByteSize() for event in batch) <= MEBIBYTE


async def test_a_cancelled_reader_leaves_the_others_alone() -> None:
    log = EventLog(Delay(COALESCE_SECONDS))
    leaving, staying = asyncio.ensure_future(_read(log)), asyncio.ensure_future(_read(log))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    log.append(_outcome())
    assert leaving.cancelled()
    assert _sequences(await staying) == [[1]]
