"""Memory that large messages took is given back to the kernel, once they are gone."""

from __future__ import annotations

import asyncio

from flytewarm_api.worker import allocator

# An outcome is on its way to its readers for a while; and what large values have taken is of use to the next ones, if
# these come soon. In seconds.
_PAUSE = 1.0


class MemoryReturn:
    """Gives back what the service's own process has freed. Lives on the server's event loop."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def passed(self, size: int) -> None:
        """Inputs and outputs of `size` bytes have passed through the service."""
        if size >= allocator.LARGE_BYTES:
            self.close()
            self._timer = self._loop.call_later(_PAUSE, self._give_back)

    def close(self) -> None:
        """Gives nothing back any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _give_back(self) -> None:
        self._timer = None
        # On a thread: it may take a while.
        self._loop.run_in_executor(None, allocator.give_back)
