"""The service that a command talks to, and what is said when there is none or it does not know the task."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flytewarm.cli.exits import NoServiceError, UsageError

if TYPE_CHECKING:
    from flytewarm.executor import Executor
    from flytewarm_api.v1 import task_executor_pb2


@contextlib.contextmanager
def connect(options: argparse.Namespace, timeout: float | None = None, hint: str = "") -> Iterator[Executor]:
    """An executor for the options of every command (arguments.make_parser).

    Raises UsageError for a target that is none, and for files of certificates and tokens that cannot be used. When
    nothing listens at the target, the block's Unavailable becomes a NoServiceError, whose message `hint` ends.
    """
    from flytewarm.channel import no_service, why_unreachable
    from flytewarm.credentials import Credentials
    from flytewarm.errors import Unavailable
    from flytewarm.executor import Executor

    try:
        credentials = Credentials.from_environment(
            tls=options.tls,
            ca_cert=options.ca_cert,
            client_cert=options.client_cert,
            client_key=options.client_key,
            token_file=options.token_file,
        )
        executor = Executor(options.target, timeout=timeout, credentials=credentials)
    except ValueError as error:
        raise UsageError(str(error)) from None
    with executor:
        try:
            yield executor
        except Unavailable as error:
            # A service that starts or stops says UNAVAILABLE as well, and when to try again; then its own words are the
            # better ones, also when it has gone by now.
            reason = why_unreachable(executor.target) if error.retry_after is None else None
            if reason is None:
                raise
            raise NoServiceError(f"{no_service(executor.target, reason)}{hint}") from error


def describe(executor: Executor, task: str, verbose: bool) -> task_executor_pb2.DescribeTaskResponse:
    """Asks about a task. Raises UsageError, in one line unless `verbose`, when it cannot be loaded."""
    from flytewarm.errors import NotFound
    from flytewarm.messages import last_exception

    try:
        return executor.describe(task)
    except NotFound as error:
        line = error.details.rstrip() if verbose else last_exception(error.details)
        raise UsageError(line if line.startswith(task) else f"{task} cannot be loaded: {line}") from None
