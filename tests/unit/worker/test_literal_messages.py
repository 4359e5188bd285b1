"""Literals become the messages that flytekit makes of them."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from flyteidl.core import literals_pb2
from flytekit.models import literals
from hypothesis import given
from hypothesis import strategies as st

from flytewarm_worker.literal_messages import fill

_DATES = st.datetimes(timezones=st.just(datetime.timezone.utc))
_PRIMITIVES = st.one_of(
    st.builds(literals.Primitive, string_value=st.text()),
    st.builds(literals.Primitive, integer=st.integers(-(2**63), 2**63 - 1)),
    st.builds(literals.Primitive, float_value=st.floats()),
    st.builds(literals.Primitive, boolean=st.booleans()),
    st.builds(literals.Primitive, datetime=_DATES),
    st.builds(literals.Primitive, duration=st.timedeltas()),
)
_SCALARS = st.one_of(
    st.builds(literals.Scalar, primitive=_PRIMITIVES), st.builds(literals.Scalar, none_type=st.just(literals.Void()))
)
_EXTRAS: dict[str, Any] = {
    "hash": st.none() | st.text(),
    "metadata": st.none() | st.dictionaries(st.text(), st.text(), max_size=2),
}
_LITERALS = st.recursive(
    st.builds(literals.Literal, scalar=_SCALARS, **_EXTRAS),
    lambda inner: st.one_of(
        st.builds(
            literals.Literal, collection=st.builds(literals.LiteralCollection, st.lists(inner, max_size=3)), **_EXTRAS
        ),
        st.builds(
            literals.Literal,
            map=st.builds(literals.LiteralMap, st.dictionaries(st.text(max_size=3), inner, max_size=3)),
            **_EXTRAS,
        ),
    ),
    max_leaves=4,
)


def _filled(literal_map: literals.LiteralMap) -> literals_pb2.LiteralMap:
    message = literals_pb2.LiteralMap()
    fill(message, literal_map)
    return message


@given(st.dictionaries(st.text(), _LITERALS, max_size=4))
def test_the_message_is_flytekits(found: dict[str, literals.Literal]) -> None:
    literal_map = literals.LiteralMap(literals=found)
    ours, theirs = _filled(literal_map), literal_map.to_flyte_idl()
    # By their bytes: one NaN is not equal to another.
    assert ours.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True)


def _text(text: str = "text") -> literals.Literal:
    return literals.Literal(scalar=literals.Scalar(primitive=literals.Primitive(string_value=text)))


def test_texts_are_not_flytekits_to_translate(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = literals.LiteralMap(literals={"a": _text(), "b": _text("")}).to_flyte_idl()
    monkeypatch.setattr(literals.Literal, "to_flyte_idl", None)
    assert _filled(literals.LiteralMap(literals={"a": _text(), "b": _text("")})) == expected


_LOUD = _text("LOUD").to_flyte_idl()


class _Louder(literals.Literal):
    """A kind of literal of its own, as a task may make one."""

    def to_flyte_idl(self) -> literals_pb2.Literal:
        return _LOUD


@pytest.mark.parametrize("make", [_text, lambda: _Louder(scalar=_text().scalar)], ids=["with more", "of its own kind"])
def test_what_is_not_known_is_flytekits_to_translate(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    literal = make()
    if type(literal) is literals.Literal:
        literal.added_by_a_later_version = 1
        monkeypatch.setattr(literals.Literal, "to_flyte_idl", lambda _self: _LOUD)
    assert _filled(literals.LiteralMap(literals={"a": literal})).literals["a"].scalar.primitive.string_value == "LOUD"


def test_what_cannot_be_encoded_is_an_error_there_as_well() -> None:
    literal_map = literals.LiteralMap(literals={"a": _text("\ud800")})
    with pytest.raises(UnicodeEncodeError) as told:
        literal_map.to_flyte_idl()
    with pytest.raises(UnicodeEncodeError) as ours:
        _filled(literal_map)
    assert str(ours.value) == str(told.value)


def test_an_empty_map_is_there() -> None:
    outer = literals_pb2.Literal()
    fill(outer.map, literals.LiteralMap(literals={}))
    assert outer.HasField("map")
