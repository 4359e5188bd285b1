"""Keeps an environment loaded: starts its base zygote, loads it, and tries again after a pause when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from flytewarm_api.worker.processes import kill_children
from flytewarm_api.worker.trees import remove_quietly
from flytewarm_server.background import BackgroundTasks
from flytewarm_server.messages import frames_pb2
from flytewarm_server.options import variables_for_tasks
from flytewarm_server.pool.environment import Environment, EnvironmentBrokenError
from flytewarm_server.pool.forked_zygote import ForkedZygote
from flytewarm_server.pool.libraries import Libraries
from flytewarm_server.pool.zygote import BaseZygote, Interpreter

_log = structlog.get_logger(__name__)
# Pause before an environment is loaded again after it broke: doubled each time, in seconds.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0
# How long the base zygote may take to end after it was told to, in seconds.
_STOP_SECONDS = 5.0


class Keeper:
    """Of one environment, and of the base zygote from which this and others are forked."""

    def __init__(
        self,
        environment: Environment,
        libraries: Libraries,
        runtime_dir: Path,
        start_timeout: float,
        on_broken: Callable[[str], None],
    ) -> None:
        """`on_broken(reason)` is told each load that failed; `start_timeout` is in seconds."""
        self._environment = environment
        self._runtime_dir = runtime_dir
        self._temporary = runtime_dir / "tmp"
        self._start_timeout = start_timeout
        self._on_broken = on_broken
        # The base zygote while it runs.
        self.base: BaseZygote | None = None
        self._base_ready: asyncio.Future[None] | None = None
        self._libraries = libraries
        self._background = BackgroundTasks(f"keeper of {environment.spec.key}")

    @property
    def libraries(self) -> ForkedZygote | None:
        """The zygote that has imported what environments have in common, while there is one."""
        return self._libraries.zygote

    async def start(self) -> None:
        """Loads the environment and from then on keeps it loaded. Raises EnvironmentBrokenError."""
        try:
            await self._load()
        except EnvironmentBrokenError as error:
            self._on_broken(str(error))
            raise
        self._background.spawn(self._keep())

    async def close(self) -> None:
        """Ends the environment and every process below this one."""
        await self._background.close()
        await self._environment.close()
        await self._end_base()

    async def _keep(self) -> None:
        pause, loop = _FIRST_PAUSE, asyncio.get_running_loop()
        loaded = loop.time()
        while True:
            await self._environment.gone.wait()
            # One that has worked, or was there for a while, is loaded again soon; one that breaks each time is not.
            lasted = self._environment.proved or loop.time() - loaded > _LONGEST_PAUSE
            pause = _FIRST_PAUSE if lasted else min(pause * 2, _LONGEST_PAUSE)
            await self._end_base()
            await asyncio.sleep(pause)
            loaded = loop.time()
            try:
                await self._load()
            except EnvironmentBrokenError as error:
                _log.error("environment broken", reason=str(error))
                self._environment.reason = str(error)
                self._on_broken(str(error))
                self._environment.gone.set()

    async def _load(self) -> None:
        self._base_ready = asyncio.get_running_loop().create_future()
        # Temporary files of flytekit's import go where they are removed with the service.
        self._temporary.mkdir(exist_ok=True)
        variables = {**variables_for_tasks(), "TMPDIR": str(self._temporary)}
        interpreter = Interpreter(self._environment.spec.python, variables, str(self._runtime_dir))
        try:
            self.base = await BaseZygote.start(interpreter, self._base_report, self._base_gone)
        except OSError as error:
            raise EnvironmentBrokenError(f"{interpreter.python} cannot be started: {error.strerror}") from None
        try:
            await asyncio.wait_for(self._base_ready, self._start_timeout)
        except asyncio.TimeoutError:
            limit = self._start_timeout
            raise EnvironmentBrokenError(f"importing flytekit took longer than {limit} s (--start-timeout)") from None
        await self._libraries.load(self.base)
        await self._environment.load(self.base, self.libraries)
        _log.info("environment ready", environment=self._environment.spec.key)

    def _base_report(self, report: frames_pb2.ZygoteReport) -> None:
        assert self._base_ready is not None
        kind = report.WhichOneof("report")
        if self._base_ready.done():
            return
        if kind == "ready":
            self._base_ready.set_result(None)
        elif kind == "broken":
            self._base_ready.set_exception(EnvironmentBrokenError(report.broken.reason))

    def _base_gone(self) -> None:
        assert self._base_ready is not None
        if not self._base_ready.done():
            python = self._environment.spec.python
            reason = (
                f"{python} ended while it imported flytekit and flytewarm_worker; it needs flytewarm[tasks] of this"
                " version; its output is in the log"
            )
            self._base_ready.set_exception(EnvironmentBrokenError(reason))

    async def _end_base(self) -> None:
        self._libraries.end()
        if self.base is not None:
            await self.base.stop(_STOP_SECONDS)
            self.base = None
        kill_children()
        # Nobody uses the temporary files of processes that have ended, and each start makes its own.
        await asyncio.to_thread(remove_quietly, self._temporary)
