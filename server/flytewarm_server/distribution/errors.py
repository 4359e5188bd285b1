"""What can be wrong with a code distribution."""

from __future__ import annotations

from flytewarm_server.security.redaction import redacted


class DistributionError(Exception):
    """It cannot be used; the message names the distribution and, inside it, the entry, without secrets of URLs."""

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


class UnreachableDistributionError(DistributionError):
    """Its storage does not give it now; trying again may help."""
