"""Protobuf's wire format, as far as it takes to put a large field into a message, or to take it out, without a copy."""

from __future__ import annotations

from collections.abc import Iterator

Buffer = bytes | memoryview

# Wire types: a number of any size, 8 or 4 bytes, or what is as long as it says. The two of groups are not known here.
_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5
_TYPE_BITS = 3
_LARGEST_KEY = (1 << 32) - 1
# In bytes: of a key or a length, and of any number.
_LONGEST_LENGTH, _LONGEST_VARINT = 5, 10
# A message with more fields is not looked through: it may be meant to take long.
_MOST_FIELDS = 256


def encode_field_header(field: int, length: int) -> bytes:
    """Returns what precedes a message, string or bytes of `length` bytes in the message that has it as field number
    `field`."""
    return _encode_varint(field << _TYPE_BITS | _LENGTH_DELIMITED) + _encode_varint(length)


def take_out(data: bytes, field: int, least: int) -> tuple[bytes, memoryview] | None:
    """Takes the only occurrence of a message, string or bytes out of a message: returns the message without field
    number `field`, and the field's bytes, as a view. None where it has fewer than `least` bytes, where there is not
    just one, and where the fields around it are damaged, too many or unusual."""
    try:
        found = [one for one in _fields(data) if one[0] >> _TYPE_BITS == field]
    except (IndexError, ValueError):
        return None
    if len(found) != 1 or found[0][0] != field << _TYPE_BITS | _LENGTH_DELIMITED:
        return None
    ((_, begin, value, end),) = found
    return None if end - value < least else (data[:begin] + data[end:], memoryview(data)[value:end])


def holds_only(data: Buffer, field: int) -> bool:
    """Whether `data` is a message of nothing but messages, strings or bytes as field number `field`, whatever is in
    these. False also where there are too many."""
    try:
        return all(key == field << _TYPE_BITS | _LENGTH_DELIMITED for key, *_ in _fields(data))
    except (IndexError, ValueError):
        return False


def _fields(data: Buffer) -> Iterator[tuple[int, int, int, int]]:
    """The key of each field, where it begins, and where its value begins and ends. Raises IndexError or ValueError."""
    begin = 0
    for _ in range(_MOST_FIELDS):
        if begin == len(data):
            return
        key, position = _decode_varint(data, begin, _LONGEST_LENGTH)
        if not 1 << _TYPE_BITS <= key <= _LARGEST_KEY:
            raise ValueError(f"key {key}")
        value, end = _value(data, position, key & (1 << _TYPE_BITS) - 1)
        if end > len(data):
            raise IndexError(f"a field ends at {end} of {len(data)} bytes")
        yield key, begin, value, end
        begin = end
    if begin < len(data):
        raise ValueError(f"more than {_MOST_FIELDS} fields")


def _value(data: Buffer, position: int, wire_type: int) -> tuple[int, int]:
    """Where a field's value begins and ends."""
    if wire_type == _LENGTH_DELIMITED:
        length, position = _decode_varint(data, position, _LONGEST_LENGTH)
        return position, position + length
    if wire_type == _VARINT:
        return position, _decode_varint(data, position, _LONGEST_VARINT)[1]
    if wire_type in (_FIXED64, _FIXED32):
        return position, position + (8 if wire_type == _FIXED64 else 4)
    raise ValueError(f"wire type {wire_type}")


def _encode_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _decode_varint(data: Buffer, position: int, longest: int) -> tuple[int, int]:
    """The number, and where it ends."""
    value = 0
    for index in range(longest):
        byte = data[position + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, position + index + 1
    raise ValueError(f"a number of more than {longest} bytes")
