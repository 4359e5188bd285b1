"""What gRPC does not look at before it listens, or does not tell when it cannot."""

from __future__ import annotations

import contextlib
import os
import socket
import stat

from flytewarm_server.addresses import Address, TcpAddress, UnixAddress

# How long a service that may be there gets to accept a connection, in seconds.
_PROBE_SECONDS = 1.0


class AddressError(Exception):
    """An address cannot be listened on; the message names it and says why."""


def check_free(address: Address) -> None:
    """Raises AddressError when something answers on a Unix socket, or the path is not a socket's.

    gRPC would replace a socket that another service listens on. One that nobody listens on is a leftover, and may go.
    """
    if not isinstance(address, UnixAddress) or not os.path.lexists(address.path):
        return
    if not stat.S_ISSOCK(os.lstat(address.path).st_mode):
        raise AddressError(f"cannot listen on {address}: the path exists and is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(address.path)
        except ConnectionRefusedError:
            return
        except OSError as error:
            raise AddressError(f"cannot listen on {address}: {error.strerror or error}") from None
    raise AddressError(f"cannot listen on {address}: another service listens there")


class SocketFile:
    """A Unix socket in the file system that this service has made."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._made = os.lstat(path)

    def remove(self) -> None:
        """Removes it, but not one that the service's successor has made in the meantime."""
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.lstat(self._path), self._made):
                os.unlink(self._path)


def why_not(address: Address) -> str:
    """Why an address cannot be bound, found by trying it: gRPC says only that it failed."""
    family = socket.AF_UNIX if isinstance(address, UnixAddress) else socket.AF_INET
    if isinstance(address, TcpAddress) and ":" in address.host:
        family = socket.AF_INET6
    with socket.socket(family) as probe:
        try:
            probe.bind(address.path if isinstance(address, UnixAddress) else (address.host, address.port))
        except OSError as error:
            return error.strerror or str(error)
    if isinstance(address, UnixAddress):
        os.unlink(address.path)
    return "gRPC could not bind it"
