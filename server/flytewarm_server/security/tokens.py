"""Bearer tokens: a file with one on each line, which is read again when it has changed."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from pathlib import Path

import structlog

from flytewarm_server.security.files import UnusableFileError, read_file, signature

_log = structlog.get_logger(__name__)
_OPTION = "token_file"
_SCHEME = "bearer"
# RFC 6750's characters; at least as long as 96 random bits in base64, and short beside the limit of metadata.
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]{16,1024}=*")
# How often a change of the file is looked for at most, in seconds.
_LOOK_SECONDS = 1.0


class TokenFile:
    """Knows a caller by the header `authorization: Bearer TOKEN`. Lives on the event loop."""

    def __init__(self, path: Path) -> None:
        """Raises UnusableFileError."""
        self._path = path
        self._signature = signature(path)
        self._digests = _read(path)
        self._look_at = time.monotonic() + _LOOK_SECONDS

    def admits(self, header: str | bytes | None) -> bool:
        """Whether the value of an authorization header has one of the tokens."""
        if (now := time.monotonic()) >= self._look_at:
            self._look_at = now + _LOOK_SECONDS
            self._refresh()
        if header is None:
            return False
        # aiohttp gives what is no UTF-8 as surrogates.
        given = header.encode(errors="surrogateescape") if isinstance(header, str) else header
        scheme, _, token = given.partition(b" ")
        # Digests are of one length, and every one is compared: how long that takes tells nothing of any token.
        digest = hashlib.sha256(token.strip()).digest()
        known = [hmac.compare_digest(digest, one) for one in self._digests]
        return any(known) and scheme.lower() == _SCHEME.encode()

    def _refresh(self) -> None:
        if (found := signature(self._path)) == self._signature:
            return
        self._signature = found
        try:
            self._digests = _read(self._path)
        except UnusableFileError as error:
            _log.warning("tokens not reloaded", option=_OPTION, reason=str(error))
        else:
            _log.info("tokens reloaded", file=str(self._path), tokens=len(self._digests))


def _read(path: Path) -> tuple[bytes, ...]:
    """Digests of the tokens; the tokens themselves are not kept."""
    digests = []
    for number, line in enumerate(read_file(_OPTION, path, private=True).splitlines(), 1):
        token = line.strip()
        if not token or token.startswith(b"#"):
            continue
        if not _TOKEN.fullmatch(token):
            wanted = "16 to 1024 characters of A-Z a-z 0-9 . _ ~ + / - with = at the end"
            raise UnusableFileError(_OPTION, path, f"a file with a token on each line: line {number} is not {wanted}")
        digests.append(hashlib.sha256(token).digest())
    if not digests:
        raise UnusableFileError(_OPTION, path, "a file with a token on each line: it has none")
    return tuple(digests)
