"""The calls that are open, and whether the last answers may still be unread when connections are to be closed."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType

# A client of gRPC that writes to a connection which is closed already, be it but a ping's acknowledgement, gives up
# what it has not read. So connections stay for so long after the end of a call, in seconds.
_READ_SECONDS = 0.2


class OpenCalls:
    """Counts calls until the end of those that are open is waited for. Lives on the server's event loop."""

    def __init__(self) -> None:
        self._count = 0
        self._last_end = float("-inf")
        self._none = asyncio.Event()
        self._none.set()
        self._closed = False

    def call(self) -> contextlib.AbstractContextManager[object]:
        """One call: a block."""
        # A client that asks again and again whether the service is there would have it stay.
        return contextlib.nullcontext() if self._closed else _Call(self)

    def begun(self) -> None:
        """A call that counts has begun."""
        self._count += 1
        self._none.clear()

    def ended(self) -> None:
        """It has ended."""
        self._count -= 1
        if not self._count:
            self._last_end = asyncio.get_running_loop().time()
            self._none.set()

    async def answered(self, seconds: float) -> None:
        """Returns when all calls that are open now have ended, and clients had time to read their answers, but after
        `seconds` at most."""
        self._closed = True
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._answered(), seconds)

    async def _answered(self) -> None:
        await self._none.wait()
        await asyncio.sleep(max(0.0, self._last_end + _READ_SECONDS - asyncio.get_running_loop().time()))


class _Call:
    __slots__ = ("_calls",)

    def __init__(self, calls: OpenCalls) -> None:
        self._calls = calls

    def __enter__(self) -> None:
        self._calls.begun()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._calls.ended()
