"""Conversions of simple values, and of lists of such, without a coroutine for each: by flytekit's own transformers,
where they are originals(); and what lists and dictionaries are of. What is not covered is flytekit's to convert, or to
say why it cannot."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from flytekit.core.context_manager import FlyteContext
from flytekit.core.type_engine import DictTransformer, ListTransformer, SimpleTransformer
from flytekit.models.literals import Literal, LiteralCollection
from flytekit.models.types import LiteralType

from flytewarm_worker import flytekit_private
from flytewarm_worker.originals import TRANSFORMERS, Originals, originals_of_dictionaries, originals_of_lists

_METHODS = frozenset(
    {
        "assert_type",
        "async_to_literal",
        "async_to_python_value",
        "extract_types",
        "get_sub_type",
        "get_sub_type_or_none",
        "to_literal",
        "to_python_value",
        "type_assertions_enabled",
    }
)


class NotCoveredError(Exception):
    """A type or value that flytekit has to convert."""


def to_python(context: FlyteContext, literal: Literal, expected: Any) -> Any:
    """What TypeEngine.to_python_value(context, literal, expected) returns. Raises NotCoveredError, or whatever a
    transformer raises."""
    if literal.offloaded_metadata:
        raise NotCoveredError
    if (transformer := simple_transformer(expected)) is not None:
        return transformer.to_python_value(context, literal, expected)
    items = items_type(expected)
    if literal.collection is None or literal.scalar is not None:
        raise NotCoveredError
    return [to_python(context, one, items) for one in literal.collection.literals]


def to_literal(context: FlyteContext, value: Any, expected: Any, literal_type: LiteralType) -> Literal:
    """What TypeEngine.to_literal(context, value, expected, literal_type) returns; raises as to_python() does."""
    if (transformer := simple_transformer(expected)) is not None:
        if type(value) is not expected:
            raise NotCoveredError
        return transformer.to_literal(context, value, expected, literal_type)
    items = items_type(expected)
    if type(value) is not list:
        raise NotCoveredError
    of_items = literal_type.collection_type
    return Literal(collection=LiteralCollection([to_literal(context, one, items, of_items) for one in value]))


def simple_transformer(expected: Any) -> SimpleTransformer[Any] | None:
    """What converts values of a type, if that is a simple one. Only where originals() are in place."""
    if type(expected) is not type or (own := TRANSFORMERS.get(expected)) is None:
        return None
    # One that a user has registered may do anything, and tell how often it is called.
    return own if flytekit_private.transformers().get(expected) is own else None


def _is_just(transformer: Any, kind: type) -> bool:
    """Whether it is one of flytekit's, without methods of its own."""
    return type(transformer) is kind and _METHODS.isdisjoint(vars(transformer))


def items_type(expected: Any) -> Any:
    """The type of the items of a list, as flytekit's own transformer of lists has it. Raises NotCoveredError."""
    (items,) = _arguments(expected, list, ListTransformer, originals_of_lists())
    return items


def values_type(expected: Any) -> Any:
    """The type of the values of a dictionary with texts as keys, as flytekit's own transformer of dictionaries has it.
    Raises NotCoveredError."""
    keys, values = _arguments(expected, dict, DictTransformer, originals_of_dictionaries())
    if keys is not str:
        raise NotCoveredError
    return values


def _arguments(expected: Any, origin: type, kind: type, code: Originals) -> tuple[Any, ...]:
    is_covered = (
        get_origin(expected) is origin
        and _is_just(flytekit_private.transformers().get(origin), kind)
        and flytekit_private.converts_collections()
        # Of just this list; one of a list in it is looked at when that is met.
        and not _has_transformer_of_its_own(expected)
        and code.are_in_place()
    )
    if not is_covered:
        raise NotCoveredError
    return get_args(expected)


def _has_transformer_of_its_own(expected: Any) -> bool:
    try:
        return expected in flytekit_private.transformers()
    except TypeError:
        # An annotation in it has no hash, as the columns of a data set: nothing can be looked up.
        raise NotCoveredError from None
