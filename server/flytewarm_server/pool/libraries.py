"""Libraries that all environments have in common, imported once, in a zygote between the base zygote and theirs.

Those are the preloaded modules that do not lie in the application's directory, and with them all that they import.
Without that zygote each environment imports them itself: so whatever is in the way of it is no error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from flytewarm_server.messages import frames_pb2
from flytewarm_server.pool.environment import EnvironmentBrokenError
from flytewarm_server.pool.forked_zygote import ForkedZygote
from flytewarm_server.pool.start_method import StartMethod
from flytewarm_server.pool.zygote import BaseZygote

_log = structlog.get_logger(__name__)


class Libraries:
    """Of the preloaded modules of a service. May be loaded again, after end()."""

    def __init__(self, modules: Sequence[str], app_dir: str, start_timeout: float) -> None:
        """`start_timeout`: what importing may take, in seconds."""
        self._modules = modules
        self._app_dir = app_dir
        self._start_timeout = start_timeout
        #: The zygote that has imported them, or None.
        self.zygote: ForkedZygote | None = None

    async def load(self, base: BaseZygote, start_method: StartMethod) -> None:
        """Imports them, where there are any. `start_method` is told when no fork survives them.

        Raises EnvironmentBrokenError when it takes too long.
        """
        if not self._modules or start_method.execs:
            return
        zygote = ForkedZygote.fork(base)
        if zygote is None:
            return
        try:
            report = await self._import(zygote)
        except BaseException:
            zygote.end()
            raise
        if report.ready.libraries:
            self.zygote = zygote
            _log.info("libraries imported", modules=list(report.ready.libraries))
            return
        zygote.end()
        if report.broken.unfit:
            start_method.stop_forking(report.broken.unfit, report.broken.reason)
        elif report.broken.reason:
            _log.warning("libraries not imported for all environments", reason=report.broken.reason)

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

        command = frames_pb2.LoadLibraries(modules=self._modules, directory=self._app_dir)
        ended = frames_pb2.ZygoteReport(broken=frames_pb2.ZygoteBroken(reason="the process ended"))
        if not zygote.load(frames_pb2.ZygoteCommand(load_libraries=command), finish, lambda: finish(ended)):
            return ended
        try:
            return await asyncio.wait_for(done, self._start_timeout)
        except asyncio.TimeoutError:
            limit = self._start_timeout
            raise EnvironmentBrokenError(f"importing its code took longer than {limit} s (--start-timeout)") from None
