"""Targets, and what a connection is made with."""

from __future__ import annotations

import socket

import pytest
from scripted import ScriptedService

from flytewarm import AsyncExecutor, Executor
from flytewarm.channel import channel_options, is_local, resolve_target, why_unreachable


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:8700",
        "host.name:1",
        "dns:///host.name:1",
        "[::1]:65535",
        "unix:/run/s.sock",
        "unix:relative.sock",
        "unix:///s",
    ],
)
def test_targets(target: str) -> None:
    assert resolve_target(target) == target


@pytest.mark.parametrize(
    "target",
    ["", "host", "host:", ":80", "host:0", "host:65536", "host:x", "http://host:1", "unix:", "unix:" + 108 * "x"],
)
@pytest.mark.parametrize("kind", [Executor, AsyncExecutor])
def test_a_bad_target_is_named(kind: type[Executor] | type[AsyncExecutor], target: str) -> None:
    with pytest.raises(ValueError, match="is none of host:port, dns:///host:port and unix:PATH") as caught:
        kind(target)
    assert repr(target) in str(caught.value)


def test_the_default_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLYTEWARM_TARGET", raising=False)
    assert resolve_target() == "127.0.0.1:8700"
    monkeypatch.setenv("FLYTEWARM_TARGET", "")
    assert resolve_target() == "127.0.0.1:8700"
    monkeypatch.setenv("FLYTEWARM_TARGET", "unix:/s")
    assert resolve_target() == "unix:/s"
    assert resolve_target("h:1") == "h:1"
    monkeypatch.setenv("FLYTEWARM_TARGET", "nonsense")
    with pytest.raises(ValueError, match="from FLYTEWARM_TARGET"):
        resolve_target()


def test_connections_are_kept_but_not_pinged_more_often_than_servers_allow() -> None:
    options = dict(channel_options("dns:///host:1"))
    assert options["grpc.lb_policy_name"] == "round_robin"
    assert int(options["grpc.keepalive_time_ms"]) >= 5 * 60 * 1000
    assert options["grpc.max_receive_message_length"] == -1


@pytest.mark.parametrize(
    ("target", "direct"),
    [("localhost:1", True), ("127.0.0.1:1", True), ("[::1]:1", True), ("host:1", False), ("127.host:1", False)],
)
def test_loopback_has_no_proxy(target: str, direct: bool) -> None:
    assert (("grpc.enable_http_proxy", 0) in channel_options(target)) is direct


@pytest.mark.parametrize(
    ("target", "local"),
    [("unix:/s", True), ("localhost:1", True), ("dns:///localhost:1", True), ("[::1]:1", True), ("10.0.0.1:1", False)],
)
def test_local_targets(target: str, local: bool) -> None:
    assert is_local(target) is local


def test_why_a_target_cannot_be_reached(scripted: ScriptedService) -> None:
    assert why_unreachable(scripted.target) is None
    assert why_unreachable("unix:/nonexistent") == "No such file or directory"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert why_unreachable(f"127.0.0.1:{port}") is None
        assert why_unreachable(f"dns:///localhost:{port}") is None
    assert why_unreachable(f"127.0.0.1:{port}") == "Connection refused"
