"""The life of an execution, as a table."""

from __future__ import annotations

from flytewarm_server.lifecycle import State, Table
from flytewarm_server.messages import execution_pb2


class ExecutionState(State):
    """Values are those of the contract's enum."""

    QUEUED = execution_pb2.EXECUTION_STATE_QUEUED
    STARTING = execution_pb2.EXECUTION_STATE_STARTING
    RUNNING = execution_pb2.EXECUTION_STATE_RUNNING
    SUCCEEDED = execution_pb2.EXECUTION_STATE_SUCCEEDED
    FAILED = execution_pb2.EXECUTION_STATE_FAILED
    CANCELLED = execution_pb2.EXECUTION_STATE_CANCELLED
    TIMED_OUT = execution_pb2.EXECUTION_STATE_TIMED_OUT
    LOST = execution_pb2.EXECUTION_STATE_LOST


_S = ExecutionState
_STOPPED = {_S.CANCELLED, _S.TIMED_OUT}
_ENDED = _STOPPED | {_S.SUCCEEDED, _S.FAILED, _S.LOST}

EXECUTION_TABLE: Table[ExecutionState] = {
    # FAILED straight from the queue: its environment broke.
    _S.QUEUED: frozenset({_S.STARTING, _S.FAILED} | _STOPPED),
    _S.STARTING: frozenset({_S.RUNNING} | _ENDED),
    _S.RUNNING: frozenset(_ENDED),
    **{state: frozenset() for state in _ENDED},
}
