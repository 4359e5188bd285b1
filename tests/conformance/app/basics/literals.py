"""Values that literals hold themselves."""

import datetime
import enum

from flytekit import task

from conformance import EVERYWHERE, Case


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@task
def add(a: int, b: int) -> int:
    return a + b


@task
def everything(
    integer: int,
    real: float,
    text: str,
    truth: bool,
    moment: datetime.datetime,
    span: datetime.timedelta,
    colour: Colour,
) -> tuple[int, float, str, bool, datetime.datetime, datetime.timedelta, Colour]:
    return integer * 2, real * 2, text * 2, not truth, moment + span, span * 2, Colour.GREEN


@task
def nested(numbers: list[list[int]], names: dict[str, list[str]]) -> tuple[dict[str, int], list[str]]:
    return {str(index): sum(row) for index, row in enumerate(numbers)}, sorted(names)


@task
def optional(value: int | None = None) -> str | None:
    return None if value is None else str(value)


@task
def nothing(a: int) -> None:
    print(a)


_EVERYTHING = {
    "integer": -3,
    "real": 1.25,
    "text": "grün\n",
    "truth": True,
    "moment": datetime.datetime(2024, 2, 29, 12, 30, 15, 250_000, tzinfo=datetime.timezone.utc),
    "span": datetime.timedelta(days=1, seconds=2, microseconds=3),
    "colour": Colour.RED,
}

CASES = [
    Case("add", {"a": 1, "b": 2}, proves=("PythonTask.dispatch_execute",), storage=EVERYWHERE),
    Case("everything", _EVERYTHING),
    Case("nested", {"numbers": [[1, 2], [], [3]], "names": {"b": ["x"], "a": []}}),
    Case("optional", {"value": 5}),
    Case("optional", {"value": None}, variant="none"),
    Case("nothing", {"a": 1}, proves=("VoidPromise",)),
]
