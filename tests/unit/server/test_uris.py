"""Whether one URI is below another, asked by somebody who wants to get around the answer."""

from __future__ import annotations

import pytest

from flytewarm_server.security.uris import is_below, place


@pytest.mark.parametrize(
    ("uri", "prefix"),
    [
        ("s3://bucket/app/x.tar.gz", "s3://bucket/app"),
        ("s3://bucket/app/x.tar.gz", "s3://bucket/app/"),
        ("s3://bucket/app", "s3://bucket/app"),
        ("s3://bucket/app/", "s3://bucket/app"),
        ("s3://bucket/any/thing", "s3://bucket"),
        ("s3://bucket/a%20b/x", "s3://bucket/"),
        ("s3://bucket//app", "s3://bucket"),
        ("/srv/code/a..b/x", "/srv/code"),
        ("/srv/code/x", "file:///srv/code"),
        ("file:///srv/code/x", "/srv/code"),
        ("/anything", "/"),
        ("https://host:8443/app/x?signature=a%2Bb", "https://host:8443/app"),
    ],
)
def test_below(uri: str, prefix: str) -> None:
    assert is_below(uri, ["gs://other", prefix])


@pytest.mark.parametrize(
    ("uri", "prefix"),
    [
        # Beside it, or above.
        ("s3://bucket/app-evil/x", "s3://bucket/app"),
        ("s3://bucket/ap", "s3://bucket/app"),
        ("s3://bucket-evil/app/x", "s3://bucket"),
        ("s3://bucket", "s3://bucket/app"),
        ("gs://bucket/app/x", "s3://bucket/app"),
        ("S3://bucket/app/x", "s3://bucket/app"),
        ("s3a://bucket/app/x", "s3://bucket/app"),
        ("/srv/code2/x", "/srv/code"),
        # Up and down again, quoted or not.
        ("s3://bucket/app/../evil/x", "s3://bucket/app"),
        ("s3://bucket/app/./x", "s3://bucket/app"),
        ("/srv/code/../../etc/x", "/srv/code"),
        ("https://host/app/%2e%2e/evil", "https://host/app"),
        ("https://host/app/.%2E/evil", "https://host/app"),
        ("https://host/app/%252e%252e/evil", "https://host/app"),
        ("https://host/app/%25252e%25252e/evil", "https://host/app"),
        ("https://host/app/%2525252525252e%2525252525252e/evil", "https://host/app"),
        ("https://host/app/..%2fevil", "https://host/app"),
        ("https://host/app/..;/evil", "https://host/app"),
        ("https://host/app/..\\evil", "https://host/app"),
        ("https://host/app/%5c..%5cevil", "https://host/app"),
        ("https://host/app/.\t./evil", "https://host/app"),
        ("https://host/app/%09../evil", "https://host/app"),
        ("s3://bucket/app/x\n", "s3://bucket/app"),
        ("s3://bucket/app/\0x", "s3://bucket/app"),
        # Another host.
        ("https://host@evil/app/x", "https://host"),
        ("https://host:80@evil/app/x", "https://host/app"),
        ("https://host.evil/app/x", "https://host"),
        ("https://host/app?x", "https://host/app"),
        # fsspec's chains, and what it takes for a protocol.
        ("zip://x.tar.gz::s3://bucket/app/y.zip", "s3://bucket/app"),
        ("s3://bucket/app/x::https://evil/y", "s3://bucket/app"),
        ("simplecache::s3://bucket/app/x", "s3://bucket/app"),
        ("file:/srv/code/x", "/srv/code"),
        ("file:/etc/x?://srv/code", "/"),
        ("/srv/code://x", "/srv"),
        ("local:///srv/code/x", "/srv/code"),
        ("file://~/x", "/"),
        ("file://host/srv/code", "/srv"),
        ("file://", "/"),
        ("srv/code/x", "/srv"),
        ("", "/"),
        ("://x", "/"),
        ("s3:///x", "s3://bucket"),
    ],
)
def test_not_below(uri: str, prefix: str) -> None:
    assert place(prefix) is not None
    assert not is_below(uri, [prefix])


def test_nothing_is_below_nothing() -> None:
    assert not is_below("s3://bucket/app", [])
