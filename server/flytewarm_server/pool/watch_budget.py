"""How many workers may have the kernel watch their sandboxes: each takes one of the few queues that a user may have."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
# The rest is for the tasks, and for whatever else the user runs.
_SHARE = 4


class WatchBudget:
    """Of all workers of the service. Lives on the server's event loop."""

    def __init__(self, most: int) -> None:
        """`most`: workers at a time."""
        self._left = most

    def take(self, exited: asyncio.Future[Any]) -> bool:
        """Whether one more worker may, until `exited` is done."""
        if self._left <= 0:
            return False
        self._left -= 1
        exited.add_done_callback(self._give_back)
        return True

    def _give_back(self, _exited: asyncio.Future[Any]) -> None:
        self._left += 1


def watch_budget() -> WatchBudget:
    """A quarter of what the kernel grants a user (inotify(7)); nothing where it does not tell."""
    with contextlib.suppress(OSError, ValueError):
        return WatchBudget(int(_LIMIT.read_text()) // _SHARE)
    return WatchBudget(0)
