"""Error documents of executions that no worker answers for: written apart from the event loop, and never waited for
longer than said."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import fsspec

from flytewarm_server.messages import errors_pb2
from flytewarm_server.storage import on_daemon_thread, storage_options

_ERROR_FILE = "error.pb"


async def write_error_document(
    prefix: str, error: errors_pb2.ContainerError, environment: Mapping[str, str], timeout: float
) -> str:
    """Writes error.pb under `prefix` and returns its URI. Raises what the storage raises, or asyncio.TimeoutError.

    `environment`: the request's variables, for the credentials of the storage. `timeout`: in seconds.
    """
    uri = f"{prefix.rstrip('/')}/{_ERROR_FILE}"
    data = errors_pb2.ErrorDocument(error=error).SerializeToString()
    options = storage_options(uri, environment)
    await asyncio.wait_for(on_daemon_thread(lambda: _write(uri, data, options), "error-document"), timeout)
    return uri


def _write(uri: str, data: bytes, options: dict[str, Any]) -> None:
    with fsspec.open(uri, "wb", **options) as file:
        file.write(data)
