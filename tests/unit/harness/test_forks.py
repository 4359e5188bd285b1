"""What tests fork leaves alone what is not theirs."""

from __future__ import annotations

import gc
import os
import weakref


class _Cycle:
    def __init__(self) -> None:
        self.itself = self


def test_a_fork_does_not_collect_the_garbage_of_its_parent() -> None:
    gc.collect()
    collected: list[bool] = []
    cycle = _Cycle()
    gc.disable()
    try:
        weakref.finalize(cycle, collected.append, True)
        del cycle
        if (pid := os.fork()) == 0:
            gc.collect()
            os._exit(len(collected))
    finally:
        gc.enable()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    gc.collect()
    assert collected == [True]
