"""How the server learns where a worker's threads are: a signal has the worker write their stacks to a file."""

from __future__ import annotations

import os
import signal
from pathlib import Path

# Not one that tasks or the entrypoint use: SIGUSR1 writes the stacks to the task's standard error.
SIGNAL = signal.SIGRTMIN + 7
# In bytes: an error has to fit into a message, and threads may be many.
_MOST_BYTES = 64 << 10


def stacks_file(directory: Path) -> Path:
    """Where a worker writes them, in its own directory."""
    return directory / "stacks"


def read_stacks(directory: Path) -> str:
    """What a worker has written; empty when it has not."""
    try:
        # The task may have put anything there: a link, a pipe that nobody writes to, a file for the directory.
        fd = os.open(stacks_file(directory), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            return file.read(_MOST_BYTES).decode(errors="replace")
    except (OSError, TypeError):  # TypeError: a pipe that has nothing gives None
        return ""
