"""Where the service listens: TCP and Unix addresses, written as `host:port`, `[ipv6]:port` or `unix:PATH`."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

# sun_path has 108 bytes on Linux, the terminating NUL included (unix(7)).
MAX_UNIX_PATH_BYTES = 107
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_TCP = re.compile(r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})", re.ASCII)


@dataclass(frozen=True)
class TcpAddress:
    """A host name or IP address (IPv6 without brackets) and a port, 0 to 65535; 0 lets the kernel choose."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it. Host names other than `localhost` are not resolved: they count as
        reachable."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for every address of the machine."""
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class UnixAddress:
    """An absolute path of at most 107 bytes."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


Address = TcpAddress | UnixAddress


def target_on_this_machine(addresses: Sequence[Address]) -> str:
    """The target of a client on this machine, of those that a service listens on: a Unix socket, which its user alone
    can open, before TCP. Empty when there are none."""
    address = next((one for one in addresses if isinstance(one, UnixAddress)), next(iter(addresses), None))
    if isinstance(address, TcpAddress) and address.is_wildcard:
        # gRPC's sockets on :: take IPv4, too.
        address = TcpAddress("127.0.0.1", address.port)
    return "" if address is None else str(address)


def parse_tcp_address(text: str) -> TcpAddress:
    """Reads `host:port` or `[ipv6]:port`. Raises ValueError for anything else."""
    match = _TCP.fullmatch(text)
    if match is None:
        raise ValueError(text)
    port = int(match["port"])
    if port > 65535:
        raise ValueError(text)
    if match["ipv6"] is not None:
        return TcpAddress(str(ipaddress.IPv6Address(match["ipv6"])), port)
    if not _HOST_NAME.fullmatch(match["host"]):
        raise ValueError(text)
    return TcpAddress(match["host"], port)


def parse_address(text: str) -> Address:
    """Reads `host:port`, `[ipv6]:port` or `unix:PATH`; a relative PATH becomes absolute, as gRPC's own `unix:///PATH`
    is taken to mean /PATH. Raises ValueError for anything else, and for a path longer than the kernel takes."""
    if not text.startswith("unix:"):
        return parse_tcp_address(text)
    path = text.removeprefix("unix:")
    if not path or path.endswith("/") or "\0" in path:
        raise ValueError(text)
    if path.startswith("//"):
        path = "/" + path.lstrip("/")
    path = os.path.abspath(path)
    if len(os.fsencode(path)) > MAX_UNIX_PATH_BYTES:
        raise ValueError(text)
    return UnixAddress(path)
