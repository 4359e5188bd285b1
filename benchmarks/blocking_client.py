"""A blocking client of the service, for what needs one call at a time."""

import contextlib
from collections.abc import Callable, Iterator

import grpc

import floor
from addition import check
from flytewarm_api.v1.execution_pb2 import Event
from flytewarm_api.v1.task_executor_pb2 import ExecuteTaskRequest
from flytewarm_api.v1.task_executor_pb2_grpc import TaskExecutorStub
from flytewarm_api.v1.worker_pool_pb2 import EnvironmentStatus, ListEnvironmentsRequest
from flytewarm_api.v1.worker_pool_pb2_grpc import WorkerPoolStub
from showcase.service import Service

CALL_TIMEOUT_S = 60.0


class Client:
    """Of one service."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._executor = TaskExecutorStub(channel)
        self._pool = WorkerPoolStub(channel)

    def execute(self, request: ExecuteTaskRequest) -> Event:
        """Runs one execution and returns its last event; raises RuntimeError if it did not succeed."""
        for answer in self._executor.ExecuteTask(request, timeout=CALL_TIMEOUT_S):
            last = answer.events[-1]
        check(last)
        return last

    def caller(self, request: ExecuteTaskRequest) -> Callable[[], Event]:
        """execute(request), ready to be timed."""
        return lambda: self.execute(request)

    def environments(self) -> list[EnvironmentStatus]:
        """All that are loaded."""
        return list(self._pool.ListEnvironments(ListEnvironmentsRequest(), timeout=CALL_TIMEOUT_S).environments)


@contextlib.contextmanager
def client_of(service: Service) -> Iterator[Client]:
    """A client on the service's Unix socket, which takes large messages."""
    with grpc.insecure_channel(service.target, options=floor.OPTIONS) as channel:
        yield Client(channel)
