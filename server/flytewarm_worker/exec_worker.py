"""Workers that are exec'd: for code whose threads or CUDA context no fork survives.

A child of the environment's zygote becomes a fresh interpreter, which imports everything itself and is a worker like
the others then: same socket, same pipes, same parent. What the kernel keeps over an exec holds as before: session,
parent and parent-death signal.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import NoReturn

from flytewarm_api.worker.v1 import frames_pb2
from flytewarm_worker.loading import freeze, load_base, load_environment

# Not -m: that would put the working directory first on sys.path.
_PROGRAM = "import sys; from flytewarm_worker.exec_worker import main; main(*map(int, sys.argv[1:]))"


def become(start: frames_pb2.StartWorker, fds: list[int]) -> NoReturn:
    """Execs a worker in a process that was just forked, with three descriptors (frames.proto, ForkWorker)."""
    try:
        # Not in the arguments, which everybody can read: there may be secrets among the variables.
        start_fd = os.memfd_create("start-worker")
        with open(start_fd, "wb", closefd=False) as file:
            file.write(start.SerializeToString())
        given = [start_fd, *fds]
        _keep_over_exec(given)
        os.execv(sys.executable, [sys.executable, "-c", _PROGRAM, *map(str, given)])
    except BaseException:  # noqa: BLE001  # this copy of the zygote must not go on
        traceback.print_exc()
    finally:
        os._exit(1)


def _keep_over_exec(fds: list[int]) -> None:
    """Has these descriptors, beside 0 to 2, survive an exec, and no others: a C library may have opened some that
    would."""
    for name in os.listdir("/proc/self/fd"):
        # The descriptor of the listing itself is closed by now.
        with contextlib.suppress(OSError):
            if int(name) > 2:
                os.set_inheritable(int(name), int(name) in fds)


def main(start_fd: int, control_fd: int, stdout_fd: int, stderr_fd: int) -> NoReturn:
    """Runs a worker in an interpreter that was just exec'd. Ends the process when the server goes away."""
    with open(start_fd, "rb") as file:
        file.seek(0)
        start = frames_pb2.StartWorker.FromString(file.read())
    load_base()
    from flytewarm_worker import worker

    def load() -> None:
        load_environment(start.environment)
        freeze()

    worker.main(start.worker, control_fd, stdout_fd, stderr_fd, load=load)
