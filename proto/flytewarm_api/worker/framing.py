"""How private messages are cut from a byte stream: a four-byte big-endian length, then that many bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from flytewarm_api.wire import Buffer

HEADER = struct.Struct(">I")
# The largest frame that either end accepts, in bytes. A longer length means a corrupt stream, not a large message.
MAX_FRAME_BYTES = 2**31 - 1

# From so many bytes on, what is sent goes apart from what precedes it: to join them, or to have it in a message, takes
# longer.
APART_BYTES = 64 << 10


class FramingError(Exception):
    """The stream holds something that is not a frame."""


def encode_frame(payload: bytes) -> bytes:
    """Returns the frame of `payload`. Raises FramingError when it is larger than MAX_FRAME_BYTES."""
    return encode_header(len(payload)) + payload


def encode_header(length: int) -> bytes:
    """Returns what precedes a payload of `length` bytes in its frame. Raises FramingError as encode_frame."""
    if length > MAX_FRAME_BYTES:
        raise FramingError(f"a frame of {length} bytes is over the limit of {MAX_FRAME_BYTES}")
    return HEADER.pack(length)


def parts_to_send(parts: Sequence[Buffer]) -> list[Buffer]:
    """Returns what to write, one after the other: all at once, or what is large apart, which is not copied."""
    if sum(map(len, parts)) < APART_BYTES:
        return [b"".join(parts)]
    return list(parts)


def frame_length(header: bytes, limit: int = MAX_FRAME_BYTES) -> int:
    """Returns the length that a header announces, in bytes. Raises FramingError when it is over `limit`."""
    (length,) = HEADER.unpack(header)
    if length > limit:
        raise FramingError(f"a frame announces {length} bytes, over the limit of {limit}")
    return int(length)


class FrameDecoder:
    """Collects bytes as they arrive and gives back whole payloads."""

    def __init__(self, limit: int = MAX_FRAME_BYTES) -> None:
        """`limit`: the longest payload that is waited for, in bytes; a longer one is an error, not a message."""
        self._limit = limit
        # What has come of a payload that is not complete, in pieces, as a large one comes in many; and its length, None
        # until that has come.
        self._pieces: list[bytes] = []
        self._received = 0
        self._length: int | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Adds `data` and yields each payload that is now complete. Raises FramingError."""
        self._pieces.append(data)
        self._received += len(data)
        while True:
            if self._length is None:
                if self._received < HEADER.size:
                    return
                begun = b"".join(self._pieces)
                self._length = frame_length(begun[: HEADER.size], self._limit)
                self._begin(begun[HEADER.size :])
            if self._received < self._length:
                return
            yield self._payload(self._length)

    def _payload(self, length: int) -> bytes:
        """Takes a complete payload. Only the last piece can have more than that."""
        last = self._pieces.pop()
        end = len(last) - (self._received - length)
        self._pieces.append(last[:end])
        payload = b"".join(self._pieces)
        self._length = None
        self._begin(last[end:])
        return payload

    def _begin(self, data: bytes) -> None:
        self._pieces, self._received = [data], len(data)
