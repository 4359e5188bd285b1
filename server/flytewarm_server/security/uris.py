"""Whether one URI is below another, for URIs that somebody has written to get around that question."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_FILE = "file"
# urllib and others leave control characters out, and what is left of "/.\t./" is "/../".
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]|::")
# How often a segment is looked at, unquoted once more each time; what has still not come to rest is refused.
_UNQUOTES = 3

Place = tuple[str, str, tuple[str, ...]]


def place(uri: str) -> Place | None:
    """Its scheme, authority and path, by segments; None for a URI that may mean another place than it says.

    An absolute path is a URI of the scheme file. Chains (`::`) are refused, as are `.` and `..`, also quoted.
    """
    scheme, found, rest = uri.partition("://")
    if uri.startswith("/") and not found:
        scheme, rest = _FILE, uri
    if _FORBIDDEN.search(uri) or not _SCHEME.fullmatch(scheme):
        return None
    authority, slash, path = rest.partition("/")
    segments = tuple(path.split("/")) if slash else ()
    if (scheme == _FILE) == bool(authority) or not (authority or slash) or any(map(_leads_elsewhere, segments)):
        return None
    return scheme, authority, segments[:-1] if segments and not segments[-1] else segments


def is_below(uri: str, prefixes: Iterable[str]) -> bool:
    """Whether it is one of these places, or below one; whole segments are compared."""
    found = place(uri)
    if found is None:
        return False
    for prefix in map(place, prefixes):
        if prefix is not None and found[:2] == prefix[:2] and found[2][: len(prefix[2])] == prefix[2]:
            return True
    return False


def _leads_elsewhere(segment: str) -> bool:
    for _ in range(_UNQUOTES):
        # Some servers take what follows a semicolon for a parameter of the segment.
        if segment.partition(";")[0] in {".", ".."} or "/" in segment or _FORBIDDEN.search(segment):
            return True
        before, segment = segment, unquote(segment)
        if segment == before:
            return False
    return True
