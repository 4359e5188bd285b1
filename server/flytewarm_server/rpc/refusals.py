"""What an operator learns of calls that end with a status other than OK: a count of all, a line in the log of some."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import grpc
import structlog
from google.rpc import error_details_pb2

from flytewarm_server.rpc.status import CallError

_log = structlog.get_logger(__name__)
# In so many seconds there is one line for each kind and peer, and no more than so many lines in all: who calls wrongly
# does so again and again.
_WINDOW_SECONDS = 60.0
_MOST_LINES = 100


class Refusals:
    """Counts them, and logs the first of each kind from each peer in a while. Lives on the event loop."""

    def __init__(self, count: Callable[[str, str], None], clock: Callable[[], float] = time.monotonic) -> None:
        """`count(code, reason)` is called with each; see Metrics.call_refused. `clock` gives seconds."""
        self._count = count
        self._clock = clock
        self._window_ends = 0.0
        # By kind and peer: how many there were in this window, and in the one before.
        self._now: Counter[tuple[str, str, str, str]] = Counter()
        self._before: Counter[tuple[str, str, str, str]] = Counter()

    def note(self, method: str, error: CallError, context: Any) -> None:
        """A call of `method` ends with this status. Nothing that the caller has sent is logged."""
        code, reason = error.code.name, error.reason
        self._count(code, reason)
        # The log has the service's own faults already, with their traceback.
        if error.code is not grpc.StatusCode.INTERNAL:
            self._tell((code, reason, method, _peer(context)), error)

    def _tell(self, kind: tuple[str, str, str, str], error: CallError) -> None:
        if (now := self._clock()) >= self._window_ends:
            self._window_ends = now + _WINDOW_SECONDS
            self._before, self._now = self._now, Counter()
        if kind not in self._now and len(self._now) >= _MOST_LINES:
            return
        self._now[kind] += 1
        if self._now[kind] == 1:
            code, reason, method, peer = kind
            told = {"code": code, "reason": reason, "method": method, "peer": peer, **_particulars(error)}
            unsaid = max(0, self._before[kind] - 1)
            _log.info("call refused", **{name: text for name, text in told.items() if text}, unsaid=unsaid)


def _particulars(error: CallError) -> dict[str, str]:
    """The fields and the option that a status names: names of the contract and of the service, no values."""
    found: dict[str, str] = {}
    for detail in error.details:
        if isinstance(detail, error_details_pb2.BadRequest):
            found["fields"] = ", ".join(dict.fromkeys(one.field for one in detail.field_violations))
        elif isinstance(detail, error_details_pb2.ErrorInfo):
            found["option"] = detail.metadata.get("limit", "") or detail.metadata.get("option", "")
    return found


def _peer(context: Any) -> str:
    """Who called: an address without the port, which is another each time."""
    peer: str = context.peer()
    return peer.rpartition(":")[0] if peer.startswith(("ipv4:", "ipv6:")) else peer.partition(":")[0]
