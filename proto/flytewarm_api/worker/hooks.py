"""The functions that task authors give to the workers: kept by flytewarm.worker, called by the worker they are in."""

from __future__ import annotations

from collections.abc import Callable

Hook = Callable[[], object]


class Hooks:
    """Those of this process. One that no worker runs in keeps them for nothing."""

    def __init__(self) -> None:
        #: What is to be called before the next execution, in this order; taken out by whoever calls it.
        self.worker_start: list[Hook] = []
        #: What is to be called when an execution is ended, the last one first.
        self.cancel: list[Hook] = []
        #: Is told of each new one in `cancel`, while an execution runs.
        self.cancel_added: Callable[[], None] | None = None

    def add_cancel(self, hook: Hook) -> None:
        """Adds to `cancel`. Raises what `cancel_added` raises, leaving it out."""
        self.cancel.append(hook)
        if self.cancel_added is not None:
            try:
                self.cancel_added()
            except BaseException:
                self.cancel.remove(hook)
                raise


#: There is one of each process.
HOOKS = Hooks()
