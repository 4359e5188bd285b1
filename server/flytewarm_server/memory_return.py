"""Memory that large messages took is given back to the kernel, once they are gone."""

from __future__ import annotations

import asyncio

from flytewarm_api.worker import allocator

# An outcome is on its way to its readers for a while, to slow ones for a long one; and what large values have taken is
# of use to the next ones, if these come soon. Seconds after the last ones.
_PAUSES = (1.0, 10.0, 60.0)


class MemoryReturn:
    """Gives back what the service's own process has freed. Lives on the server's event loop."""

    def __init__(self) -> None:
        self._timers: list[asyncio.TimerHandle] = []
        self._loop = asyncio.get_running_loop()

    def passed(self, size: int) -> None:
        """Inputs and outputs of `size` bytes have passed through the service."""
        if size >= allocator.LARGE_BYTES:
            allocator.keep_freed()
            self.close()
            self._timers = [self._loop.call_later(pause, self._give_back) for pause in _PAUSES]

    def close(self) -> None:
        """Gives nothing back any more."""
        for timer in self._timers:
            timer.cancel()

    def _give_back(self) -> None:
        # On a thread: it may take a while.
        self._loop.run_in_executor(None, allocator.give_back)
