"""What is done for an environment before it is known which one it is."""

from __future__ import annotations

from collections.abc import Callable

from flytewarm_server.distribution.store import Fetched
from flytewarm_server.pool.forked_zygote import ForkedZygote, Origin

# Requests for code that cannot be had must not cost more than this many processes at once.
_MOST_FORKED = 4


class Ahead:
    """Its code, fetched; its zygote, forked. Whoever has it discards it in the end."""

    def __init__(self, zygote: ForkedZygote | None = None, on_end: Callable[[], None] = lambda: None) -> None:
        """`on_end` is called once, when the zygote is taken or ended."""
        self.fetched: Fetched | None = None
        self._zygote = zygote
        self._on_end = on_end

    def take_zygote(self) -> ForkedZygote | None:
        """The zygote, which is the caller's from now on; None when there is none any more."""
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            self._on_end()
        return zygote

    def discard(self) -> None:
        """Removes and ends what nobody has taken."""
        if self.fetched is not None:
            self.fetched.archive.unlink(missing_ok=True)
        if (zygote := self.take_zygote()) is not None:
            zygote.end()


class ForksAhead:
    """Zygotes that are forked while the code of their environments is fetched: one for each distribution."""

    def __init__(self) -> None:
        self._uris: set[str] = set()

    def begin(self, uri: str, origin: Origin | None) -> Ahead:
        """Forks one from `origin`, if that runs, for what `uri` holds; not if it has one, or others have four."""
        if origin is None or uri in self._uris or len(self._uris) >= _MOST_FORKED:
            return Ahead()
        if (zygote := ForkedZygote.fork(origin)) is None:
            return Ahead()
        self._uris.add(uri)
        return Ahead(zygote, lambda: self._uris.remove(uri))
