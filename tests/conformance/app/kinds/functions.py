"""Functions as people write them."""

import functools
import typing

from flytekit import Resources, task, workflow

from conformance import Case


class Sums(typing.NamedTuple):
    total: int
    count: int


class Only(typing.NamedTuple):
    single: str


def logged(function: typing.Callable[..., typing.Any]) -> typing.Callable[..., typing.Any]:
    @functools.wraps(function)
    def wrapper(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
        return function(*args, **kwargs) * 10

    return wrapper


def failing_decorator(function: typing.Callable[..., typing.Any]) -> typing.Callable[..., typing.Any]:
    @functools.wraps(function)
    def wrapper(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
        try:
            return function(*args, **kwargs)
        except ValueError as error:
            raise RuntimeError("told by the decorator") from error

    return wrapper


@task
@logged
def decorated(a: int) -> int:
    return a


@task
@logged
@failing_decorator
def decorated_and_failing(a: int) -> int:
    raise ValueError(a)


@task
def with_defaults(a: int, b: int = 2, text: str = "text") -> str:
    return f"{a} {b} {text}"


@task
def keyword_only(*, a: int, b: int = 5) -> int:
    return a - b


@task
def named_outputs(numbers: typing.List[int]) -> Sums:
    return Sums(total=sum(numbers), count=len(numbers))


@task
def one_named_output() -> Only:
    return Only("one")


@task(cache=True, cache_version="1", cache_serialize=True, cache_ignore_input_vars=("a",))
def cached(a: int) -> int:
    return a


@task(
    requests=Resources(cpu="100", mem="1Ti"),
    limits=Resources(gpu="8"),
)
def with_resources(a: int) -> int:
    return a


@task(interruptible=True, retries=5, timeout=1)
def with_metadata(a: int) -> int:
    return a


@task
def calls_tasks(a: int) -> int:
    return decorated(a=a) + cached(a=a)


@workflow
def two_steps(a: int) -> int:
    return cached(a=decorated(a=a))


@task
def calls_a_workflow(a: int) -> int:
    return two_steps(a=a)


@task
def counts_calls(seen: typing.List[int] = []) -> int:  # noqa: B006  # as people write them
    return len(seen)


class Holder:
    @staticmethod
    @functools.lru_cache(maxsize=1)
    def number() -> int:
        return 3


@task
def uses_a_class() -> int:
    return Holder.number()


CASES = [
    Case("decorated", {"a": 3}),
    Case("decorated_and_failing", {"a": 3}, ends_with="error"),
    Case("with_defaults", {"a": 1, "b": 3, "text": "other"}),
    Case("keyword_only", {"a": 1, "b": 2}),
    Case("named_outputs", {"numbers": [1, 2, 3]}),
    Case("one_named_output"),
    Case("cached", {"a": 1}),
    Case("with_resources", {"a": 1}),
    Case("with_metadata", {"a": 1}),
    Case("calls_tasks", {"a": 1}),
    Case("calls_a_workflow", {"a": 1}),
    Case("counts_calls", {"seen": [1]}),
    Case("uses_a_class"),
]
