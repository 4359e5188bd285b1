"""The calls that are open, and whether the last answers may still be unread when connections are to be closed."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType

# A client of gRPC that writes to a connection which is closed already, be it but a ping's acknowledgement, gives up
# what it has not read. So connections stay for so long after the end of a call, in seconds.
_READ_SECONDS = 0.2


class OpenCalls:
    """Counts calls, each of which is a `with` block. Lives on the server's event loop."""

    def __init__(self) -> None:
        self._count = 0
        self._last_end = float("-inf")
        self._none = asyncio.Event()
        self._none.set()

    def __enter__(self) -> None:
        self._count += 1
        self._none.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._count -= 1
        if not self._count:
            self._last_end = asyncio.get_running_loop().time()
            self._none.set()

    async def answered(self, seconds: float) -> None:
        """Returns when all calls have ended and clients had time to read their answers, but after `seconds` at most."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._answered(), seconds)

    async def _answered(self) -> None:
        while True:
            await self._none.wait()
            rest = self._last_end + _READ_SECONDS - asyncio.get_running_loop().time()
            if rest <= 0:
                return
            await asyncio.sleep(rest)
