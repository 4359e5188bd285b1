"""The process in which multiprocessing keeps track of shared memory and semaphores."""

from __future__ import annotations

import sys
from typing import Any


def tracker_pids() -> set[int]:
    """Its id, if the task has started one."""
    pid = tracker._pid if (tracker := _tracker()) is not None else None
    return set() if pid is None else {pid}


def end_tracker() -> None:
    """Has it delete what the task has not, and end, as it does at the end of a program."""
    if (tracker := _tracker()) is not None and tracker._pid is not None:
        # There is no public way. It waits for the process, which ends when nobody has its pipe any more.
        tracker._stop()


def _tracker() -> Any:
    module = sys.modules.get("multiprocessing.resource_tracker")
    return None if module is None else vars(module).get("_resource_tracker")
