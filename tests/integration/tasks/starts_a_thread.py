"""A module whose thread no fork survives: workers that preload it are exec'd."""

import json
import os
import threading

from flytekit import task

threading.Thread(target=threading.Event().wait, name="left", daemon=True).start()


@task
def process() -> str:
    """What the process of a worker looks like from inside."""
    open_files = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_open(fd)]
    with open("/proc/self/cmdline") as command:
        arguments = command.read().split("\0")
    return json.dumps(
        {
            "pid": os.getpid(),
            "parent": os.getppid(),
            "leads its session": os.getsid(0) == os.getpid(),
            "threads": sorted(thread.name for thread in threading.enumerate()),
            "open": sorted(os.path.basename(target).partition(":[")[0] for target in open_files),
            "program": next((argument for argument in arguments if "import main" in argument), ""),
            "variables": sorted(os.environ),
        }
    )


def _is_open(fd: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{fd}")
