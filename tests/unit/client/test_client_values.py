"""Native values as JSON, and back."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import math
import os
import pathlib
from typing import Any, NamedTuple

import pytest

from flytewarm.values import inputs_to_json, outputs_from_json


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Word(str, enum.Enum):
    YES = "yes"


@dataclasses.dataclass
class Inner:
    when: datetime.date


@dataclasses.dataclass
class Outer:
    name: str
    inner: Inner


class Pair(NamedTuple):
    left: int
    right: str


class Model:
    def model_dump(self) -> dict[str, Any]:
        return {"span": datetime.timedelta(minutes=1)}


def encoded(value: Any) -> Any:
    return json.loads(inputs_to_json({"x": value}))["x"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (2**62, 2**62),
        (0.1, 0.1),
        ("ü\n", "ü\n"),
        ([1, [2]], [1, [2]]),
        ((1, "a"), [1, "a"]),
        (Pair(1, "a"), [1, "a"]),
        ({"k": {"l": 1}}, {"k": {"l": 1}}),
        (datetime.datetime(2024, 1, 2, 3, 4, 5, 600), "2024-01-02T03:04:05.000600+00:00"),
        (
            datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
            "2024-01-02T00:00:00+02:00",
        ),
        (datetime.date(2024, 1, 2), "2024-01-02"),
        (datetime.timedelta(days=1, microseconds=1), 86400.000001),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Word.YES, "yes"),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (pathlib.Path("relative"), os.path.abspath("relative")),
        (Outer("n", Inner(datetime.date(2024, 1, 2))), {"name": "n", "inner": {"when": "2024-01-02"}}),
        (Model(), {"span": 60.0}),
    ],
)
def test_values_that_can_be_sent(value: Any, expected: Any) -> None:
    assert encoded(value) == expected
    assert type(encoded(value)) is type(expected)


def test_numbers_that_are_none() -> None:
    assert math.isnan(encoded(math.nan))
    assert encoded([math.inf, -math.inf]) == [math.inf, -math.inf]


@pytest.mark.parametrize("value", [b"x", {1}, object(), Outer, 1j, range(3)])
def test_what_cannot_be_sent_names_input_and_type(value: Any) -> None:
    with pytest.raises(TypeError, match=r"input x: .*cannot be sent; pass the URI") as caught:
        inputs_to_json({"fine": 1, "x": value})
    assert type(value).__name__ in str(caught.value)


def test_the_place_in_a_structure_is_named() -> None:
    with pytest.raises(TypeError, match=r"input x\['k'\]\[1\]: a value of type bytes"):
        inputs_to_json({"x": {"k": [1, b""]}})


def test_keys_must_be_text() -> None:
    with pytest.raises(TypeError, match=r"input x: keys must be str, not int \(1\)"):
        inputs_to_json({"x": {1: 2}})


def test_a_value_in_itself() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(TypeError, match="input 'x' of type list is nested too deeply"):
        inputs_to_json({"x": endless})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{}", None), ('{"o0": [1]}', [1]), ('{"a": 1, "b": null}', {"a": 1, "b": None}), ('{"o0": Infinity}', math.inf)],
)
def test_outputs(text: str, expected: Any) -> None:
    assert outputs_from_json(text) == expected
