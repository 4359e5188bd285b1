"""Libraries that all environments have in common, imported once, in a zygote between the base zygote and theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from flytewarm_server.messages import frames_pb2
from flytewarm_server.pool.environment import EnvironmentBrokenError
from flytewarm_server.pool.forked_zygote import ForkedZygote
from flytewarm_server.pool.zygote import BaseZygote

_log = structlog.get_logger(__name__)


class Libraries:
    """May be loaded again, after end()."""

    def __init__(self, modules: Sequence[str], app_dir: str, start_timeout: float) -> None:
        """`app_dir`: the working directory while they are imported; `start_timeout`: what that may take, in seconds."""
        self._modules = modules
        self._app_dir = app_dir
        self._start_timeout = start_timeout
        #: The zygote that has imported them; None while there is none, and all is forked from the base zygote.
        self.zygote: ForkedZygote | None = None

    async def load(self, base: BaseZygote) -> None:
        """Imports them. Raises EnvironmentBrokenError when they cannot be; where no fork survives them there is no
        zygote."""
        if not self._modules or (zygote := ForkedZygote.fork(base)) is None:
            return
        try:
            report = await self._import(zygote)
        except BaseException:
            zygote.end()
            raise
        if report.HasField("ready"):
            self.zygote = zygote
            _log.info("libraries imported", modules=list(self._modules))
            return
        zygote.end()
        if not report.broken.unfit:
            raise EnvironmentBrokenError(report.broken.reason)
        _log.warning("libraries not shared", reason=report.broken.reason)

    def end(self) -> None:
        """Ends the zygote, and with it those of environments that were forked from it."""
        if self.zygote is not None:
            self.zygote.end()
            self.zygote = None

    async def _import(self, zygote: ForkedZygote) -> frames_pb2.ZygoteReport:
        done: asyncio.Future[frames_pb2.ZygoteReport] = asyncio.get_running_loop().create_future()

        def finish(report: frames_pb2.ZygoteReport) -> None:
            # Later ones are of environments that it has forked.
            if not done.done():
                done.set_result(report)

        def gone() -> None:
            reason = "the process that imports the libraries ended"
            finish(frames_pb2.ZygoteReport(broken=frames_pb2.ZygoteBroken(reason=reason)))
            self._lost(zygote)

        command = frames_pb2.LoadLibraries(modules=self._modules, directory=self._app_dir)
        if not zygote.load(frames_pb2.ZygoteCommand(load_libraries=command), finish, gone):
            gone()
        try:
            return await asyncio.wait_for(done, self._start_timeout)
        except asyncio.TimeoutError:
            limit = self._start_timeout
            raise EnvironmentBrokenError(f"importing libraries took longer than {limit} s (--start-timeout)") from None

    def _lost(self, zygote: ForkedZygote) -> None:
        # The default environment, if it was forked from it, has ended with it, and then all is loaded again.
        if self.zygote is zygote:
            self.zygote = None
            _log.error("libraries lost", reason="their zygote ended")
