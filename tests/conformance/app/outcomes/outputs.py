"""Returns that do not fit what the task declares."""

import typing

from flytekit import task

from conformance import Case


class Pair(typing.NamedTuple):
    first: int
    second: str


class Own:
    pass


@task
def wrong_type() -> int:
    return "text"


@task
def wrong_in_list() -> list[int]:
    return [1, "two"]


@task
def nothing_returned() -> int:
    return None


@task
def tuple_for_one() -> int:
    return 1, 2


@task
def too_few() -> tuple[int, str]:
    return (1,)


@task
def too_many() -> tuple[int, str]:
    return 1, "two", 3


@task
def one_for_two() -> tuple[int, str]:
    return 1


@task
def named() -> Pair:
    return Pair(1, "two")


@task
def named_wrong() -> Pair:
    return Pair("one", 2)


@task
def undeclared():
    return 5


@task
def generator() -> int:
    yield 1


@task
def cannot_be_pickled() -> Own:
    one = Own()
    one.function = (number for number in range(3))
    return one


CASES = [
    Case("wrong_type", ends_with="error"),
    Case("wrong_in_list", ends_with="error"),
    Case("nothing_returned", ends_with="error"),
    Case("tuple_for_one", ends_with="error"),
    Case("too_few"),
    Case("too_many", ends_with="error"),
    Case("one_for_two", ends_with="error"),
    Case("named"),
    Case("named_wrong", ends_with="error"),
    Case("undeclared"),
    Case("generator", ends_with="error"),
    Case("cannot_be_pickled", ends_with="error"),
]
