"""The HTTP side door: /metrics for Prometheus, /healthz and /readyz for probes. Open only when configured.

On loopback it asks nothing of anybody. On other addresses it speaks TLS if gRPC does, and /metrics wants of its callers
what gRPC wants of its own: a token, a client's certificate, or both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from flytewarm_server.addresses import TcpAddress
from flytewarm_server.security.tokens import TokenFile

if TYPE_CHECKING:
    import ssl

    from aiohttp import web

    from flytewarm_server.security.certificates import CertificateFiles

# Seconds that answers under way get when the door closes.
_SHUTDOWN_TIMEOUT = 1.0


class HttpSideDoor:
    """An HTTP server on the running event loop, without access log.

    /metrics answers in the format that the Accept header asks for. /healthz answers 200 while the event loop lives.
    /readyz answers 200 or, with the reason as text, 503.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        readiness: Callable[[], str | None],
        certificates: CertificateFiles | None = None,
        tokens: TokenFile | None = None,
    ) -> None:
        """`readiness` tells why the service takes no work, or None when it does."""
        self._registry = registry
        self._certificates = certificates
        self._tokens = tokens
        self._is_local = True
        self._readiness = readiness
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, also where 0 was configured. Raises RuntimeError while the door is closed."""
        if self._runner is None:
            raise RuntimeError("the HTTP side door is closed")
        port: int = self._runner.addresses[0][1]
        return port

    async def start(self, address: TcpAddress) -> None:
        """Opens the door. Raises OSError when the address cannot be bound."""
        # Here and not above: importing aiohttp takes a quarter of a second, and few configurations need it.
        from aiohttp import web

        self._is_local = address.is_loopback
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_TIMEOUT)
        await runner.setup()
        try:
            await web.TCPSite(runner, address.host, address.port, ssl_context=self._ssl_context()).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner

    async def stop(self) -> None:
        """Closes the door; may be called at any time and more than once."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _ssl_context(self) -> ssl.SSLContext | None:
        if self._certificates is None or self._is_local:
            return None
        context = self._certificates.current.context
        # Called in each handshake, also when the client names no server.
        context.sni_callback = self._use_current_certificates
        return context

    def _use_current_certificates(self, connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        assert self._certificates is not None
        connection.context = self._certificates.refresh().context

    def _admits(self, request: web.Request) -> bool:
        if self._is_local:
            return True
        if self._tokens is not None and not self._tokens.admits(request.headers.get("Authorization")):
            return False
        wants_certificate = self._certificates is not None and self._certificates.current.client_ca is not None
        return not wants_certificate or (
            request.transport is not None and bool(request.transport.get_extra_info("peercert"))
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        if not self._admits(request):
            return _response(401, b"a valid token or client certificate is required\n", authenticate="Bearer")
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return _response(200, encode(self._registry), content_type)

    async def _healthz(self, _: web.Request) -> web.Response:
        return _response(200, b"ok\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        if (reason := self._readiness()) is None:
            return _response(200, b"ready\n")
        # A reason may quote code that cannot be imported.
        return _response(503, f"{reason if self._admits(request) else 'not ready'}\n".encode())


def _response(
    status: int, body: bytes, content_type: str = "text/plain; charset=utf-8", authenticate: str = ""
) -> web.Response:
    from aiohttp import web

    # As a header: the parameter content_type= refuses the version that Prometheus puts into it.
    headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
    if authenticate:
        headers["WWW-Authenticate"] = authenticate
    return web.Response(status=status, body=body, headers=headers)
