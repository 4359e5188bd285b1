"""Frames survive any cut of the stream; what cannot be one is refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytewarm_api.worker.framing import (
    HEADER,
    MAX_FRAME_BYTES,
    FrameDecoder,
    FramingError,
    encode_frame,
    frame_length,
)


@given(payloads=st.lists(st.binary(max_size=40)), data=st.data())
def test_any_split_gives_the_payloads_back(payloads: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(encode_frame, payloads))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    decoder = FrameDecoder()
    pieces = [stream[begin:end] for begin, end in pairwise([0, *cuts, len(stream)])]
    assert [payload for piece in pieces for payload in decoder.feed(piece)] == payloads


def test_a_payload_is_given_as_soon_as_it_is_whole() -> None:
    decoder = FrameDecoder()
    frame = encode_frame(b"abc")
    assert list(decoder.feed(frame[:-1])) == []
    assert list(decoder.feed(frame[-1:] + frame[:5])) == [b"abc"]
    assert list(decoder.feed(frame[5:])) == [b"abc"]


def test_a_reader_that_stops_early_loses_nothing() -> None:
    decoder = FrameDecoder()
    assert next(decoder.feed(encode_frame(b"a") + encode_frame(b"b"))) == b"a"
    assert list(decoder.feed(encode_frame(b"c"))) == [b"b", b"c"]


@pytest.mark.parametrize("length", [MAX_FRAME_BYTES + 1, 2**32 - 1])
def test_a_length_that_no_frame_has_is_refused(length: int) -> None:
    with pytest.raises(FramingError, match=str(length)):
        frame_length(HEADER.pack(length))
    with pytest.raises(FramingError, match=str(length)):
        list(FrameDecoder().feed(HEADER.pack(length)))


def test_the_header_is_the_length_in_four_bytes() -> None:
    assert encode_frame(b"") == b"\0\0\0\0"
    assert encode_frame(b"x" * 258)[:4] == b"\0\0\1\2"
    assert frame_length(HEADER.pack(MAX_FRAME_BYTES)) == MAX_FRAME_BYTES
