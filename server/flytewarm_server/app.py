"""Wires the service and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import signal
import tempfile
from pathlib import Path

import structlog

from flytewarm_api.worker.processes import become_subreaper, forbid_inspection
from flytewarm_api.worker.trees import remove_quietly
from flytewarm_server.addresses import target_on_this_machine
from flytewarm_server.background import BackgroundTasks
from flytewarm_server.config import ServerConfig
from flytewarm_server.execution.registry import Registry
from flytewarm_server.messages import settings_pb2
from flytewarm_server.pool.environment import EnvironmentBrokenError
from flytewarm_server.pool.pool import Pool
from flytewarm_server.rpc.execute_tasks import StreamLimits
from flytewarm_server.rpc.listen import AddressError
from flytewarm_server.rpc.refusals import Refusals
from flytewarm_server.rpc.server import RpcServer
from flytewarm_server.rpc.task_executor import TaskExecutor
from flytewarm_server.rpc.worker_pool import WorkerPool
from flytewarm_server.security.allow_lists import AllowLists
from flytewarm_server.security.certificates import CertificateFiles
from flytewarm_server.security.tokens import TokenFile
from flytewarm_server.telemetry.http import HttpSideDoor
from flytewarm_server.telemetry.logs import configure_logging
from flytewarm_server.telemetry.metrics import Metrics

_log = structlog.get_logger(__name__)
_RUNTIME_PREFIX = "flytewarm-"
_ISOLATION = {"context": settings_pb2.ISOLATION_CONTEXT, "process": settings_pb2.ISOLATION_PROCESS}
# What open streams get to deliver their last message when the service stops, in seconds.
_LAST_WORDS_SECONDS = 5.0


async def serve(config: ServerConfig) -> int:
    """Runs the service until SIGTERM or SIGINT. Returns the exit status: 0, or 1 when it could not start."""
    configure_logging(config.log_format, config.log_level)
    if not config.debuggable:
        # Tasks run as the same user, and this process knows the variables of all of them.
        forbid_inspection()
    # What loses its parent, such as the children of a killed zygote, comes to this process and is ended (Pool).
    become_subreaper()
    # Signals wait in the loop from here on, so that none can come between making the directory and removing it.
    signals: asyncio.Queue[None] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, None)
    try:
        runtime_dir = Path(tempfile.mkdtemp(prefix=_RUNTIME_PREFIX, dir=config.runtime_dir))
    except OSError as error:
        _log.error("the service could not start", reason=f"--runtime-dir {config.runtime_dir}: {error.strerror}")
        return 1
    try:
        return await Service(config, runtime_dir, signals).run()
    finally:
        remove_quietly(runtime_dir)


class Service:
    """All parts of one running service."""

    def __init__(self, config: ServerConfig, runtime_dir: Path, signals: asyncio.Queue[None]) -> None:
        """It stops with the first of `signals`; a second one hurries that."""
        self._config = config
        self._drain_grace = config.drain_grace
        # SIGTERM and SIGINT, and those who ask for the same over the wire.
        self._signals = signals
        self._stopping = False
        self._metrics = Metrics()
        self._registry = Registry(
            config.retain_executions, config.retain_bytes, config.max_log_bytes, self._metrics.task_metric
        )
        self._pool = Pool(config, self._registry, self._metrics, runtime_dir, self._readiness_changed, self._target)
        version = importlib.metadata.version("flytewarm")
        lists = AllowLists(config.allow_module, config.allow_resolver, config.allow_distribution, config.allow_uri)
        refusals = Refusals(self._metrics.call_refused)
        executor = TaskExecutor(
            self._pool,
            self._registry,
            _ISOLATION[config.isolation],
            config.max_nesting,
            lists,
            StreamLimits(config.stream_executions, config.max_message_bytes),
            refusals,
        )
        certificates, tokens = _security(config)
        workers = WorkerPool(self._pool, config, version, self._drain)
        self._rpc = RpcServer(config, executor, workers, certificates, tokens, refusals)
        self._http = HttpSideDoor(self._metrics.registry, self._pool.readiness, certificates, tokens)
        self._background = BackgroundTasks("service")

    async def run(self) -> int:
        """Starts, waits for a signal, stops. Returns the exit status."""
        try:
            await self._listen()
            await self._load_and_wait()
        except (AddressError, EnvironmentBrokenError, OSError) as error:
            _log.error("the service could not start", reason=str(error))
            return 1
        finally:
            await self._stop()
        return 0

    async def _listen(self) -> None:
        await self._rpc.start()
        if self._config.http is not None:
            try:
                await self._http.start(self._config.http)
            except OSError as error:
                raise AddressError(f"cannot listen on --http {self._config.http}: {error.strerror}") from None
            _log.info("http side door open", port=self._http.port)
        _log.info("listening", addresses=[str(address) for address in self._rpc.addresses])

    async def _load_and_wait(self) -> None:
        loading = asyncio.ensure_future(self._pool.start())
        stopped = asyncio.ensure_future(self._signals.get())
        await asyncio.wait((loading, stopped), return_when=asyncio.FIRST_COMPLETED)
        if loading.done():
            await loading
            # What is there now stays: the collector need not look at it again and again.
            gc.freeze()
            await stopped
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)

    async def _stop(self) -> None:
        """Not serving first, then the running work, then the front, then the processes."""
        self._stopping = True
        running, waiting = len(self._registry.running()), self._pool.waiting
        _log.info("stopping", executions=running, waiting=waiting, drain_grace_s=self._drain_grace)
        self._metrics.ready_changed(False)
        await self._rpc.stopping()
        await self._pool.drain(self._drain_grace, self._signals)
        await self._rpc.stop(_LAST_WORDS_SECONDS)
        await self._http.stop()
        await self._pool.close()
        _log.info("stopped")

    def _drain(self, grace: float | None) -> int:
        if not self._stopping:
            self._stopping = True
            self._drain_grace = self._config.drain_grace if grace is None else grace
            self._signals.put_nowait(None)
        return len(self._registry.running())

    def _target(self) -> str:
        return target_on_this_machine(self._rpc.addresses)

    def _readiness_changed(self, ready: bool) -> None:
        self._metrics.ready_changed(ready and not self._pool.draining)
        self._background.spawn(self._rpc.set_serving(ready))


def _security(config: ServerConfig) -> tuple[CertificateFiles | None, TokenFile | None]:
    """What the configuration has checked already."""
    certificates = None
    if config.tls_cert is not None and config.tls_key is not None:
        certificates = CertificateFiles(config.tls_cert, config.tls_key, config.tls_client_ca)
    return certificates, TokenFile(config.token_file) if config.token_file is not None else None
