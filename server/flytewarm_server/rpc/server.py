"""The gRPC server: addresses, limits, services, health, reflection."""

from __future__ import annotations

import asyncio
import os

from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from flytewarm_server.addresses import Address, TcpAddress, UnixAddress
from flytewarm_server.config import ServerConfig
from flytewarm_server.messages import task_executor_pb2, worker_pool_pb2
from flytewarm_server.rpc.authentication import TokenInterceptor
from flytewarm_server.rpc.credentials import server_credentials
from flytewarm_server.rpc.handlers import service_handler
from flytewarm_server.rpc.listen import AddressError, SocketFile, check_free, why_not
from flytewarm_server.rpc.open_calls import OpenCalls
from flytewarm_server.rpc.refusals import Refusals
from flytewarm_server.rpc.task_executor import TaskExecutor
from flytewarm_server.rpc.worker_pool import WorkerPool
from flytewarm_server.security.certificates import CertificateFiles
from flytewarm_server.security.tokens import TokenFile

_TASK_EXECUTOR = task_executor_pb2.DESCRIPTOR.services_by_name["TaskExecutor"]
_WORKER_POOL = worker_pool_pb2.DESCRIPTOR.services_by_name["WorkerPool"]
# A health name of its own: SERVING as long as the process answers, also while an environment is being tried again.
LIVENESS = "liveness"
_MAX_METADATA_BYTES = 16 << 10
_SERVICES = ("", _TASK_EXECUTOR.full_name, _WORKER_POOL.full_name)


class RpcServer:
    """The service's front: NOT_SERVING until told otherwise."""

    def __init__(
        self,
        config: ServerConfig,
        task_executor: TaskExecutor,
        worker_pool: WorkerPool,
        certificates: CertificateFiles | None,
        tokens: TokenFile | None,
        refusals: Refusals,
    ) -> None:
        """With `certificates`, TCP addresses speak TLS; with `tokens`, calls on all addresses need one."""
        self.addresses: list[Address] = []
        self._socket_files: list[SocketFile] = []
        self._config = config
        self._stopping = False
        self._calls = OpenCalls()
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # an alias made at import
        self._certificates = certificates
        # Without tokens there is nothing in the way of a call.
        interceptors = () if tokens is None else (TokenInterceptor(tokens, refusals),)
        self._server = aio.server(options=_options(config.max_message_bytes), interceptors=interceptors)
        self._server.add_generic_rpc_handlers(
            (
                service_handler(_TASK_EXECUTOR, task_executor_pb2, task_executor, refusals, self._calls),
                service_handler(_WORKER_POOL, worker_pool_pb2, worker_pool, refusals, self._calls),
            )
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (*_SERVICES[1:], health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)

    async def start(self) -> None:
        """Listens on all addresses of the configuration. Raises AddressError."""
        await self.set_serving(False)
        await self._health.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
        for address in self._config.listen:
            self.addresses.append(self._bind(address))
        await self._server.start()

    async def set_serving(self, serving: bool) -> None:
        """Sets the health of every service. Once stopping() was called it stays NOT_SERVING."""
        serves = serving and not self._stopping
        status = health_pb2.HealthCheckResponse.SERVING if serves else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in _SERVICES:
            await self._health.set(name, status)

    async def stopping(self) -> None:
        """Says NOT_SERVING from now on."""
        self._stopping = True
        await self.set_serving(False)

    async def stop(self, grace: float) -> None:
        """Lets clients read what they have been sent, ends calls that are open after `grace` seconds, and removes the
        Unix sockets."""
        loop = asyncio.get_running_loop()
        end = loop.time() + grace
        await self._calls.answered(grace)
        await self._server.stop(max(0.0, end - loop.time()))
        for file in self._socket_files:
            # gRPC removes it, too, but not when it was stopped before it served.
            file.remove()

    def _bind(self, address: Address) -> Address:
        check_free(address)
        # A Unix socket is for this user alone, from its first moment.
        mask = os.umask(0o177)
        try:
            port = self._open(address)
        except RuntimeError:
            raise AddressError(f"cannot listen on {address}: {why_not(address)}") from None
        finally:
            os.umask(mask)
        if isinstance(address, UnixAddress):
            self._socket_files.append(SocketFile(address.path))
            return address
        return TcpAddress(address.host, port)

    def _open(self, address: Address) -> int:
        if self._certificates is None or isinstance(address, UnixAddress):
            return self._server.add_insecure_port(str(address))
        return self._server.add_secure_port(str(address), server_credentials(self._certificates))


def _options(max_message_bytes: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        # What callers send beside their request: gRPC would refuse at random between 8 KiB and this.
        ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", _MAX_METADATA_BYTES),
        # Two services on one port would share its calls at random.
        ("grpc.so_reuseport", 0),
        # Clients may ping an idle connection as often as every 5 minutes; less often is gRPC's default tolerance.
        ("grpc.http2.min_ping_interval_without_data_ms", 300_000),
    ]
