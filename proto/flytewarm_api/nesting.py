"""How a task that calls the service tells which execution it is, and where that service is: the worker notes it, the
client uses it.

Not in an environment variable: a task must not see another environment than in a container of its own. So programs
that the task starts, unless it forks them, know neither, unless it gives them the variables that variables() makes.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

#: The key of a call's metadata whose value is the id of the execution that calls.
METADATA_KEY = "flytewarm-parent-execution"
#: Where programs find the service, and for which execution they call.
TARGET_VARIABLE = "FLYTEWARM_TARGET"
PARENT_VARIABLE = "FLYTEWARM_PARENT_EXECUTION"
# What an execution's id may be (task_executor.proto); gRPC refuses a call with characters that no header has.
_EXECUTION_ID = re.compile(r"[A-Za-z0-9._:/-]{1,128}")

_running: list[str] = []
_service = ""


def serve_from(target: str) -> None:
    """This process is a worker of the service at `target`, from now on."""
    global _service  # noqa: PLW0603  # a process has one
    _service = target


def service() -> str:
    """The target of the service whose worker this process is; empty in any other process."""
    return _service


@contextlib.contextmanager
def running(execution_id: str) -> Iterator[None]:
    """This process runs an execution, in whatever thread, as long as the block."""
    _running.append(execution_id)
    try:
        yield
    finally:
        _running.remove(execution_id)


def metadata() -> tuple[tuple[str, str], ...]:
    """The metadata of a call that is made now: who calls, when this process runs an execution, or was started by one
    that gave it variables()."""
    if _running:
        return ((METADATA_KEY, _running[-1]),)
    parent = os.environ.get(PARENT_VARIABLE, "")
    return ((METADATA_KEY, parent),) if _EXECUTION_ID.fullmatch(parent) else ()


def variables() -> dict[str, str]:
    """The environment variables that have a program call this process's service, for the execution that runs here.
    Empty in a process that is no worker."""
    if not _service:
        return {}
    return {TARGET_VARIABLE: _service, **({PARENT_VARIABLE: _running[-1]} if _running else {})}
