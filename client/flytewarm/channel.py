"""Where the service is, and how a connection to it behaves."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass

from flytewarm_api import nesting

DEFAULT_TARGET = "127.0.0.1:8700"
# Servers end connections that ping more often than every five minutes (gRPC's default); a little more is safe.
KEEPALIVE_MS = 330_000
# What to look for when a connection does not come about.
_TLS_HINT = (
    "does the service speak TLS, is its certificate signed by one of ca_cert (--ca-cert) and valid for that name, and"
    " does it want a certificate of its clients (client_cert, --client-cert)?"
)
_NO_TLS_HINT = "does the service speak TLS (ca_cert or tls of Credentials, --ca-cert or --tls)?"
_UNIX = "unix:"
# A name that stands for several services, such as a headless Service of Kubernetes: calls are spread over them.
_DNS = "dns:///"
# The size of sun_path on Linux, less the NUL.
_MAX_SOCKET_PATH = 107
_HOST_PORT = re.compile(r"(?P<host>\[[0-9a-fA-F:.%\w]+\]|[^\s:/\[\]]+):(?P<port>\d{1,5})")
# Long enough for a network, short enough for somebody who waits for an error message.
_PROBE_TIMEOUT_S = 3.0
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|\[::1\]")


def resolve_target(target: str | None = None) -> str:
    """The target to use: `target`, else FLYTEWARM_TARGET, else in a task the service that runs it, else 127.0.0.1:8700.

    Raises ValueError, which names the target, unless it is host:port (an IPv6 address in brackets), dns:///host:port
    for a name with several addresses, or unix:PATH.
    """
    chosen = target
    if chosen is None:
        chosen = os.environ.get(nesting.TARGET_VARIABLE) or nesting.service() or DEFAULT_TARGET
    if chosen.startswith(_UNIX):
        path = chosen.removeprefix(_UNIX)
        valid = 0 < len(os.fsencode(path)) <= _MAX_SOCKET_PATH
    else:
        parts = _HOST_PORT.fullmatch(chosen.removeprefix(_DNS))
        valid = parts is not None and 0 < int(parts["port"]) <= 65535
    if not valid:
        origin = f" (from {nesting.TARGET_VARIABLE})" if target is None else ""
        raise ValueError(
            f"target {chosen!r}{origin} is none of host:port, dns:///host:port and unix:PATH"
            f" of at most {_MAX_SOCKET_PATH} bytes"
        )
    return chosen


def is_unix(target: str) -> bool:
    """Whether a resolved target is a Unix socket."""
    return target.startswith(_UNIX)


def is_local(target: str) -> bool:
    """Whether a resolved target is on this machine: a Unix socket or loopback."""
    parts = _HOST_PORT.fullmatch(target.removeprefix(_DNS))
    return target.startswith(_UNIX) or (parts is not None and _LOOPBACK.fullmatch(parts["host"]) is not None)


def why_unreachable(target: str) -> str | None:
    """Why nothing can be connected to at a resolved target; None when something listens there."""
    try:
        if target.startswith(_UNIX):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_PROBE_TIMEOUT_S)
                connection.connect(target.removeprefix(_UNIX))
        else:
            host, _, port = target.removeprefix(_DNS).rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), _PROBE_TIMEOUT_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


@dataclass
class Connection:
    """A connection as far as it is known when a call fails."""

    target: str
    """Resolved."""
    secured: bool
    """Whether it speaks TLS."""
    answered: bool = False
    """Whether anything ever came back."""

    def hint(self) -> str:
        """What may be the matter when the service is not reached; empty when nothing is known. On another machine it is
        not looked whether anything listens: that could take seconds."""
        reason = why_unreachable(self.target) if is_local(self.target) else None
        if reason is not None:
            return no_service(self.target, reason)
        if self.answered or is_unix(self.target):
            return ""
        return f"no connection to {self.target} came about: {_TLS_HINT if self.secured else _NO_TLS_HINT}"


def no_service(target: str, reason: str) -> str:
    """That nothing listens at a resolved target, and how that changes."""
    told = f"no service at {target} ({reason})"
    if not is_local(target):
        return told
    listen = "" if target == DEFAULT_TARGET else f" --listen {target}"
    return f"{told}; start one with: flytewarm serve --app-dir DIR{listen}"


def channel_options(target: str) -> list[tuple[str, int | str]]:
    """gRPC options for a channel to a resolved target."""
    options: list[tuple[str, int | str]] = [
        # The service limits what it sends; whatever it sends was asked for.
        ("grpc.max_receive_message_length", -1),
        # An execution may be silent for hours, while balancers and firewalls forget idle connections.
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", 20_000),
    ]
    if target.startswith(_DNS):
        options.append(("grpc.lb_policy_name", "round_robin"))
    if is_local(target):
        # gRPC obeys http_proxy even for loopback, where the proxy would look for the service on itself.
        options.append(("grpc.enable_http_proxy", 0))
    return options
