"""Protobuf's wire format, as far as it takes to put a large field into a message, or to take it out, without a copy."""

from __future__ import annotations

# A wire type: what is as long as it says. The others have 8 or 4 bytes, or a varint.
_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5
_TYPE_BITS = 3
_LONGEST_VARINT = 10
# A message with more fields is not looked through: its bytes are no large value, and may be meant to take long.
_MOST_FIELDS = 64


def encode_field_header(field: int, length: int) -> bytes:
    """Returns what precedes a message, string or bytes of `length` bytes in the message that has it as field number
    `field`."""
    return _encode_varint(field << _TYPE_BITS | _LENGTH_DELIMITED) + _encode_varint(length)


def take_out(data: bytes, field: int) -> tuple[bytes, memoryview] | None:
    """Takes the only occurrence of a message, string or bytes out of a message: returns the message without field
    number `field`, and the field's bytes, as a view. None where there is not just one, or `data` has too many fields,
    or is no message."""
    found = None
    position = 0
    for _ in range(_MOST_FIELDS):
        if position == len(data):
            break
        begin = position
        try:
            key, position = _decode_varint(data, position)
            position, end = _value(data, position, key & (1 << _TYPE_BITS) - 1)
        except (IndexError, ValueError):
            return None
        if key >> _TYPE_BITS == field:
            if found is not None or key != field << _TYPE_BITS | _LENGTH_DELIMITED:
                return None
            found = begin, position, end
        position = end
    if found is None or position != len(data):
        return None
    begin, position, end = found
    return data[:begin] + data[end:], memoryview(data)[position:end]


def _value(data: bytes, position: int, wire_type: int) -> tuple[int, int]:
    """Where a field's value begins and ends. Raises IndexError or ValueError."""
    if wire_type == _LENGTH_DELIMITED:
        length, position = _decode_varint(data, position)
        end = position + length
    elif wire_type == _VARINT:
        end = _decode_varint(data, position)[1]
    elif wire_type in (_FIXED64, _FIXED32):
        end = position + (8 if wire_type == _FIXED64 else 4)
    else:
        raise ValueError(f"wire type {wire_type}")
    if end > len(data):
        raise IndexError(f"a field ends at {end} of {len(data)} bytes")
    return position, end


def _encode_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _decode_varint(data: bytes, position: int) -> tuple[int, int]:
    """The number, and where it ends. Raises IndexError or ValueError."""
    value = 0
    for index in range(_LONGEST_VARINT):
        byte = data[position + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, position + index + 1
    raise ValueError("a varint without end")
