"""One environment: its zygote, from import to loss, and the workers forked from it."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import structlog

from flytewarm_server.lifecycle import Lifecycle
from flytewarm_server.messages import frames_pb2
from flytewarm_server.pool.forked_zygote import ForkedZygote, Origin
from flytewarm_server.pool.start_method import StartMethod
from flytewarm_server.pool.states import ENVIRONMENT_TABLE, EnvironmentState, WorkerState
from flytewarm_server.pool.workers import Workers, WorkersOwner, WorkerTerms
from flytewarm_server.pool.zygote import BaseZygote

_log = structlog.get_logger(__name__)


class EnvironmentBrokenError(Exception):
    """The environment cannot be loaded; the message is for its author."""


class InterpreterUnavailableError(EnvironmentBrokenError):
    """There is nothing to fork the environment from now; trying again may help."""


class _UnfitToForkError(EnvironmentBrokenError):
    """It can be loaded all the same, with workers that are exec'd."""


class _LibrariesInTheWayError(EnvironmentBrokenError):
    """It can be expected to load all the same, forked from the base zygote."""


@dataclass(frozen=True)
class EnvironmentSpec:
    """What two executions must have in common to share an interpreter."""

    python: str
    app_dir: str
    preload_modules: tuple[str, ...]
    # SHA-256 of the code distribution, and where its tasks think that it was unpacked.
    distribution_digest: str = ""
    destination_dir: str = ""
    # pip's arguments, as the entrypoint takes them from the environment.
    runtime_packages: str = ""
    # Environment variables of the process from its start, sorted.
    variables: tuple[tuple[str, str], ...] = ()

    @cached_property
    def key(self) -> str:
        """Equal for equal environments; 12 hexadecimal digits."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]

    @property
    def destination(self) -> str:
        """Where the entrypoint would unpack the distribution: by default in the working directory. Without links."""
        return os.path.realpath(os.path.join(self.app_dir, os.path.expanduser(self.destination_dir) or "."))

    @property
    def unpacks_into_app_dir(self) -> bool:
        """Whether the distribution replaces files of the working directory."""
        return self.destination == os.path.realpath(self.app_dir)


@dataclass(frozen=True)
class Code:
    """Where an environment's code lies on this machine."""

    #: Working directory of its processes, and the last entry of sys.path.
    app_dir: str
    #: Put before all other modules, as PYTHONPATH is.
    import_dirs: tuple[str, ...] = ()


