"""WorkerPool: what the service can do and what it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flytewarm_server.config import ServerConfig
from flytewarm_server.messages import settings_pb2, worker_pool_pb2
from flytewarm_server.pool.lane import Lane
from flytewarm_server.pool.pool import Pool
from flytewarm_server.pool.states import WorkerState
from flytewarm_server.pool.worker import Worker
from flytewarm_server.rpc.status import Violation, invalid

# As --drain-grace, in seconds.
_LONGEST_GRACE = 86_400


class WorkerPool:
    """Behaviours of the WorkerPool service; RPCs that are not here are UNIMPLEMENTED (handlers.py)."""

    def __init__(self, pool: Pool, config: ServerConfig, version: str, drain: Callable[[float | None], int]) -> None:
        """`drain(grace)` has the service stop, after `grace` seconds or its own, and tells what waits or runs."""
        self._drain = drain
        self._pool = pool
        self._config = config
        self._version = version

    async def GetCapabilities(  # noqa: N802  # the RPC's name
        self, _request: worker_pool_pb2.GetCapabilitiesRequest, _context: Any
    ) -> worker_pool_pb2.GetCapabilitiesResponse:
        """Tells versions and limits."""
        ready = self._pool.environment.ready
        return worker_pool_pb2.GetCapabilitiesResponse(
            version=self._version,
            flytekit_version=ready.flytekit_version if ready else "",
            python_version=ready.python_version if ready else "",
            workers=self._config.workers,
            max_message_bytes=self._config.max_message_bytes,
            max_queue=self._config.max_queue,
            isolations=[settings_pb2.ISOLATION_CONTEXT, settings_pb2.ISOLATION_PROCESS],
            max_stream_executions=self._config.stream_executions,
        )

    async def ListEnvironments(  # noqa: N802  # the RPC's name
        self, _request: worker_pool_pb2.ListEnvironmentsRequest, _context: Any
    ) -> worker_pool_pb2.ListEnvironmentsResponse:
        """Lists the environments, the default one first."""
        statuses = [_environment_status(lane, self._pool.draining) for lane in self._pool.lanes]
        return worker_pool_pb2.ListEnvironmentsResponse(environments=statuses)

    async def Drain(  # noqa: N802  # the RPC's name
        self, request: worker_pool_pb2.DrainRequest, _context: Any
    ) -> worker_pool_pb2.DrainResponse:
        """Has the service stop."""
        grace = None
        if request.HasField("grace"):
            grace = request.grace.seconds + request.grace.nanos / 1e9
            if not 0 <= grace <= _LONGEST_GRACE:
                raise invalid([Violation("grace", f"must be 0 to {_LONGEST_GRACE} seconds, not {grace:g}")])
        return worker_pool_pb2.DrainResponse(running=self._drain(grace))


def _environment_status(lane: Lane, draining: bool) -> worker_pool_pb2.EnvironmentStatus:
    environment = lane.environment
    workers = [one for one in environment.workers if one.state is not WorkerState.DEAD]
    return worker_pool_pb2.EnvironmentStatus(
        key=environment.spec.key,
        state=worker_pool_pb2.ENVIRONMENT_STATE_DRAINING if draining else environment.state.value,
        reason=environment.reason,
        workers=[_worker_status(worker) for worker in workers],
        queued=lane.waiting,
        start_method=environment.start_method.status,
        start_method_reason=environment.start_method.reason,
    )


def _worker_status(worker: Worker) -> worker_pool_pb2.WorkerStatus:
    return worker_pool_pb2.WorkerStatus(
        name=worker.name,
        pid=worker.pid,
        state=worker.state.value,
        executions=worker.executions,
        execution_id=worker.execution.id if worker.execution else "",
        first_memory_bytes=worker.first_memory,
    )
