"""Tasks that send more than anybody wants to have."""

import sys
from collections.abc import Callable
from typing import Any

from flytekit import Deck, current_context, task
from flytekit.exceptions.user import FlyteRecoverableException


class ManyWordsError(Exception):
    """Its text is as long as it is told to be."""

    def __init__(self, length: int) -> None:
        super().__init__("x" * length)


class LongCodeError(FlyteRecoverableException):
    """Its code is long, which is the user's to choose."""

    _ERROR_CODE = "USER:" + "c" * (10 << 20)


@task
def fails(length: int) -> int:
    raise ManyWordsError(length)


@task
def same(text: str) -> str:
    return text


@task
def fails_with_a_long_code() -> int:
    raise LongCodeError("no reason")


@task(enable_deck=True)
def decks(length: int) -> int:
    Deck("long", "y" * length)
    return 1


@task
def writes_one_line(length: int) -> int:
    sys.stdout.write("z" * length)
    sys.stdout.flush()
    return 1


@task
def measures(length: int) -> int:
    current_context().stats.incr("m" * length)
    return 1


@task
def documented(number: int = 1) -> int:
    return number


documented.task_function.__doc__ = "d" * (80 << 20)


@task
def with_a_large_default(text: str = "t" * (80 << 20)) -> int:
    return len(text)


def _lists(levels: int, of: Any, nest: Callable[[Any], Any]) -> Any:
    for _ in range(levels):
        of = nest(of)
    return of


@task
def nests_44() -> _lists(44, int, lambda of: list[of]):  # type: ignore[valid-type]
    return _lists(44, 1, lambda value: [value])


@task
def nests_47() -> _lists(47, int, lambda of: list[of]):  # type: ignore[valid-type]
    return _lists(47, 1, lambda value: [value])
