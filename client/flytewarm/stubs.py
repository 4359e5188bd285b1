"""The service's methods over a channel, blocking or asyncio."""

from __future__ import annotations

from typing import Any

from flytewarm import health
from flytewarm_api.v1 import task_executor_pb2_grpc, worker_pool_pb2_grpc


class Stubs:
    """Callables by method. What they return depends on the kind of the channel, so they have no types."""

    def __init__(self, channel: Any) -> None:
        # Generated code has no types for its constructors.
        executor_stub: Any = task_executor_pb2_grpc.TaskExecutorStub
        pool_stub: Any = worker_pool_pb2_grpc.WorkerPoolStub
        self.executor = executor_stub(channel)
        self.pool = pool_stub(channel)
        # Without serializers: bytes in, bytes out.
        self.check_health = channel.unary_unary(health.CHECK_METHOD)
