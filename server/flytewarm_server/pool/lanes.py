"""The environments of the service: the default one, always loaded, and those that requests bring with them."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from flytewarm_api.worker.trees import remove_quietly
from flytewarm_server.background import BackgroundTasks
from flytewarm_server.config import ServerConfig
from flytewarm_server.distribution.errors import DistributionError
from flytewarm_server.distribution.store import DistributionStore, Fetched
from flytewarm_server.execution.admission import Admission
from flytewarm_server.execution.request import DEFAULT_ENVIRONMENT, WantedEnvironment
from flytewarm_server.pool.ahead import Ahead, ForksAhead
from flytewarm_server.pool.environment import (
    Code,
    Environment,
    EnvironmentBrokenError,
    EnvironmentSpec,
    InterpreterUnavailableError,
)
from flytewarm_server.pool.forked_zygote import ForkedZygote
from flytewarm_server.pool.housekeeper import Housekeeper
from flytewarm_server.pool.keeper import Keeper
from flytewarm_server.pool.lane import Lane, LaneOwner
from flytewarm_server.pool.libraries import Libraries
from flytewarm_server.pool.provision import file_name, install_packages, lay_out_code
from flytewarm_server.pool.sizing import Bounds
from flytewarm_server.pool.states import EnvironmentState, WorkerState
from flytewarm_server.pool.watch_budget import watch_budget
from flytewarm_server.pool.worker import EventLimits
from flytewarm_server.pool.workers import WorkerTerms
from flytewarm_server.telemetry.metrics import Metrics

_log = structlog.get_logger(__name__)
OnState = Callable[[EnvironmentState], None]
OnChange = Callable[[EnvironmentState | None, EnvironmentState], None]
OnBroken = Callable[[Lane, str], None]


class Lanes:
    """One lane for each environment. New code is a new environment; nothing is ever loaded again in place."""

    def __init__(
        self,
        config: ServerConfig,
        owner: LaneOwner,
        admission: Admission,
        metrics: Metrics,
        runtime_dir: Path,
        on_state: OnState,
        on_broken: OnBroken,
        service: Callable[[], str],
    ) -> None:
        """`on_state` is told of the default environment, `on_broken` of every lane whose environment is lost; `service`
        tells where tasks find this service."""
        self._config = config
        self._owner = owner
        self._admission = admission
        self._metrics = metrics
        self._directory = runtime_dir / "environments"
        self._downloads = runtime_dir / "downloads"
        self._temporary = runtime_dir / "tmp"
        self._on_broken = on_broken
        self._service = service
        self._watches = watch_budget()
        self._forks = ForksAhead()
        self._store = DistributionStore(self._downloads, config.max_distribution_bytes, config.start_timeout)
        # In the order of their last use.
        self._lanes: OrderedDict[str, Lane] = OrderedDict()
        self._making: dict[str, asyncio.Task[Lane]] = {}
        self._numbers = itertools.count(1)
        self._background = BackgroundTasks("environments")
        spec = EnvironmentSpec(str(config.python), str(config.app_dir), (*config.preload_library, *config.preload))
        self.default = self._lane(
            spec,
            Code(spec.app_dir),
            self._directory / spec.key,
            lambda old, new: self._default_changed(old, new, on_state),
        )
        # Of workers that are exec'd each imports everything itself.
        modules = () if config.start_method == "exec" else config.preload_library
        self._keeper = Keeper(
            self.default.environment,
            Libraries(modules, spec.app_dir, config.start_timeout),
            runtime_dir,
            config.start_timeout,
            lambda reason: on_broken(self.default, reason),
        )

        self._housekeeper = Housekeeper(config, self, metrics)

    async def start(self) -> None:
        """Loads the default environment and from then on keeps it loaded. Raises EnvironmentBrokenError."""
        for directory in (self._directory, self._downloads, self._temporary):
            directory.mkdir(mode=0o700)
        await self._keeper.start()
        self._background.spawn(self._housekeeper.run())

    async def close(self) -> None:
        """Ends every process of every environment."""
        for task in self._making.values():
            task.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)
        await self._background.close()
        for lane in self._lanes.values():
            await lane.environment.close()
        await self._keeper.close()

    def all(self) -> list[Lane]:
        """Every lane, the default one first."""
        return [self.default, *self._lanes.values()]

    def evictable(self) -> list[Lane]:
        """The lanes of environments that came with requests, the one used least recently first."""
        return list(self._lanes.values())

    async def get(self, wanted: WantedEnvironment, variables: Mapping[str, str]) -> Lane:
        """The lane of the environment that a request wants, made when there is none yet.

        `variables`: the request's, for the credentials of the storage. Raises DistributionError and
        EnvironmentBrokenError.
        """
        if wanted == DEFAULT_ENVIRONMENT:
            return self.default
        digest, uri, seen = wanted.distribution_digest, wanted.distribution_uri, None
        if uri and not digest:
            seen = await self._store.look(uri, variables)
            digest = seen.digest
        if digest or not uri:
            spec = self._spec(wanted, digest)
            if lane := self._used(spec.key):
                return lane
            if making := self._making.get(spec.key):
                return await asyncio.shield(making)
            if not uri:
                return await self._make_once(spec, wanted, Ahead(), variables)
        # The fork takes about as long as a small download, and the process waits for a large one.
        ahead = self._forks.begin(uri, self._libraries_for(wanted) or self._keeper.base)
        try:
            ahead.fetched = await self._store.fetch(uri, variables, seen)
            _check_digest(wanted, ahead.fetched)
        except BaseException:
            ahead.discard()
            raise
        return await self._make_once(self._spec(wanted, ahead.fetched.digest), wanted, ahead, variables)

    def _spec(self, wanted: WantedEnvironment, digest: str) -> EnvironmentSpec:
        base = self.default.environment.spec
        return EnvironmentSpec(
            base.python,
            base.app_dir,
            # Not the libraries: below their zygote they are there, elsewhere the code may have others in their place.
            wanted.preload_modules or self._config.preload,
            digest,
            wanted.destination_dir,
            wanted.runtime_packages,
            wanted.variables,
        )

    def _libraries_for(self, one: WantedEnvironment | EnvironmentSpec) -> ForkedZygote | None:
        """Libraries may look at variables when they are imported, and packages may bring others in their place."""
        return None if one.variables or one.runtime_packages else self._keeper.libraries

    def _used(self, key: str) -> Lane | None:
        lane = self._lanes.get(key)
        if lane is not None:
            self._lanes.move_to_end(key)
        return lane

    async def _make_once(
        self, spec: EnvironmentSpec, wanted: WantedEnvironment, ahead: Ahead, variables: Mapping[str, str]
    ) -> Lane:
        """Two requests that want the same new environment wait for one making of it. Discards `ahead`."""
        if lane := self._used(spec.key):
            ahead.discard()
            return lane
        if spec.key in self._making:
            ahead.discard()
        else:
            making = asyncio.ensure_future(self._make(spec, file_name(wanted.distribution_uri), ahead, variables))
            self._making[spec.key] = making
            making.add_done_callback(lambda _done: self._making.pop(spec.key, None))
        # One caller that goes away does not end it for the others.
        return await asyncio.shield(self._making[spec.key])

    async def _make(self, spec: EnvironmentSpec, name: str, ahead: Ahead, variables: Mapping[str, str]) -> Lane:
        # One of the same key may still be on its way out.
        directory = self._directory / f"{spec.key}-{next(self._numbers)}"
        try:
            lane = await self._load_or_blame_base(spec, name, ahead, variables, directory)
        except BaseException:
            await asyncio.to_thread(remove_quietly, directory)
            raise
        finally:
            ahead.discard()
        self._lanes[spec.key] = lane
        self._background.spawn(self._forget_when_gone(lane))
        self._housekeeper.environment_loaded()
        return lane

    async def _load_or_blame_base(
        self, spec: EnvironmentSpec, name: str, ahead: Ahead, variables: Mapping[str, str], directory: Path
    ) -> Lane:
        """As _load. Raises InterpreterUnavailableError when what it is forked from ended meanwhile: that takes all with
        it."""
        origins = [one for one in (self._keeper.base, self._keeper.libraries) if one is not None]
        try:
            return await self._load(spec, name, ahead, variables, directory)
        except (DistributionError, EnvironmentBrokenError) as error:
            if not origins or any(one.control.closed for one in origins):
                raise InterpreterUnavailableError("the interpreter ended and is being started again") from error
            raise

    async def _load(
        self, spec: EnvironmentSpec, name: str, ahead: Ahead, variables: Mapping[str, str], directory: Path
    ) -> Lane:
        code = Code(spec.app_dir)
        os.mkdir(directory, 0o700)
        if ahead.fetched is not None:
            limit = self._config.max_distribution_bytes
            code = await lay_out_code(spec, name, ahead.fetched.archive, directory, limit)
        packages = await install_packages(spec, directory, variables, self._config.start_timeout)
        base = self._keeper.base
        if base is None:
            raise InterpreterUnavailableError("the interpreter is being started again")
        imports = (*code.import_dirs, *packages)
        lane = self._lane(spec, Code(code.app_dir, imports), directory, lambda _old, _new: None)
        try:
            await lane.environment.load(base, self._libraries_for(spec), ahead.take_zygote())
        except BaseException:
            await lane.environment.close()
            raise
        _log.info("environment loaded", environment=spec.key, distribution=spec.distribution_digest)
        return lane

    def _lane(self, spec: EnvironmentSpec, code: Code, directory: Path, on_change: OnChange) -> Lane:
        config = self._config
        lane = Lane(self._owner, self._admission, spec.key, directory)
        terms = WorkerTerms(
            Bounds(config.workers if config.min_workers is None else config.min_workers, config.workers),
            config.start_timeout,
            EventLimits(config.max_message_bytes, config.max_error_bytes, config.max_deck_bytes),
            config.max_executions,
            config.max_worker_growth,
            config.idle_ttl,
            config.start_method,
            self._service,
            self._watches,
        )

        def changed(old: EnvironmentState | None, new: EnvironmentState) -> None:
            if new is EnvironmentState.READY:
                self._metrics.environment_loaded(lane.environment.start_method.kind)
            on_change(old, new)

        lane.environment = Environment(spec, code, lane, directory / "workers", terms, changed, self._worker_changed)
        return lane

    async def _forget_when_gone(self, lane: Lane) -> None:
        """One that is lost is not loaded again: the next request that wants it makes it anew."""
        environment = lane.environment
        await environment.gone.wait()
        if self._lanes.get(environment.spec.key) is lane:
            del self._lanes[environment.spec.key]
            lane.closed = True
            self._on_broken(lane, environment.reason)
            await self._end(lane)

    def evict(self, lane: Lane, reason: str) -> None:
        """Ends an environment that came with a request; the next request that wants it makes it anew."""
        del self._lanes[lane.environment.spec.key]
        lane.closed = True
        _log.info("environment evicted", environment=lane.environment.spec.key, reason=reason)
        self._metrics.environment_evicted()
        self._background.spawn(self._end(lane))

    async def _end(self, lane: Lane) -> None:
        await lane.environment.close()
        await asyncio.to_thread(remove_quietly, lane.directory)

    def _worker_changed(self, old: WorkerState | None, new: WorkerState) -> None:
        self._metrics.worker_changed(old.name if old else None, new.name)

    def _default_changed(self, old: EnvironmentState | None, new: EnvironmentState, on_state: OnState) -> None:
        if old is not None:
            on_state(new)
        if new is EnvironmentState.BROKEN and self.default.environment.refuses:
            self._on_broken(self.default, self.default.environment.reason)


def _check_digest(wanted: WantedEnvironment, fetched: Fetched) -> None:
    if (expected := wanted.distribution_digest) not in ("", fetched.digest):
        uri, found = wanted.distribution_uri, fetched.digest
        raise DistributionError(f"distribution {uri} has the SHA-256 {found}, not {expected} as requested")
