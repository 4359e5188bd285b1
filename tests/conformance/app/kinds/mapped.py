"""Items of map tasks: the index comes from the environment, and one item of the inputs is converted."""

import functools
import typing

from flyteidl.core.literals_pb2 import Literal, LiteralMap
from flyteidl.core.types_pb2 import BlobType, SimpleType
from flytekit import map_task, task
from flytekit.core.legacy_map_task import map_task as legacy_map_task
from flytekit.types.file import FlyteFile

from conformance import DEFAULT_RESOLVER, EVERYWHERE, MAP_EXECUTE, Case

ARRAY_NODE = "flytekit.core.array_node_map_task.ArrayNodeMapTaskResolver"
LEGACY = "flytekit.core.legacy_map_task.MapTaskResolver"


@task
def double(a: int) -> int:
    return a * 2


@task
def joined(a: int, text: str) -> str:
    return f"{text}{a}"


@task
def length(file: FlyteFile) -> int:
    with open(file) as opened:
        return len(opened.read())


@task
def noisy(a: int) -> None:
    print("item", a)


@task
def fails(a: int) -> int:
    raise ValueError(f"item {a}")


@task
def maybe(a: typing.Optional[int]) -> typing.Optional[int]:
    return a


doubles = map_task(double, min_success_ratio=0.5)
all_joined = map_task(functools.partial(joined, text="t"))
lengths = map_task(length)
noises = map_task(noisy)
failures = map_task(fails, min_success_ratio=0.1)
maybes = map_task(maybe)
legacy_doubles = legacy_map_task(double)
legacy_failures = legacy_map_task(fails)


@task
def maps_inside(a: list[int]) -> list[typing.Optional[int]]:
    return map_task(double, min_success_ratio=0.5)(a=a)


def _offloaded(shared: str) -> bytes:
    literals = LiteralMap()
    literals.literals["a"].offloaded_metadata.uri = f"{shared}/numbers.pb"
    literals.literals["a"].offloaded_metadata.inferred_type.collection_type.simple = SimpleType.INTEGER
    return literals.SerializeToString(deterministic=True)


def _numbers(_shared: str) -> bytes:
    literal = Literal()
    for number in (10, 20, 30):
        literal.collection.literals.add().scalar.primitive.integer = number
    return literal.SerializeToString(deterministic=True)


def _index(index: int, offset: int | None = None) -> dict[str, str]:
    env = {"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "THE_INDEX", "THE_INDEX": str(index)}
    return env if offset is None else {**env, "BATCH_JOB_ARRAY_INDEX_OFFSET": str(offset)}


def _case(
    task_name: str, mapped: str, inputs: object, env: dict[str, str], bound: str = "", **more: typing.Any
) -> Case:
    loader_args = ("vars", bound, "resolver", DEFAULT_RESOLVER)
    return Case(
        mapped,
        inputs,
        program=MAP_EXECUTE,
        loader_args=(*loader_args, "task-module", "kinds.mapped", "task-name", task_name),
        env=env,
        **{"resolver": ARRAY_NODE, **more},
    )


def _one_missing(shared: str) -> bytes:
    """Only the item that is run is converted: the other's file need not be there."""
    literals = LiteralMap()
    for name in ("one.txt", "missing.txt"):
        blob = literals.literals["file"].collection.literals.add().scalar.blob
        blob.uri = f"{shared}/{name}"
        blob.metadata.type.CopyFrom(BlobType())
    return literals.SerializeToString(deterministic=True)


_NUMBERS = {"a": [1, 2, 3]}
_OFFLOADED = {"inputs.pb": _offloaded, "numbers.pb": _numbers}
_FILES = {"one.txt": b"12345", "inputs.pb": _one_missing}

CASES = [
    _case("double", "doubles", _NUMBERS, _index(0), storage=EVERYWHERE),
    _case("double", "doubles", _NUMBERS, _index(2), variant="last"),
    _case("double", "doubles", _NUMBERS, _index(1, offset=1), variant="offset"),
    _case("double", "doubles", _NUMBERS, {"BATCH_JOB_ARRAY_INDEX_OFFSET": "1"}, variant="offset-only"),
    _case("double", "doubles", _NUMBERS, {}, variant="no-index"),
    _case("double", "doubles", _NUMBERS, _index(7), variant="beyond", ends_with="error"),
    _case("double", "doubles", _NUMBERS, _index(0), variant="concurrency", flags=("--max-concurrency", "2")),
    _case("double", "doubles", _NUMBERS, _index(0), variant="test", flags=("--test",), ends_with="nothing"),
    _case("double", "doubles", {}, _index(1), variant="offloaded", files=_OFFLOADED, storage=EVERYWHERE),
    _case("double", "legacy_doubles", {}, _index(1), variant="offloaded", files=_OFFLOADED, resolver=LEGACY),
    _case("joined", "all_joined", {"a": [1, 2], "text": "t"}, _index(1), bound="text"),
    _case("length", "lengths", {}, _index(0), files=_FILES, storage=EVERYWHERE),
    _case("length", "lengths", {}, _index(1), variant="missing", files=_FILES, ends_with="error"),
    _case("noisy", "noises", _NUMBERS, _index(1)),
    _case("fails", "failures", _NUMBERS, _index(1), ends_with="error"),
    _case("maybe", "maybes", {"a": [1, None]}, _index(1)),
    _case("double", "legacy_doubles", _NUMBERS, _index(1), resolver=LEGACY, storage=EVERYWHERE),
    _case("double", "legacy_doubles", _NUMBERS, _index(0, offset=2), variant="offset", resolver=LEGACY),
    _case("fails", "legacy_failures", _NUMBERS, _index(2), resolver=LEGACY, ends_with="error"),
    _case("no_such_task", "doubles", _NUMBERS, _index(0), variant="unknown", ends_with="error"),
    Case("maps_inside", {"a": [1, 2]}),
]
