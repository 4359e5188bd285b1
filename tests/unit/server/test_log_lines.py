"""Bytes of a worker's pipes become whole lines of valid text, bounded in size."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flytewarm_server.execution.logs import LineAssembler, LogBudget

LONG = 64 << 10
_chunks = st.lists(
    st.one_of(
        st.binary(max_size=6),
        st.sampled_from([b"\n", b"\r", b"\r\n", "é".encode(), "😀".encode(), b"\xf0\x9f", b"\xff"]),
    )
)


@given(chunks=_chunks)
@example(chunks=[b"x" * (LONG - 1), "😀".encode()[:2], "😀".encode()[2:], b"\n"])
@example(chunks=[b"x" * LONG + "é".encode()[:1], "é".encode()[1:]])
@example(chunks=["😀".encode()[:1], b"\n", "😀".encode()[1:]])
def test_nothing_is_lost_whatever_the_pieces(chunks: list[bytes]) -> None:
    lines = LineAssembler()
    texts = [lines.feed(chunk) for chunk in chunks]
    assert "".join(texts) + lines.flush() == b"".join(chunks).decode("utf-8", "replace")
    # A piece of a long line may lack its last character, which is not whole yet.
    assert [text for text in texts if text and text[-1] not in "\r\n" and len(text) < LONG - 1] == []


def test_lines_are_given_when_they_end() -> None:
    lines = LineAssembler()
    assert lines.feed(b"a") == ""
    assert lines.feed(b"b\nc\nd") == "ab\nc\n"
    assert lines.feed(b"") == ""
    assert lines.feed(b"\n") == "d\n"
    assert lines.flush() == ""


def test_the_unfinished_line_comes_last_and_once() -> None:
    lines = LineAssembler()
    assert lines.feed(b"no end") == ""
    assert lines.flush() == "no end"
    assert lines.flush() == ""


def test_a_progress_bar_is_seen_as_it_moves() -> None:
    lines = LineAssembler()
    assert lines.feed(b"10%\r20%") == "10%\r"
    assert lines.feed(b"\r30%") == "20%\r"
    assert lines.flush() == "30%"


@pytest.mark.parametrize("text", ["é", "€", "😀"])
def test_a_character_may_arrive_in_pieces(text: str) -> None:
    lines = LineAssembler()
    assert [lines.feed(bytes([byte])) for byte in text.encode()] == [""] * len(text.encode())
    assert lines.feed(b"\n") == f"{text}\n"


def test_an_endless_line_is_given_in_pieces() -> None:
    lines = LineAssembler()
    assert lines.feed(b"x" * LONG) == ""
    assert lines.feed(b"yz") == "x" * LONG + "yz"
    assert lines.feed(b"!\n") == "!\n"


def test_an_endless_line_is_not_cut_within_a_character() -> None:
    lines = LineAssembler()
    begin, end = "😀".encode()[:3], "😀".encode()[3:]
    assert lines.feed(b"x" * LONG + begin) == "x" * LONG
    assert lines.feed(end + b"\n") == "😀\n"


def test_bytes_that_are_not_utf_8_are_replaced() -> None:
    lines = LineAssembler()
    assert lines.feed(b"a\xffb\n") == "a\ufffdb\n"
    assert lines.feed("😀".encode()[:2]) == ""
    assert lines.flush() == "\ufffd"


def test_the_budget_keeps_the_beginning_and_counts_the_rest() -> None:
    budget = LogBudget(5)
    assert budget.admit("abc") == "abc"
    assert budget.admit("defg") == "de"
    assert budget.dropped == 2
    # Nothing after a gap, although it would fit: a log with a hole in it misleads.
    assert budget.admit("h") == ""
    assert budget.dropped == 3


def test_the_budget_counts_bytes_and_keeps_characters_whole() -> None:
    budget = LogBudget(6)
    assert budget.admit("é😀é") == "é😀"
    assert budget.dropped == 2
    budget = LogBudget(5)
    assert budget.admit("é😀é") == "é"
    assert budget.dropped == 6


def test_no_budget_keeps_nothing() -> None:
    budget = LogBudget(0)
    assert budget.admit("") == ""
    assert budget.dropped == 0
    assert budget.admit("a") == ""
    assert budget.dropped == 1


@given(limit=st.integers(0, 20), texts=st.lists(st.text(max_size=8)))
def test_what_is_kept_is_a_prefix_and_the_rest_is_counted(limit: int, texts: list[str]) -> None:
    budget = LogBudget(limit)
    kept = "".join(map(budget.admit, texts))
    everything = "".join(texts)
    assert everything.startswith(kept)
    assert len(kept.encode()) <= limit
    assert len(kept.encode()) + budget.dropped == len(everything.encode())
