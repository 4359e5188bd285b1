"""How private messages are cut from a byte stream: a four-byte big-endian length, then that many bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator

HEADER = struct.Struct(">I")
# The largest frame that either end accepts, in bytes. A longer length means a corrupt stream, not a large message.
MAX_FRAME_BYTES = 2**31 - 1

# From so many bytes on, joining what is sent takes longer than sending it in parts.
_LARGE = 64 << 10
# A wire type of protobuf.
_LENGTH_DELIMITED = 2


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


def parts_to_send(header: bytes, payload: bytes) -> list[bytes]:
    """Returns what to write, one after the other: both at once, or a large payload apart, which is not copied then."""
    return [header + payload] if len(payload) < _LARGE else [header, payload]


def encode_field_header(field: int, length: int) -> bytes:
    """Returns what precedes a message of `length` bytes in the message that has it as field number `field`, up to 15:
    the key and the length, as protobuf's wire format has them."""
    header = bytearray([field << 3 | _LENGTH_DELIMITED])
    while length > 0x7F:
        header.append(length & 0x7F | 0x80)
        length >>= 7
    header.append(length)
    return bytes(header)


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
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Adds `data` and yields each payload that is now complete. Raises FramingError."""
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            end = HEADER.size + frame_length(bytes(self._buffer[: HEADER.size]), self._limit)
            if len(self._buffer) < end:
                return
            with memoryview(self._buffer) as view:
                payload = bytes(view[HEADER.size : end])
            del self._buffer[:end]
            yield payload