class Environment:
    """Has workers while its zygote lives. load() may be called again after `gone` is set."""

    def __init__(
        self,
        spec: EnvironmentSpec,
        code: Code,
        owner: WorkersOwner,
        directory: Path,
        terms: WorkerTerms,
        on_change: Callable[[EnvironmentState | None, EnvironmentState], None],
        on_worker_change: Callable[[WorkerState | None, WorkerState], None],
    ) -> None:
        """`directory` gets a directory for each worker."""
        self.spec = spec
        self._code = code
        self.ready: frames_pb2.ZygoteReady | None = None
        self.reason = ""
        # Whether it can be expected to work when it is loaded again: most often as an execution has ended since.
        self.proved = False
        self.gone = asyncio.Event()
        self.workers = Workers(spec.key, self, owner, directory, terms, on_worker_change)
        self.start_method = StartMethod(terms.start_method)
        self._start_timeout = terms.start_timeout
        self._lifecycle = Lifecycle(f"environment {spec.key}", ENVIRONMENT_TABLE, EnvironmentState.LOADING, on_change)
        self._zygote: ForkedZygote | None = None
        # Whether that was forked from the libraries' zygote.
        self._has_libraries = False
        self._loaded: asyncio.Future[frames_pb2.ZygoteReady] | None = None

    @property
    def state(self) -> EnvironmentState:
        """The state now."""
        return self._lifecycle.state

    @property
    def refuses(self) -> bool:
        """Whether no worker can be expected soon: it is broken, and not just being replaced after it has worked."""
        return self.state is EnvironmentState.BROKEN and not self.proved

    @property
    def processes(self) -> list[int]:
        """Ids of the zygote and the workers, as far as they are known."""
        zygote = self._zygote.pid if self._zygote is not None else 0
        return [pid for pid in (zygote, *(worker.pid for worker in self.workers)) if pid]

    async def load(
        self, base: BaseZygote, libraries: ForkedZygote | None = None, ahead: ForkedZygote | None = None
    ) -> None:
        """Forks the zygote and, once it has imported the code, starts the workers. Raises EnvironmentBrokenError.

        `libraries`: a zygote to fork it from instead, where its code allows that. `ahead`: one that was forked already,
        from where it is to be forked, and is this environment's from now on.
        """
        if self.state is EnvironmentState.BROKEN:
            self._lifecycle.move(EnvironmentState.LOADING)
        try:
            self.ready = await self._start(base, libraries or base, ahead)
        except EnvironmentBrokenError as error:
            self.reason, self.proved = str(error), False
            self._end_zygote()
            self._lifecycle.move(EnvironmentState.BROKEN)
            raise
        self.reason, self.proved = "", False
        self._lifecycle.move(EnvironmentState.READY)
        self.workers.begin()

    async def _start(self, base: BaseZygote, origin: Origin, ahead: ForkedZygote | None) -> frames_pb2.ZygoteReady:
        """Starts a zygote: another one for each thing that is found to be in the way, of which none comes twice."""
        while True:
            try:
                self._has_libraries = origin is not base
                return await self._start_zygote(origin, ahead)
            except _UnfitToForkError:
                self._end_zygote()
            except _LibrariesInTheWayError as error:
                _log.info("libraries not shared", environment=self.spec.key, reason=str(error))
                self._end_zygote()
                origin = base
            ahead = None

    async def _start_zygote(self, origin: Origin, ahead: ForkedZygote | None) -> frames_pb2.ZygoteReady:
        # Set by the end of one that was unfit to fork, too.
        self.gone.clear()
        self._loaded = asyncio.get_running_loop().create_future()
        self._zygote = ahead if ahead is not None and not ahead.control.closed else ForkedZygote.fork(origin)
        command = frames_pb2.LoadEnvironment(
            app_dir=self._code.app_dir,
            preload_modules=self.spec.preload_modules,
            import_dirs=self._code.import_dirs,
            env=dict(self.spec.variables),
            exec_workers=self.start_method.execs,
            destination=self.spec.destination if self.spec.distribution_digest else "",
        )
        frame = frames_pb2.ZygoteCommand(load_environment=command)
        if self._zygote is None or not self._zygote.load(frame, self._report, self._zygote_gone):
            raise InterpreterUnavailableError("the interpreter takes no commands now")
        try:
            return await asyncio.wait_for(self._loaded, self._start_timeout)
        except asyncio.TimeoutError:
            limit = self._start_timeout
            raise EnvironmentBrokenError(f"importing its code took longer than {limit} s (--start-timeout)") from None

    async def close(self) -> None:
        """Ends zygote and workers. Executions that still run are lost."""
        if self.state is not EnvironmentState.GONE:
            if self.state is not EnvironmentState.DRAINING:
                self._lifecycle.move(EnvironmentState.DRAINING)
            self._lifecycle.move(EnvironmentState.GONE)
        self._end_zygote()
        await self.workers.close()
        self.gone.set()

    # Zygote, to the workers

    @property
    def serves(self) -> bool:
        """Whether the zygote takes commands now."""
        return self._zygote is not None and self.state is EnvironmentState.READY

    def command(self, command: frames_pb2.ZygoteCommand, fds: list[int] | None = None) -> None:
        """Sends a command with descriptors while the zygote serves; one that does not take it is lost."""
        if self._zygote is not None and self.serves and not self._zygote.control.send(command, fds):
            self.lose("its zygote takes no commands")

    def lose(self, reason: str) -> None:
        """Gives the environment up while it serves; its owner loads it again once `gone` is set."""
        self.proved = False
        self._lose(reason)

    def _lose(self, reason: str) -> None:
        _log.error("environment lost", environment=self.spec.key, reason=reason)
        self.reason = reason
        self._lifecycle.move(EnvironmentState.BROKEN)
        self._end_zygote()
        self.gone.set()

    # What the zygote reports

    def _report(self, report: frames_pb2.ZygoteReport) -> None:
        kind = report.WhichOneof("report")
        assert self._loaded is not None
        if kind == "ready" and not self._loaded.done():
            self._loaded.set_result(report.ready)
        elif kind == "broken":
            error = self._why_broken(report.broken)
            self.reason = str(error)
            if not self._loaded.done():
                self._loaded.set_exception(error)
        elif kind == "forked":
            self.workers.forked(report.forked.name, report.forked.pid)
        elif kind == "exited":
            self.workers.exited(report.exited)

    def _zygote_gone(self) -> None:
        assert self._loaded is not None
        if not self._loaded.done():
            self._loaded.set_exception(EnvironmentBrokenError("its zygote ended while it imported the code"))
        elif self.state is EnvironmentState.READY:
            self._lose(self.reason or "its zygote ended")
        self.gone.set()

    def _why_broken(self, broken: frames_pb2.ZygoteBroken) -> EnvironmentBrokenError:
        if broken.hides_libraries or (broken.unfit and self._has_libraries):
            return _LibrariesInTheWayError(broken.reason)
        if not broken.unfit:
            return EnvironmentBrokenError(broken.reason)
        if not self.start_method.stop_forking(broken.unfit, broken.reason):
            return EnvironmentBrokenError(f"{broken.reason} (--start-method is fork)")
        # With exec'd workers it can be expected to work.
        self.proved = True
        _log.warning("workers are exec'd, not forked", environment=self.spec.key, reason=broken.reason)
        return _UnfitToForkError(broken.reason)

    def _end_zygote(self) -> None:
        if self._zygote is not None:
            self._zygote.end()
            self._zygote = None
