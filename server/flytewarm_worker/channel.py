"""A blocking, framed channel over a Unix socket, with descriptors where a message brings some."""

from __future__ import annotations

import os
import select
import socket
import threading
from typing import TypeVar

from google.protobuf.message import Message

from flytewarm_api.wire import encode_field_header
from flytewarm_api.worker.framing import HEADER, encode_header, frame_length, parts_to_send
from flytewarm_api.worker.high_fds import duplicate_high

MessageT = TypeVar("MessageT", bound=Message)

# Most descriptors that come with one message (see frames.proto).
_MAX_FDS = 3


def move_to_high_fd(fd: int) -> int:
    """Moves a descriptor to a number that is out of the way of user code."""
    moved = duplicate_high(fd)
    os.close(fd)
    return moved


class Channel:
    """One end of a private socket. Threads may send at once: a task's own threads emit metrics. One receives."""

    def __init__(self, fd: int) -> None:
        """Takes ownership of `fd`, a connected Unix stream socket, and moves it out of the way of user code."""
        self._socket = socket.socket(fileno=move_to_high_fd(fd))
        self._socket.setblocking(True)
        self._sending = threading.Lock()

    def fileno(self) -> int:
        """The descriptor, for a selector."""
        return self._socket.fileno()

    def send(self, message: Message) -> None:
        """Sends one message. Raises OSError when the other end is gone."""
        payload = message.SerializeToString()
        self._send(encode_header(len(payload)), payload)

    def send_in(self, field: int, message: Message, beside: Message, attached: bytes | None = None) -> None:
        """Sends the message that has this one in a field, and beside it what `beside` has: to put it there would copy
        it, however large it is. `attached` follows in a frame of its own. Raises OSError when the other end is gone."""
        payload = message.SerializeToString()
        prefix = beside.SerializeToString() + encode_field_header(field, len(payload))
        frames = [encode_header(len(prefix) + len(payload)) + prefix, payload]
        if attached is not None:
            frames += [encode_header(len(attached)), attached]
        self._send(*frames)

    def _send(self, *parts: bytes) -> None:
        with self._sending:
            for part in parts_to_send(parts):
                self._socket.sendall(part)

    def has_more_within(self, seconds: float) -> bool:
        """Waits until there is something to receive, the end included, or the time is up."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def receive(self, kind: type[MessageT]) -> MessageT | None:
        """Waits for one message. Returns None when the other end is gone."""
        message, _ = self.receive_with_fds(kind, max_fds=0)
        return message

    def receive_payload(self) -> bytes | None:
        """Waits for one message, and returns it as it came. Returns None when the other end is gone."""
        payload, _ = self._receive_payload(max_fds=0)
        return payload

    def receive_with_fds(self, kind: type[MessageT], max_fds: int = _MAX_FDS) -> tuple[MessageT | None, list[int]]:
        """Waits for one message and the descriptors that came with it. Returns (None, []) at the end of the stream."""
        payload, fds = self._receive_payload(max_fds)
        return (None, []) if payload is None else (kind.FromString(payload), fds)

    def _receive_payload(self, max_fds: int) -> tuple[bytes | None, list[int]]:
        header, fds = self._receive_exactly(HEADER.size, max_fds)
        if header is None:
            return None, []
        payload, more = self._receive_exactly(frame_length(header), max_fds)
        if payload is None:
            return None, []
        return payload, fds + more

    def _receive_exactly(self, size: int, max_fds: int) -> tuple[bytes | None, list[int]]:
        if not max_fds:
            return self._receive_bytes(size), []
        buffer, fds = bytearray(size), list[int]()
        view, received = memoryview(buffer), 0
        while received < size:
            try:
                data, new, _, _ = socket.recv_fds(self._socket, size - received, max_fds)
            except ConnectionResetError:
                return None, []
            if not data:
                return None, []
            view[received : received + len(data)] = data
            fds += new
            received += len(data)
        return bytes(buffer), fds

    def _receive_bytes(self, size: int) -> bytes | None:
        """As one object from the first byte on, unless a signal comes in between: it may be large."""
        parts = []
        while size:
            try:
                data = self._socket.recv(size, socket.MSG_WAITALL)
            except ConnectionResetError:
                # The other end is gone without having read all that was sent to it.
                return None
            if not data:
                return None
            parts.append(data)
            size -= len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Closes the descriptor; may be called twice."""
        self._socket.close()
