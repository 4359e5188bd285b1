"""Tasks that end their process."""

import ctypes
import json
import os
import signal
import sys
from typing import Any

from flytekit import task


@task
def closes_every_descriptor() -> None:
    os.closerange(0, 65536)


@task
def exits_at_once() -> None:
    os._exit(0)


@task
def crashes() -> None:
    ctypes.string_at(0)


@task
def aborts() -> None:
    os.abort()


@task
def kills_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@task
def kills_its_group() -> None:
    os.killpg(0, signal.SIGKILL)


@task
def kills_its_parent() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()


@task
def terminates_itself() -> None:
    signal.raise_signal(signal.SIGTERM)


@task
def overflows_the_stack_of_c() -> None:
    sys.setrecursionlimit(1 << 30)
    nested: list[Any] = []
    for _ in range(1_000_000):
        nested = [nested]
    json.dumps(nested)
