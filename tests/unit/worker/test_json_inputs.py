"""JSON inputs become literals from which flytekit makes the task's own values."""

from __future__ import annotations

import datetime
import functools
import json
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Optional, Union

import pytest
from flytekit import kwtypes, task
from flytekit.core.context_manager import FlyteContext
from flytekit.core.type_engine import TypeEngine
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile
from flytekit.types.structured import StructuredDataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flytewarm_worker.json_values import JsonInputError, json_from_literals, literals_from_json
from flytewarm_worker.plain_json import plain_from_values
from flytewarm_worker.plain_literals import PlainInputs, are_models_in_place, reader
from flytewarm_worker.registries import Registries

UTC = datetime.timezone.utc


class Colour(Enum):
    """An enumeration for the tests."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Leaf:
    """A part of Tree."""

    name: str
    size: Optional[float] = None  # noqa: UP045


@dataclass
class Tree:
    """A nested dataclass for the tests."""

    leaves: list[Leaf]
    counts: dict[str, int] = field(default_factory=dict)
    colour: Colour = Colour.RED


@dataclass
class Unit:
    """What an annotation may be: equal to others, and so without a hash."""

    name: str


def _task(python_type: Any) -> Any:
    def takes(value: Any) -> None: ...

    takes.__annotations__["value"] = python_type
    return task(takes)


def _plain(one: Any, text: str) -> PlainInputs | None:
    return plain_from_values(one, json.loads(text))


def _value(context: FlyteContext, python_type: Any, value: Any) -> Any:
    """What the task gets."""
    literal_map = literals_from_json(context, _task(python_type), json.dumps({"value": value}))
    return TypeEngine.to_python_value(context, literal_map.literals["value"], python_type)


VALUES: list[tuple[Any, Any, Any]] = [
    (int, 3, 3),
    (int, -(2**63), -(2**63)),
    (int, 2.0, 2),
    (float, 1.5, 1.5),
    (float, 2, 2.0),
    (str, "é\U0001f600", "é\U0001f600"),
    (str, "", ""),
    (bool, False, False),
    (bool, True, True),
    (datetime.datetime, "2024-02-29T01:02:03.000004Z", datetime.datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=UTC)),
    (datetime.datetime, "2024-01-01T00:00:00+02:00", datetime.datetime(2023, 12, 31, 22, tzinfo=UTC)),
    (datetime.datetime, "2024-01-01T00:00:00", datetime.datetime(2024, 1, 1, tzinfo=UTC)),
    (datetime.date, "2024-02-29", datetime.date(2024, 2, 29)),
    (datetime.date, "2024-02-29T23:00:00Z", datetime.date(2024, 2, 29)),
    (datetime.timedelta, 1.5, datetime.timedelta(seconds=1.5)),
    (datetime.timedelta, -60, datetime.timedelta(minutes=-1)),
    (Colour, "blue", Colour.BLUE),
    (list[int], [1, 2], [1, 2]),
    (list[int], [], []),
    (list[list[str]], [["a"], []], [["a"], []]),
    (dict[str, float], {"a": 1, "b": 2.5}, {"a": 1.0, "b": 2.5}),
    (dict[str, list[int]], {"a": [1], "": []}, {"a": [1], "": []}),
    (list[dict[str, datetime.date]], [{"d": "2024-01-01"}], [{"d": datetime.date(2024, 1, 1)}]),
    (list[Colour], ["red", "blue"], [Colour.RED, Colour.BLUE]),
    (dict, {"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
    (dict[int, str], {"1": "a"}, {1: "a"}),
    (Leaf, {"name": "x"}, Leaf("x")),
    (
        Tree,
        {"leaves": [{"name": "x", "size": 2.5}], "counts": {"a": 1}, "colour": "blue"},
        Tree([Leaf("x", 2.5)], {"a": 1}, Colour.BLUE),
    ),
    (list[Leaf], [{"name": "x"}, {"name": "y", "size": 1.0}], [Leaf("x"), Leaf("y", 1.0)]),
    (Optional[int], None, None),  # noqa: UP045
    (int | None, 5, 5),
    (int | None, 5, 5),
    (list[int | None], [1, None], [1, None]),
    (Union[int, str], 7, 7),  # noqa: UP007
    (int | str, "7", "7"),
    (int | float, 1.5, 1.5),
    (bool | int, True, True),
    (str | list[int], [1], [1]),
    (int | Leaf, {"name": "x"}, Leaf("x")),
    (Annotated[int, "note"], 3, 3),
    (Annotated[list[int], "note"], [1], [1]),
    (Annotated[dict[str, int], "note"], {"a": 1}, {"a": 1}),
    (Annotated[int | None, "note"], 3, 3),
    (Annotated[datetime.date, "note"], "2024-01-01", datetime.date(2024, 1, 1)),
    (list[Annotated[datetime.date, "note"]], ["2024-01-01"], [datetime.date(2024, 1, 1)]),
    (Annotated[int, Unit("m")], 3, 3),
    (list[Annotated[int, Unit("m")]], [1, 2], [1, 2]),
    (dict[str, Annotated[float, Unit("m")]], {"a": 1.5}, {"a": 1.5}),
    (dict[str, list[Annotated[int, Unit("m")]]], {"a": [1]}, {"a": [1]}),
    (list[Annotated[StructuredDataset, kwtypes(x=int)]], [], []),
]


@pytest.mark.parametrize(("python_type", "value", "expected"), VALUES, ids=lambda value: str(value)[:40])
def test_the_task_gets_the_value(context: FlyteContext, python_type: Any, value: Any, expected: Any) -> None:
    got = _value(context, python_type, value)
    assert got == expected
    assert type(got) is type(expected)


@pytest.mark.parametrize(("python_type", "value", "expected"), VALUES, ids=lambda value: str(value)[:40])
def test_what_comes_back_as_json_can_be_given_again(
    context: FlyteContext, python_type: Any, value: Any, expected: Any
) -> None:
    literal_map = literals_from_json(context, _task(python_type), json.dumps({"value": value}))
    again = json.loads(json_from_literals(literal_map.to_flyte_idl()))["value"]
    assert _value(context, python_type, again) == expected


@pytest.mark.parametrize("value", ["s3://bucket/a.txt", {"uri": "s3://bucket/a.txt"}])
def test_files_are_given_by_uri_and_not_fetched(context: FlyteContext, value: Any) -> None:
    assert _value(context, FlyteFile, value).remote_source == "s3://bucket/a.txt"
    assert _value(context, FlyteFile["txt"], value).remote_source == "s3://bucket/a.txt"
    assert _value(context, list[FlyteFile], [value])[0].remote_source == "s3://bucket/a.txt"
    assert _value(context, FlyteFile | None, value).remote_source == "s3://bucket/a.txt"
    assert _value(context, FlyteDirectory, value).remote_source == "s3://bucket/a.txt"
    dataset = _value(context, StructuredDataset, value)
    assert dataset.literal.uri == "s3://bucket/a.txt"
    assert dataset.literal.metadata.structured_dataset_type.format == "parquet"


BAD: list[tuple[Any, Any, str]] = [
    (int, "3", 'expected an integer, got "3"'),
    (int, 1.5, "expected an integer, got 1.5"),
    (int, True, "expected an integer, got true"),
    (int, None, "expected an integer, got null"),
    (int, 2**63, "expected an integer of 64 bits"),
    (int, 1e300, "expected an integer of 64 bits"),
    (float, "1", "expected a number"),
    (float, True, "expected a number"),
    (str, 1, "expected str, got 1"),
    (str, "\ud800", "surrogates not allowed"),
    (bool, 1, "expected bool, got 1"),
    (datetime.datetime, 5, "expected a date and time as RFC 3339, got 5"),
    (datetime.datetime, "yesterday", "yesterday"),
    (datetime.date, "2024-01-02 or so", "2024-01-02 or so"),
    (datetime.timedelta, "1 s", "expected a number"),
    (datetime.timedelta, 1e300, "too large"),
    (Colour, "green", '"green" is not one of'),
    (list[int], {"a": 1}, "expected an array"),
    (list[int], [1, "x"], 'expected an integer, got "x"'),
    (dict[str, int], [1], "expected an object"),
    (dict[str, int], {"a": "x"}, "expected an integer"),
    (int | None, "x", "no variant of"),
    (int | str, [1], "no variant of"),
    (FlyteFile, 5, "expected a URI"),
    (FlyteFile, "", "expected a URI"),
    (FlyteDirectory, {"path": "x"}, "expected a URI"),
    (StructuredDataset, ["x"], "expected a URI"),
    (str, ["x" * 1000], "xxx..."),
]


@pytest.mark.parametrize(("python_type", "value", "message"), BAD, ids=lambda value: str(value)[:40])
def test_a_wrong_value_is_told_with_its_input(
    context: FlyteContext, python_type: Any, value: Any, message: str
) -> None:
    with pytest.raises(JsonInputError) as refusal:
        _value(context, python_type, value)
    assert str(refusal.value).startswith("input 'value': ")
    assert message in str(refusal.value)
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_not_finite_are_no_integers(context: FlyteContext, value: str) -> None:
    with pytest.raises(JsonInputError, match="input 'value': "):
        literals_from_json(context, _task(int), f'{{"value": {value}}}')


@task
def with_defaults(
    required: int,
    text: str = "default",
    zero: int = 0,
    nothing: Optional[str] = None,  # noqa: UP045
    colour: Colour = Colour.BLUE,
) -> None:
    """Has inputs with and without defaults."""


def test_what_is_left_out_takes_its_default(context: FlyteContext) -> None:
    literal_map = literals_from_json(context, with_defaults, '{"required": 1}')
    values = {
        name: TypeEngine.to_python_value(context, literal_map.literals[name], python_type)
        for name, python_type in with_defaults.python_interface.inputs.items()
    }
    assert values == {"required": 1, "text": "default", "zero": 0, "nothing": None, "colour": Colour.BLUE}


def test_what_is_given_replaces_the_default(context: FlyteContext) -> None:
    literal_map = literals_from_json(context, with_defaults, '{"required": 1, "text": "", "nothing": "x"}')
    assert json.loads(json_from_literals(literal_map.to_flyte_idl())) == {
        "required": 1,
        "text": "",
        "zero": 0,
        "nothing": "x",
        "colour": "blue",
    }


def test_a_missing_input_is_named(context: FlyteContext) -> None:
    with pytest.raises(JsonInputError, match=r"input 'required' .* is missing; .*with_defaults has no default"):
        literals_from_json(context, with_defaults, '{"text": "x"}')


def test_unknown_inputs_are_named(context: FlyteContext) -> None:
    with pytest.raises(JsonInputError, match=r"unknown inputs \['other', 'txet'\]; .*with_defaults takes \['colour', "):
        literals_from_json(context, with_defaults, '{"required": 1, "txet": "x", "other": 2}')


@pytest.mark.parametrize(
    ("python_type", "value", "native"),
    [
        (int, 3, 3),
        (float, 2, 2.0),
        (str, "ü", "ü"),
        (bool, True, True),
        (datetime.datetime, "2026-01-02T03:04:05Z", datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (datetime.timedelta, 1.5, datetime.timedelta(seconds=1.5)),
        (datetime.date, "2026-01-02", datetime.date(2026, 1, 2)),
        (Annotated[int, "annotated"], 3, 3),
    ],
)
def test_simple_values_become_what_flytekit_makes_of_them(
    context: FlyteContext, python_type: Any, value: Any, native: Any
) -> None:
    made = literals_from_json(context, _task(python_type), json.dumps({"value": value})).literals["value"]
    expected = TypeEngine.to_literal(context, native, python_type, TypeEngine.to_literal_type(python_type))
    assert made.to_flyte_idl() == expected.to_flyte_idl()


def test_converted_values_are_not_kept(context: FlyteContext) -> None:
    Registries().restore()
    literals_from_json(context, _task(Colour), json.dumps({"value": "red"}))
    # flytekit 1.15 keeps none.
    kept = getattr(TypeEngine, "_LITERAL_CACHE", {})
    assert len(kept) == hasattr(TypeEngine, "_LITERAL_CACHE")
    Registries().restore()
    assert not kept


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_PLAIN = [
    *(int, float, bool, str, list[int], list[str], dict[str, float], list[dict[str, int]], dict[str, list[bool]]),
    *(list[float], list[list[float]], dict[str, list[float]], list[dict[str, float]]),
]
# As JavaScript writes numbers, among which those without a fraction are as integers.
_NUMBERS = st.integers() | st.integers(-(10**400), 10**400) | st.floats() | st.booleans()
_FLOATS = {
    float: _NUMBERS,
    list[float]: st.lists(_NUMBERS),
    dict[str, float]: st.dictionaries(st.text(), _NUMBERS),
    list[list[float]]: st.lists(st.lists(_NUMBERS), max_size=3),
    dict[str, list[float]]: st.dictionaries(st.text(), st.lists(_NUMBERS), max_size=3),
}


@task
def two(first: list[float], second: dict[str, int], third: int = 3) -> None: ...


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(_PLAIN), _JSON)
def test_plain_inputs_are_what_comes_by_way_of_models(context: FlyteContext, python_type: Any, value: Any) -> None:
    _assert_plain_or_left(context, python_type, value)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([*_FLOATS]).flatmap(lambda kind: st.tuples(st.just(kind), _FLOATS[kind])))
def test_plain_numbers_are_what_comes_by_way_of_models(context: FlyteContext, of_type: tuple[Any, Any]) -> None:
    _assert_plain_or_left(context, *of_type)


def _assert_plain_or_left(context: FlyteContext, python_type: Any, value: Any) -> None:
    one, text = _task(python_type), json.dumps({"value": value})
    assert are_models_in_place()
    values = json.loads(text)
    plain = plain_from_values(one, values)
    # What is not plain goes by way of the models.
    assert repr(values) == repr(json.loads(text))
    if plain is None:
        return
    literal_map = literals_from_json(context, one, text)
    assert plain.message == literal_map.to_flyte_idl()
    expected = TypeEngine.to_python_value(context, literal_map.literals["value"], python_type)
    assert repr(plain.arguments) == repr({"value": expected})
    assert repr(_sorted(reader(python_type)(plain.message.literals["value"]))) == repr(_sorted(expected))


def _sorted(value: Any) -> Any:
    """The order of a dictionary is lost in a message."""
    if isinstance(value, dict):
        return {name: _sorted(one) for name, one in sorted(value.items())}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("python_type", "value"),
    [
        (int, 1),
        (float, 1.5),
        (bool, False),
        (str, "x"),
        (list[int], []),
        (dict[str, list[str]], {"b": [""], "a": []}),
    ],
)
def test_plain_inputs_are_known_as_such(python_type: Any, value: Any) -> None:
    plain = _plain(_task(python_type), json.dumps({"value": value}))
    assert plain is not None
    assert repr(plain.arguments) == repr({"value": value})


@pytest.mark.parametrize(
    ("python_type", "value", "native"),
    [
        (float, 1, 1.0),
        (list[float], [1, 0.5, -(2**63), 2**53 + 1], [1.0, 0.5, -(2.0**63), 2.0**53]),
        (list[list[float]], [[1], [], [0.5, 2]], [[1.0], [], [0.5, 2.0]]),
        (dict[str, list[float]], {"b": [1], "a": [0.5]}, {"b": [1.0], "a": [0.5]}),
    ],
)
def test_integers_are_plain_where_floats_are_expected(python_type: Any, value: Any, native: Any) -> None:
    plain = _plain(_task(python_type), json.dumps({"value": value}))
    assert plain is not None
    assert repr(plain.arguments) == repr({"value": native})


@pytest.mark.parametrize(("python_type", "value", "_expected"), VALUES, ids=lambda value: str(value)[:40])
def test_inputs_of_any_type_are_plain_or_left_to_the_models(python_type: Any, value: Any, _expected: Any) -> None:
    one, text = _task(python_type), json.dumps({"value": value})
    plain = _plain(one, text)
    assert plain is None or list(plain.arguments) == ["value"]


@pytest.mark.parametrize(
    ("python_type", "value"),
    [
        (int, 1.0),
        (int, True),
        (int, 2**63),
        (float, True),
        (float, 10**400),
        (str, "\ud800"),
        (list[int], [1, "x"]),
        (list[float], [1, True]),
        (list[float], {"a": 1}),
        (dict[str, float], [1]),
        (list[list[float]], [1]),
        (list[float], functools.reduce(lambda inner, _: [inner], range(600), 1)),
        (Optional[int], 1),  # noqa: UP045
    ],
)
def test_what_is_not_plain_is_left_to_the_models(python_type: Any, value: Any) -> None:
    assert _plain(_task(python_type), json.dumps({"value": value})) is None


def test_plain_inputs_are_all_given_in_the_order_of_the_task() -> None:
    assert _plain(two, '{"first": [], "second": {}}') is None
    assert _plain(two, '{"first": [], "second": {}, "third": 1, "fourth": 1}') is None
    plain = _plain(two, '{"third": 1, "second": {}, "first": []}')
    assert plain is not None
    assert list(plain.arguments) == ["first", "second", "third"]
