"""Credentials of the service's own reads and writes: the request's, as the task's process would find them."""

from __future__ import annotations

from typing import Any

import pytest

from flytewarm_server.storage import storage_options

_AWS = {"AWS_ACCESS_KEY_ID": "of-aws", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
_FLYTE = {"FLYTE_AWS_ACCESS_KEY_ID": "of-flyte", "FLYTE_AWS_SECRET_ACCESS_KEY": "f"}


@pytest.fixture(autouse=True)
def _no_credentials_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*_AWS, *_FLYTE, "FLYTE_AWS_ENDPOINT", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variables", "credentials"),
    [
        ({}, {}),
        (_FLYTE, {"key": "of-flyte", "secret": "f"}),
        (_AWS, {"key": "of-aws", "secret": "s", "token": "t"}),
        # flytekit gives its own to the file system, which then does not look for others.
        ({**_AWS, **_FLYTE}, {"key": "of-flyte", "secret": "f"}),
    ],
)
def test_credentials_of_the_request(variables: dict[str, str], credentials: dict[str, Any]) -> None:
    options = storage_options("s3://bucket/key", variables)
    assert {name: options[name] for name in ("key", "secret", "token") if name in options} == credentials


@pytest.mark.parametrize("name", ["FLYTE_AWS_ENDPOINT", "AWS_ENDPOINT_URL"])
def test_the_endpoint_of_the_request(name: str) -> None:
    options = storage_options("s3://bucket/key", {name: "http://127.0.0.1:1"})
    assert options["client_kwargs"] == {"endpoint_url": "http://127.0.0.1:1"}


def test_the_services_own_variables_are_there_for_requests_without(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _FLYTE.items():
        monkeypatch.setenv(name, value)
    assert storage_options("s3://bucket/key", {})["key"] == "of-flyte"
    assert storage_options("s3://bucket/key", {"FLYTE_AWS_ACCESS_KEY_ID": "given"})["key"] == "given"


def test_credentials_are_for_s3_alone() -> None:
    assert storage_options("/a/path", _AWS) == {"auto_mkdir": True}
    assert storage_options("memory://a", _AWS) == {}
