"""What waits for an environment that is being made."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from flytewarm_server.background import BackgroundTasks
from flytewarm_server.distribution.errors import DistributionError, UnreachableDistributionError
from flytewarm_server.execution.admission import Admission
from flytewarm_server.execution.endings import (
    Ending,
    distribution_unreachable,
    distribution_unusable,
    environment_unavailable,
    environment_unusable,
)
from flytewarm_server.execution.execution import Execution
from flytewarm_server.execution.request import WantedEnvironment
from flytewarm_server.messages import frames_pb2, task_executor_pb2
from flytewarm_server.pool.environment import EnvironmentBrokenError, InterpreterUnavailableError
from flytewarm_server.pool.finisher import Finisher
from flytewarm_server.pool.lane import Lane
from flytewarm_server.pool.lanes import Lanes

_log = structlog.get_logger(__name__)
Assign = Callable[[Execution, Lane, WantedEnvironment], None]


class Preparation:
    """Has environments made. What waits for one has a place in the queue, which it keeps when it then waits for a
    worker there."""

    def __init__(self, lanes: Lanes, admission: Admission, assign: Assign, finisher: Finisher) -> None:
        """`assign(execution, lane, waited_for)` is called with an execution whose environment is there."""
        self._lanes = lanes
        self._admission = admission
        self._assign = assign
        self._finisher = finisher
        self._waiting: set[str] = set()
        self._background = BackgroundTasks("preparation")

    async def close(self) -> None:
        """Gives up what still waits."""
        await self._background.close()

    def begin(self, execution: Execution) -> None:
        """Has the environment made that an execution wants, and hands it on. Raises QueueFullError."""
        self._admission.take(execution.request.environment, execution.level)
        execution.queued(len(self._waiting))
        self._waiting.add(execution.id)
        self._background.spawn(self._prepare(execution))

    def remove(self, execution: Execution) -> None:
        """Forgets an execution that is to wait no more."""
        if execution.id in self._waiting:
            self._waiting.remove(execution.id)
            self._admission.leave(execution.request.environment, execution.level)

    async def describe(
        self, request: task_executor_pb2.DescribeTaskRequest, wanted: WantedEnvironment, level: int
    ) -> frames_pb2.WorkerReply:
        """Has the environment made that a description wants, and the task described; see Pool.describe."""
        self._admission.take(wanted, level)
        try:
            lane = await self._lane(wanted, {})
        except BaseException:
            self._admission.leave(wanted, level)
            raise
        return await lane.describe(request, level, wanted)

    async def _prepare(self, execution: Execution) -> None:
        wanted, ending = execution.request.environment, None
        try:
            lane = await self._lane(wanted, execution.request.message.settings.env)
        except Exception as error:  # noqa: BLE001  # a fault of this program must not leave the caller waiting
            ending = _ending(execution, error)
        if execution.ending is not None:
            return
        if ending is None:
            self._waiting.remove(execution.id)
            self._assign(execution, lane, wanted)
        else:
            self.remove(execution)
            execution.ending = ending
            self._finisher.finish_for(execution, ending)

    async def _lane(self, wanted: WantedEnvironment, variables: Mapping[str, str]) -> Lane:
        while True:
            lane = await self._lanes.get(wanted, variables)
            if not lane.closed:
                return lane


def _ending(execution: Execution, error: Exception) -> Ending:
    """What becomes of an execution whose environment could not be made."""
    if isinstance(error, UnreachableDistributionError):
        return distribution_unreachable(str(error))
    if isinstance(error, DistributionError):
        return distribution_unusable(str(error))
    if isinstance(error, InterpreterUnavailableError):
        return environment_unavailable(str(error))
    if isinstance(error, EnvironmentBrokenError):
        return environment_unusable(str(error))
    _log.error("an environment could not be made", execution=execution.id, exc_info=error)
    return environment_unavailable(f"{type(error).__name__} in the service; its log has the details")
