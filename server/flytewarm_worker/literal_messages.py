"""flytekit's literals -> messages, with fewer copies."""

from __future__ import annotations

from flyteidl.core import literals_pb2
from flytekit.models import literals

_ATTRIBUTES = frozenset(vars(literals.Literal()))
_OF_PRIMITIVES = frozenset(vars(literals.Primitive()))
_OF_SCALARS = frozenset(vars(literals.Scalar()))


def fill(message: literals_pb2.LiteralMap, literal_map: literals.LiteralMap) -> None:
    """Makes an empty message what literal_map.to_flyte_idl() returns, which makes one of each part and puts a copy into
    the next: of a long text there would be four."""
    message.SetInParent()
    if type(literal_map) is not literals.LiteralMap:
        message.CopyFrom(literal_map.to_flyte_idl())
        return
    for name, literal in literal_map.literals.items():
        if (text := _only_text(literal)) is not None:
            message.literals[name].scalar.primitive.string_value = text
        else:
            message.literals[name].CopyFrom(literal.to_flyte_idl())


def _only_text(literal: literals.Literal) -> str | None:
    """The text of a literal that has nothing else."""
    if type(literal) is not literals.Literal or type(literal.scalar) is not literals.Scalar:
        return None
    primitive = literal.scalar.primitive
    if type(primitive) is not literals.Primitive or type(primitive.string_value) is not str:
        return None
    parts = ((literal, _ATTRIBUTES), (literal.scalar, _OF_SCALARS), (primitive, _OF_PRIMITIVES))
    # One value in each: what a version of flytekit adds, or a task, is flytekit's to translate.
    if any(vars(part).keys() != known or _values(part) != 1 for part, known in parts):
        return None
    return primitive.string_value


def _values(part: object) -> int:
    return sum(value is not None for value in vars(part).values())
