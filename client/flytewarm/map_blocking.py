"""Executor.map over one call: inputs are taken and results given on the caller's thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from queue import SimpleQueue
from typing import Any

import grpc

from flytewarm.mapping import MapState
from flytewarm.status import call_error, without_frames
from flytewarm_api.v1 import task_executor_pb2

# A source that takes longer for its next inputs is not waited for with those that are there, in seconds.
_SLOW_SECONDS = 0.001
_Outbox = SimpleQueue[task_executor_pb2.ExecuteTasksRequest | None]
# Responses; the error with which the call has ended; None for its good end.
_Inbox = SimpleQueue[Any]


def mapped(
    start: Callable[[Iterator[task_executor_pb2.ExecuteTasksRequest]], Any], state: MapState, source: Iterator[Any]
) -> Generator[Any, None, None]:
    """Yields the results of `source`'s inputs. `start` begins the call. Closing the generator ends it."""
    outbox: _Outbox = SimpleQueue()
    inbox: _Inbox = SimpleQueue()
    call = start(iter(outbox.get, None))
    # gRPC does not tell whether there is a response, and the caller has inputs to take while there is none.
    reader = threading.Thread(target=_read, args=(call, inbox), name="flytewarm map", daemon=True)
    reader.start()
    try:
        while not state.finished():
            _fill(state, source, outbox, inbox)
            yield from state.results()
            while not inbox.empty() or not (state.has_results or state.wants_more or state.finished()):
                _receive(state, inbox.get())
        # All is there but the call's end, which follows by itself.
        reader.join()
    finally:
        call.cancel()
        outbox.put(None)
        reader.join()
        # For the reason in without_frames(): the error that is raised here has this frame, and the state has the error.
        del call


def _fill(state: MapState, source: Iterator[Any], outbox: _Outbox, inbox: _Inbox) -> None:
    """Takes inputs as long as there is room, and no answer: a source may be slow."""
    was_exhausted, is_first, is_slow = state.exhausted, state.given == 0, False
    while state.wants_more and inbox.empty():
        if is_slow:
            # What was taken shall not wait for what comes next.
            _send(state, outbox)
        asked = time.monotonic()
        try:
            state.take(next(source))
        except StopIteration:
            state.exhaust()
        except Exception as error:  # noqa: BLE001  # the source's own, for which the caller waits until its turn comes
            state.exhaust(error)
        is_slow = is_first or time.monotonic() - asked > _SLOW_SECONDS
        is_first = False
        if len(state.messages) > 1:
            outbox.put(state.messages.popleft())
    _send(state, outbox)
    if state.exhausted and not was_exhausted:
        outbox.put(None)


def _send(state: MapState, outbox: _Outbox) -> None:
    while state.messages:
        outbox.put(state.messages.popleft())


def _receive(state: MapState, response: Any) -> None:
    if isinstance(response, grpc.RpcError):
        state.break_off(call_error(response))
    elif response is None:
        state.break_off(None)
    else:
        state.receive(response)


def _read(call: Any, inbox: _Inbox) -> None:
    try:
        for response in call:
            inbox.put(response)
    except grpc.RpcError as error:
        inbox.put(without_frames(error))
    else:
        inbox.put(None)
