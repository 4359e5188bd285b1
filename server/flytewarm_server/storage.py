"""Storage as the service itself uses it: with the task's credentials, and never on the event loop."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
# flytekit's configuration of s3fs, by environment variable (flytekit.configuration.S3Config).
_S3_OPTIONS = {"FLYTE_AWS_ACCESS_KEY_ID": "key", "FLYTE_AWS_SECRET_ACCESS_KEY": "secret"}
_S3_ENDPOINT = "FLYTE_AWS_ENDPOINT"
# What botocore finds in the environment of a process; a request's variables are not in the service's.
_AWS_OPTIONS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
_AWS_ENDPOINT = "AWS_ENDPOINT_URL"
# A storage that does not answer must not hold the service: in seconds.
_S3_TIMEOUTS = {"connect_timeout": 5, "read_timeout": 10, "retries": {"max_attempts": 1}}


def storage_options(uri: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """fsspec's options for `uri`: credentials from `environment`, the request's variables, over the service's own."""
    if not uri.startswith("s3://"):
        return {"auto_mkdir": True} if "://" not in uri or uri.startswith("file://") else {}
    variables = {**os.environ, **environment}
    options: dict[str, Any] = {name: variables[key] for key, name in _S3_OPTIONS.items() if key in variables}
    if not options:
        options = {name: environment[key] for key, name in _AWS_OPTIONS.items() if key in environment}
    options["config_kwargs"] = _S3_TIMEOUTS
    if endpoint := variables.get(_S3_ENDPOINT) or environment.get(_AWS_ENDPOINT):
        options["client_kwargs"] = {"endpoint_url": endpoint}
    return options


async def on_daemon_thread(work: Callable[[], T], name: str, unwanted: Callable[[T], None] | None = None) -> T:
    """Runs `work` on a thread of its own. Not asyncio.to_thread: a process waits for those threads when it ends.

    `unwanted` gets a result that comes when the caller does not wait any more.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  # whatever the storage raises is the caller's to hear
            _hand_over(loop, done, functools.partial(done.set_exception, error))
        else:
            _hand_over(
                loop,
                done,
                functools.partial(done.set_result, result),
                functools.partial(unwanted, result) if unwanted is not None else None,
            )

    threading.Thread(target=run, name=name, daemon=True).start()
    return await done


def _hand_over(
    loop: asyncio.AbstractEventLoop,
    done: asyncio.Future[T],
    settle: Callable[[], None],
    discard: Callable[[], None] | None = None,
) -> None:
    def if_waited_for() -> None:
        if not done.done():
            settle()
        elif discard is not None:
            discard()

    if not loop.is_closed():
        loop.call_soon_threadsafe(if_waited_for)
