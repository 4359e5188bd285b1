"""Certificates and tokens of the client: where they come from, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trustme

from flytewarm import AsyncExecutor, Credentials, Executor

FAR, NEAR = "service.test:8700", ["unix:/s", "127.0.0.1:1", "localhost:1", "[::1]:1"]
KINDS = pytest.mark.parametrize("kind", [Executor, AsyncExecutor])
NAMES = ("TLS", "CA_CERT", "CLIENT_CERT", "CLIENT_KEY", "TOKEN", "TOKEN_FILE")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(f"FLYTEWARM_{name}", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with tokens."""
    path = tmp_path / "token"
    path.write_text("# the new one first\n\n  one-token \nanother\n")
    return path


@KINDS
def test_a_token_does_not_travel_in_the_clear(kind: type[Executor] | type[AsyncExecutor], file: Path) -> None:
    for credentials in (Credentials(token="secret-words"), Credentials(token_file=file)):
        with pytest.raises(ValueError, match=r"a token would travel to service\.test:8700 in the clear") as caught:
            kind(FAR, credentials=credentials)
        assert "secret-words" not in str(caught.value)
        for target in NEAR:
            kind(target, credentials=credentials)
    kind(FAR, credentials=Credentials(tls=True, token="secret-words"))
    kind(FAR, credentials=Credentials())


@KINDS
def test_the_environment_counts_unless_credentials_are_given(
    kind: type[Executor] | type[AsyncExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYTEWARM_TOKEN", "secret-words")
    with pytest.raises(ValueError, match="in the clear"):
        kind(FAR)
    kind(FAR, credentials=Credentials())
    monkeypatch.setenv("FLYTEWARM_TLS", "true")
    kind(FAR)


def test_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES[1:]:
        monkeypatch.setenv(f"FLYTEWARM_{name}", f"/{name}")
    found = Credentials.from_environment()
    assert (found.tls, found.ca_cert, found.client_cert, found.client_key) == (
        False,
        "/CA_CERT",
        "/CLIENT_CERT",
        "/CLIENT_KEY",
    )
    assert (found.token, found.token_file) == ("/TOKEN", None)
    given = Credentials.from_environment(ca_cert="/a", client_cert="/b", client_key="/c", token_file="/d")
    assert (given.ca_cert, given.client_cert, given.client_key) == ("/a", "/b", "/c")
    assert (given.token, given.token_file) == (None, "/d")
    monkeypatch.setenv("FLYTEWARM_TOKEN", "")
    assert Credentials.from_environment().token_file == "/TOKEN_FILE"
    monkeypatch.setenv("FLYTEWARM_TLS", "maybe")
    with pytest.raises(ValueError, match="FLYTEWARM_TLS: 'maybe' is neither true nor false"):
        Credentials.from_environment()


def test_what_belongs_together() -> None:
    with pytest.raises(ValueError, match=r"needed together; client_key \(--client-key\) is missing"):
        Credentials(client_cert="/x")
    with pytest.raises(ValueError, match=r"needed together; client_cert \(--client-cert\) is missing"):
        Credentials(client_key="/x")
    with pytest.raises(ValueError, match="either a token or a file"):
        Credentials(token="x", token_file="/x")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(ValueError, match=rf"ca_cert \(--ca-cert\) {missing} cannot be read: No such file or directory"):
        Executor(FAR, credentials=Credentials(ca_cert=missing))
    with pytest.raises(
        ValueError, match=rf"token_file \(--token-file\) {missing} cannot be read: No such file or directory"
    ):
        Executor("unix:/s", credentials=Credentials(token_file=missing))
    missing.write_text("# nothing\n")
    with pytest.raises(ValueError, match="has no token"):
        Executor("unix:/s", credentials=Credentials(token_file=missing))


@pytest.fixture
def pairs(tmp_path: Path) -> list[tuple[Path, Path]]:
    """Two certificates with their keys."""
    made = []
    for name in ("one", "other"):
        issued = trustme.CA().issue_cert(f"{name}.test")
        made.append((tmp_path / f"{name}.pem", tmp_path / f"{name}.key"))
        made[-1][0].write_bytes(issued.cert_chain_pems[0].bytes())
        made[-1][1].write_bytes(issued.private_key_pem.bytes())
    return made


@KINDS
def test_files_that_cannot_be_used_are_named(
    kind: type[Executor] | type[AsyncExecutor], pairs: list[tuple[Path, Path]], file: Path
) -> None:
    (certificate, key), (_, other_key) = pairs
    kind(FAR, credentials=Credentials(ca_cert=certificate, client_cert=certificate, client_key=key))
    for name, credentials in [
        ("ca_cert", Credentials(ca_cert=file)),
        ("client_cert", Credentials(client_cert=file, client_key=key)),
        ("ca_cert", Credentials(ca_cert=key)),
    ]:
        with pytest.raises(
            ValueError, match=rf"{name} \(--{name.replace('_', '-')}\) .* is no PEM file of certificates"
        ):
            kind(FAR, credentials=credentials)
    for wrong in (other_key, file):
        fault = rf"client_key \(--client-key\) {wrong} is no PEM private key.* of the certificate in {certificate}"
        with pytest.raises(ValueError, match=fault):
            kind(FAR, credentials=Credentials(client_cert=certificate, client_key=wrong))


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "naïve"])
def test_tokens_that_are_no_header(token: str) -> None:
    with pytest.raises(ValueError, match=r"^token is empty, or has characters other than visible ones of ASCII$"):
        Executor("unix:/s", credentials=Credentials(token=token))


def test_a_token_is_not_shown() -> None:
    assert "secret-words" not in repr(Credentials(token="secret-words"))


def test_a_file_is_read_again_when_it_has_changed(file: Path) -> None:
    bearer = Credentials(token_file=file).bearer()
    assert bearer.metadata() == (("authorization", "Bearer one-token"),)
    file.write_text("next-token\n")
    os.utime(file, ns=(1, 1))
    assert bearer.metadata() == (("authorization", "Bearer next-token"),)
    file.unlink()
    assert bearer.metadata() == (("authorization", "Bearer next-token"),)
    assert Credentials().bearer().metadata() == ()
