"""URLs in texts, without their secrets."""

from __future__ import annotations

import pytest

from flytewarm_server.security.redaction import redacted


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("no URL: a//b", "no URL: a//b"),
        ("s3://bucket/app/x.tar.gz does not exist", "s3://bucket/app/x.tar.gz does not exist"),
        ("at http://user:word@host/x now", "at http://***@host/x now"),
        ("https://word@host", "https://***@host"),
        ("URL('https://host/x?a=1&X-Amz-Signature=word')", "URL('https://host/x?***"),
        ('"https://u:w@host/x?word" and http://u:w@h', '"https://***@host/x?*** and http://***@h'),
        ("zip://x::https://u:w@host/y", "zip://x::https://***@host/y"),
        ("git+https://word@host/x.git@main", "git+https://***@host/x.git@main"),
        ("https://u:p@ss@host/x", "https://***@host/x"),
        ("ftp://us:hun'ter2@host/x", "ftp://***@host/x"),
        ("https://h/it's/x.tar.gz?sig=word", "https://h/it's/x.tar.gz?***"),
    ],
)
def test_redacted(text: str, left: str) -> None:
    assert redacted(text) == left
