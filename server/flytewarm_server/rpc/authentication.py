"""Who may call: a bearer token in the metadata of every call but those for health."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from grpc import aio
from grpc_health.v1 import health

from flytewarm_server.rpc.refusals import Refusals
from flytewarm_server.rpc.status import unauthenticated
from flytewarm_server.security.tokens import TokenFile

_HEADER = "authorization"
_HEALTH = f"/{health.SERVICE_NAME}/"
_Handler = Any  # grpc.RpcMethodHandler


class TokenInterceptor(aio.ServerInterceptor):  # type: ignore[type-arg]  # a generic class in the stubs only
    """Answers UNAUTHENTICATED before the request is read, with one text for every reason."""

    def __init__(self, tokens: TokenFile, refusals: Refusals) -> None:
        self._tokens = tokens
        self._refusals = refusals
        # Ends a call of any kind: one for a single request would wait until that has come.
        self._refusal = grpc.stream_stream_rpc_method_handler(self._refuse)

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_Handler]], details: grpc.HandlerCallDetails
    ) -> _Handler:
        """The method's own handler, or the refusal."""
        if details.method.startswith(_HEALTH) or self._tokens.admits(_header(details.invocation_metadata)):
            return await continuation(details)
        return self._refusal

    async def _refuse(self, _requests: Any, context: Any) -> None:
        error = unauthenticated()
        self._refusals.note("", error, context)
        await context.abort(error.code, error.message)


def _header(metadata: Any) -> str | bytes | None:
    """The first authorization header."""
    return next((value for key, value in metadata if key == _HEADER), None)
