"""The server's side of one worker: its state, its socket, its pipes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog
from flyteidl.core import literals_pb2
from google.protobuf.message import DecodeError

from flytewarm_api.wire import Buffer, holds_only
from flytewarm_api.worker import proc
from flytewarm_api.worker.framing import FrameDecoder, FramingError, encode_frame, encode_header, parts_to_send
from flytewarm_server.execution.execution import Execution
from flytewarm_server.lifecycle import Lifecycle
from flytewarm_server.messages import execution_pb2, frames_pb2, task_executor_pb2
from flytewarm_server.pool.pipes import PipeReaders, line_logger
from flytewarm_server.pool.states import WORKER_TABLE, WorkerState
from flytewarm_server.timers import Countdown

_log = structlog.get_logger(__name__)
Description = asyncio.Future[frames_pb2.WorkerReply]
# What a worker's own outcomes are; all others are the service's to say.
_RESULTS = {
    execution_pb2.EXECUTION_STATE_SUCCEEDED: ("outputs", "futures", "ignored"),
    execution_pb2.EXECUTION_STATE_FAILED: ("error",),
}
_CAUSES = (
    execution_pb2.ERROR_CAUSE_USER,
    execution_pb2.ERROR_CAUSE_USER_RECOVERABLE,
    execution_pb2.ERROR_CAUSE_INPUTS,
    execution_pb2.ERROR_CAUSE_SYSTEM,
)
# What tasks emit; all other events are the service's own, or are not sent as events.
_EVENTS = ("deck", "metric")
# How many times a worker's pipes are read, at most, before it is known to be ready, for what it begins then.
_MOST_EARLY = 16
# What a frame may hold beside the event that is sent on, in bytes.
_FRAME_MARGIN = 1 << 20


@dataclass(frozen=True)
class EventLimits:
    """The largest event that can be sent on, and the largest text of an error and deck that are; in bytes, 0 for no
    other limit than that of events."""

    event: int
    error: int = 0
    deck: int = 0


class _JunkError(Exception):
    """A reply that a worker cannot have sent now."""


class WorkerOwner(Protocol):
    """Who is told of a worker's doings."""

    def worker_ready(self, worker: Worker, ready: frames_pb2.WorkerReady) -> None:
        """It can take a request, or must be ended or replaced for the reason given."""

    def worker_outcome(
        self, worker: Worker, execution: Execution, outcome: execution_pb2.Outcome, *, alone: bool
    ) -> None:
        """Its execution has ended; `alone`: and can have left nothing that writes."""

    def worker_gone(self, worker: Worker) -> None:
        """Its socket has closed, or has brought junk: the process has ended, or must."""


