"""The lives of workers and environments, as tables."""

from __future__ import annotations

from flytewarm_server.lifecycle import State, Table
from flytewarm_server.messages import worker_pool_pb2


class WorkerState(State):
    """Values are those of the contract's enum."""

    STARTING = worker_pool_pb2.WORKER_STATE_STARTING
    IDLE = worker_pool_pb2.WORKER_STATE_IDLE
    BUSY = worker_pool_pb2.WORKER_STATE_BUSY
    RETIRING = worker_pool_pb2.WORKER_STATE_RETIRING
    DEAD = worker_pool_pb2.WORKER_STATE_DEAD


class EnvironmentState(State):
    """Values are those of the contract's enum."""

    LOADING = worker_pool_pb2.ENVIRONMENT_STATE_LOADING
    READY = worker_pool_pb2.ENVIRONMENT_STATE_READY
    DRAINING = worker_pool_pb2.ENVIRONMENT_STATE_DRAINING
    GONE = worker_pool_pb2.ENVIRONMENT_STATE_GONE
    BROKEN = worker_pool_pb2.ENVIRONMENT_STATE_BROKEN


_W = WorkerState
WORKER_TABLE: Table[WorkerState] = {
    _W.STARTING: frozenset({_W.IDLE, _W.RETIRING, _W.DEAD}),
    _W.IDLE: frozenset({_W.BUSY, _W.RETIRING, _W.DEAD}),
    _W.BUSY: frozenset({_W.IDLE, _W.RETIRING, _W.DEAD}),
    _W.RETIRING: frozenset({_W.DEAD}),
    _W.DEAD: frozenset(),
}

_E = EnvironmentState
ENVIRONMENT_TABLE: Table[EnvironmentState] = {
    _E.LOADING: frozenset({_E.READY, _E.BROKEN, _E.DRAINING}),
    # BROKEN: its zygote ended.
    _E.READY: frozenset({_E.BROKEN, _E.DRAINING}),
    # LOADING: tried again after a pause.
    _E.BROKEN: frozenset({_E.LOADING, _E.DRAINING}),
    _E.DRAINING: frozenset({_E.GONE}),
    _E.GONE: frozenset(),
}