class Worker(asyncio.Protocol):
    """One worker. The fork itself is its zygote's; `pid` is 0 until that has reported it."""

    def __init__(
        self,
        name: str,
        owner: WorkerOwner,
        limits: EventLimits,
        on_change: Callable[[Worker, WorkerState | None, WorkerState], None],
        restore_seconds: float,
        on_restore_timeout: Callable[[Worker], None],
    ) -> None:
        """`on_restore_timeout` is called when it is not ready again `restore_seconds` after an outcome."""
        self.name = name
        self.pid = 0
        self.executions = 0
        # The level of nesting of what it has or had last, and since when it idles, in the event loop's time.
        self.level = 0
        self.idle_since = 0.0
        # Whether nothing of anybody has run in it.
        self.fresh = True
        self.execution: Execution | None = None
        # What it begins as soon as it is ready again. Until then that waits for a worker, as all others do.
        self.next: Execution | None = None
        # From an execution's outcome until it is ready again.
        self.restoring = Countdown(restore_seconds, partial(on_restore_timeout, self))
        # Whether its environment sees to its end already, and why it came to that (Metrics.worker_exited).
        self.burying = False
        self.end_reason = "lost"
        # How its process ended, as the zygote reported it: an exit status or a negative signal number.
        self.exit_status: int | None = None
        # Of its process once that has ended, in bytes; 0 for unknown.
        self.peak_memory = 0
        # What it had when it was ready for the first time, in bytes, with what a fork shares; 0 for unknown.
        self.first_memory = 0
        self.exited = asyncio.get_running_loop().create_future()
        self._fault = ""
        # Why it could not start, if it has told.
        self.start_fault = ""
        self._owner = owner
        self._limits = limits
        self._lifecycle = Lifecycle(f"worker {name}", WORKER_TABLE, WorkerState.STARTING, partial(on_change, self))
        self._decoder = FrameDecoder(limits.event + _FRAME_MARGIN)
        self._transport: asyncio.WriteTransport | None = None
        self._description: Description | None = None
        # An outcome whose outputs are to follow, and its size.
        self._begun: tuple[frames_pb2.WorkerReply, int] | None = None
        self._pipes = PipeReaders()
        self._written_early: list[tuple[execution_pb2.LogStream, bytes]] = []

    @property
    def state(self) -> WorkerState:
        """The state now."""
        return self._lifecycle.state

    @property
    def busy(self) -> bool:
        """Whether it has an execution or a description."""
        return self.state is WorkerState.BUSY

    @property
    def spent(self) -> bool:
        """Whether it ends with the execution that it has."""
        return self.busy and self.execution is not None and self.execution.request.own_process

    @property
    def ending(self) -> str:
        """How its process ended, to follow its name in a sentence."""
        if self._fault:
            return f"was killed because something else wrote to its control socket ({self._fault})"
        if self.start_fault:
            return f"could not start: {self.start_fault}"
        if self.exit_status is None:
            return "ended in an unknown way"
        if self.exit_status < 0:
            return f"was killed by {signal.Signals(-self.exit_status).name}"
        return f"exited with status {self.exit_status}"

    async def open(self) -> list[int]:
        """Makes the socket and pipes; returns the worker's ends, which the caller hands to the zygote and closes."""
        local, remote = socket.socketpair()
        ends = [remote.detach()]
        for stream in (execution_pb2.LOG_STREAM_STDOUT, execution_pb2.LOG_STREAM_STDERR):
            read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
            ends.append(write_fd)
            self._pipes.add(read_fd, self._writer(stream))
        await asyncio.get_running_loop().connect_accepted_socket(lambda: self, local)
        return ends

    def execute(self, execution: Execution) -> None:
        """Hands an execution over, which begins at once."""
        self._hand_over(execution)
        self._begin(execution)

    def execute_next(self, execution: Execution) -> None:
        """Hands an execution over while this puts its process back after another one. The caller has it begin once this
        is ready again, or ends this one's process."""
        self.next = execution
        self._hand_over(execution)

    def begin_next(self) -> None:
        """It is ready, and so has begun what it was handed before."""
        execution, self.next = self.next, None
        assert execution is not None
        self._begin(execution)
        written, self._written_early = self._written_early, []
        for stream, data in written:
            execution.write(stream, data)

    def _begin(self, execution: Execution) -> None:
        self.level = execution.level
        if self.state is WorkerState.IDLE:
            # Otherwise it was told to end, too late.
            self._lifecycle.move(WorkerState.BUSY)
        self.fresh = False
        self.execution = execution
        execution.starting()
        execution.running(self.name, warm=self.executions > 0)
        self.executions += 1

    def _hand_over(self, execution: Execution) -> None:
        request = execution.request
        self._send(
            frames_pb2.WorkerRequest(
                execute=frames_pb2.Execute(
                    execution_id=execution.id,
                    command=request.command,
                    dry_run=request.dry_run,
                    max_event_bytes=self._limits.event,
                    max_error_bytes=self._limits.error,
                    max_deck_bytes=self._limits.deck,
                    template_task=request.template_task,
                    literals_bytes=len(request.literals) if request.literals is not None else 0,
                )
            ),
            request.parts(),
        )

    def describe(self, request: task_executor_pb2.DescribeTaskRequest, description: Description, level: int) -> None:
        """Asks for a task's description, which becomes the result of `description`."""
        self.level = level
        self._lifecycle.move(WorkerState.BUSY)
        self.fresh = False
        self._description = description
        self._send(frames_pb2.WorkerRequest(describe=request))

    def describes(self, description: Description) -> bool:
        """Whether it is busy with this description."""
        return self._description is description

    def retire(self) -> None:
        """No more work for it; the caller ends the process."""
        if self.state not in (WorkerState.RETIRING, WorkerState.DEAD):
            self._lifecycle.move(WorkerState.RETIRING)

    def dead(self, status: int | None) -> None:
        """Its process has ended."""
        self.exit_status = status
        self.restoring.close()
        if not self.exited.done():
            self.exited.set_result(status)
        if self.state is not WorkerState.DEAD:
            self._lifecycle.move(WorkerState.DEAD)
        self.close()

    def close(self) -> None:
        """Closes socket and pipes after reading what is left in the pipes."""
        if self._transport is not None:
            self._transport.close()
        self._pipes.close()
        if self._description is not None and not self._description.done():
            self._description.set_exception(ConnectionError(f"worker {self.name} ended"))

    def drain_output(self) -> None:
        """Reads what the task wrote so far."""
        self._pipes.drain()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes from the worker."""
        if self.burying or (self.state is WorkerState.RETIRING and not self._is_expected):
            # It is being killed; what it was handed ahead, and may have begun, has been ended.
            return
        try:
            for payload in self._decoder.feed(data):
                self._take(payload)
        except (FramingError, DecodeError, _JunkError) as error:
            # The task, or a process that it forked, wrote to our socket: nothing from it can be trusted any more.
            self._fault = str(error)
            _log.error("worker sent junk", worker=self.name, pid=self.pid, reason=self._fault)
            self._owner.worker_gone(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """The socket has closed."""
        self._transport = None
        self._owner.worker_gone(self)

    @property
    def _is_expected(self) -> bool:
        """Whether it has anything left to tell."""
        return not (self.execution is None and self.next is None and self._description is None)

    def _take(self, payload: bytes) -> None:
        if self._begun is not None:
            (reply, size), self._begun = self._begun, None
            _check_literals(payload)
            self._outcome(reply, size + len(payload), payload)
            return
        reply = frames_pb2.WorkerReply.FromString(payload)
        if reply.literals_follow:
            if self.execution is None or reply.outcome.WhichOneof("result") != "outputs":
                raise _JunkError("literals, without an outcome that has outputs")
            if reply.outcome.outputs.HasField("literals"):
                raise _JunkError("literals, for outputs that have some")
            _check_outcome(reply.outcome)
            self._begun = reply, len(payload)
            return
        self._dispatch(reply, len(payload))

    def _dispatch(self, reply: frames_pb2.WorkerReply, size: int) -> None:
        kind = reply.WhichOneof("reply")
        if kind == "event":
            _check_event(reply.event)
            # A thread that the task left may be a little late.
            if self.execution is not None:
                self.drain_output()
                self.execution.event(reply.event)
        elif kind == "outcome":
            self._outcome(reply, size)
        elif kind == "ready":
            if self.execution is not None:
                raise _JunkError("ready, without an outcome")
            if self.pid not in (0, reply.ready.pid):
                raise _JunkError(f"ready, as another process ({reply.ready.pid})")
            self.pid = reply.ready.pid
            self._ready(reply.ready)
        elif kind == "start_failed" and self.state is WorkerState.STARTING:
            self.start_fault = reply.start_failed
        elif kind in ("described", "describe_failed") and self._description is not None:
            if not self._description.done():
                self._description.set_result(reply)
        else:
            raise _JunkError(f"{kind or 'an empty reply'}, which nobody asked for")

    def _outcome(self, reply: frames_pb2.WorkerReply, size: int, literals: bytes | None = None) -> None:
        _check_outcome(reply.outcome)
        # The worker flushed before it answered: what the task wrote is in the pipes now.
        self.drain_output()
        execution, self.execution = self.execution, None
        if execution is None:
            raise _JunkError("an outcome, which nobody asked for")
        execution.outcome_bytes, execution.literals = size, literals
        self._owner.worker_outcome(self, execution, reply.outcome, alone=reply.alone)

    def _ready(self, ready: frames_pb2.WorkerReady) -> None:
        if self.next is None:
            self.drain_output()
        self._description = None
        if self.state is WorkerState.STARTING:
            with contextlib.suppress(OSError):
                self.first_memory = proc.own_memory_bytes(proc.of(self.pid))
        if self.state in (WorkerState.STARTING, WorkerState.BUSY):
            self._lifecycle.move(WorkerState.IDLE)
            self.idle_since = asyncio.get_running_loop().time()
        self._owner.worker_ready(self, ready)

    def _send(self, request: frames_pb2.WorkerRequest, attached: Sequence[Buffer] = ()) -> None:
        """Sends a request, and with it, in a frame of its own, what may be large."""
        if self._transport is None:
            return
        frame = encode_frame(request.SerializeToString())
        if attached:
            frame += encode_header(sum(map(len, attached)))
        for part in parts_to_send([frame, *attached]):
            # A view: what does not fit in the socket's buffer is not copied twice.
            self._transport.write(memoryview(part))

    def _writer(self, stream: execution_pb2.LogStream) -> Callable[[bytes], None]:
        log = line_logger("worker output", worker=self.name)

        def write(data: bytes) -> None:
            if self.execution is not None:
                self.execution.write(stream, data)
            elif self.next is not None:
                # It has begun that, and told so over the socket, which is read later. More than a little is of
                # something else: that it is ready can be read by then.
                if len(self._written_early) < _MOST_EARLY:
                    self._written_early.append((stream, data))
            elif self.executions == 0:
                # Why it does not start, perhaps. Output between executions belongs to none of them.
                log(data)

        return write


def _check_event(event: execution_pb2.Event) -> None:
    kind = event.WhichOneof("kind")
    if kind not in _EVENTS:
        raise _JunkError(f"an event with {kind or 'nothing'}")


def _check_literals(literals: bytes) -> None:
    """They are put into messages that others get as well: a map, and no other frame. Raises DecodeError."""
    if holds_only(literals, literals_pb2.LiteralMap.LITERALS_FIELD_NUMBER):
        return
    # Damaged, another frame, or with more outputs than are looked through.
    parsed = literals_pb2.LiteralMap.FromString(literals)
    parsed.DiscardUnknownFields()
    if parsed.ByteSize() != len(literals):
        raise _JunkError("literals that are no map")


def _check_outcome(outcome: execution_pb2.Outcome) -> None:
    result = outcome.WhichOneof("result")
    if result not in _RESULTS.get(outcome.state, ()):
        raise _JunkError(f"an outcome in state {outcome.state} with {result or 'no result'}")
    if result == "error" and outcome.error.cause not in _CAUSES:
        raise _JunkError(f"an error with the cause {outcome.error.cause}")
