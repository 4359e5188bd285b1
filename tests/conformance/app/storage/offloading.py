"""Large literals, which are written to files of their own, and read from those."""

from flyteidl.core.literals_pb2 import Literal
from flytekit import map_task, task

from conformance import EVERYWHERE, LOCAL, MAP_EXECUTE, Case


@task
def plain(size: int) -> tuple[str, int]:
    return "x" * size, size


@task
def collections(size: int) -> tuple[list[str], dict[str, int]]:
    return ["y" * size] * 3, {"a": size}


@task
def nothing(size: int) -> None:
    print(size)


@task
def lengths(text: str, numbers: list[int], names: dict[str, str]) -> list[str]:
    return [str(len(text)), str(sum(numbers)), str(sorted(names.items()))]


@task
def length(text: str) -> int:
    return len(text)


@task
def repeated(size: int) -> str:
    return "z" * size


repeated_all = map_task(repeated)


def _text() -> Literal:
    made = Literal()
    made.scalar.primitive.string_value = "offloaded"
    return made


def _numbers() -> Literal:
    made = Literal()
    for number in (1, 2, 39):
        made.collection.literals.add().scalar.primitive.integer = number
    return made


def _names() -> Literal:
    made = Literal()
    made.map.literals["a"].scalar.primitive.string_value = "ä"
    return made


_OFFLOADED = {"text": _text(), "numbers": _numbers(), "names": _names()}
_FILES = {f"{name}.pb": literal.SerializeToString() for name, literal in _OFFLOADED.items()}


def _offloaded(shared: str) -> dict[str, Literal]:
    given = {}
    for name, literal in _OFFLOADED.items():
        given[name] = Literal()
        given[name].offloaded_metadata.uri = f"{shared}/{name}.pb"
        given[name].offloaded_metadata.size_bytes = literal.ByteSize()
    return given


_ALL = {"_F_L_MIN_SIZE_MB": "0"}
_FROM_1_MB = {"_F_L_MIN_SIZE_MB": "1"}
_UP_TO_1_MB = {"_F_L_MIN_SIZE_MB": "0", "_F_L_MAX_SIZE_MB": "1"}
_MAPPED = {
    "program": MAP_EXECUTE,
    "resolver": "flytekit.core.array_node_map_task.ArrayNodeMapTaskResolver",
    "loader_args": (
        *("vars", "", "resolver", "flytekit.core.python_auto_container.default_task_resolver"),
        *("task-module", __name__, "task-name", "repeated"),
    ),
    "storage": EVERYWHERE,
}
_SECOND = {"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "INDEX", "INDEX": "1"}

CASES = [
    Case("plain", {"size": 3}, env=_ALL, storage=EVERYWHERE),
    Case("plain", {"size": 3}, variant="small", env=_FROM_1_MB, storage=EVERYWHERE),
    Case("plain", {"size": 1 << 20}, variant="large", env=_FROM_1_MB, storage=EVERYWHERE),
    Case("plain", {"size": 1 << 20}, variant="too-large", env=_UP_TO_1_MB, storage=EVERYWHERE, ends_with="error"),
    Case("plain", {"size": 3}, variant="trailing-slash", env=_ALL, flags=("--output-prefix", "{outputs}/")),
    Case("plain", {"size": 3}, variant="no-number", env={"_F_L_MIN_SIZE_MB": "x"}, ends_with="error"),
    Case("plain", {"size": 3}, variant="empty-number", env={"_F_L_MIN_SIZE_MB": ""}, ends_with="error"),
    Case("collections", {"size": 3}, env=_ALL, storage=EVERYWHERE),
    Case("collections", {"size": 1 << 20}, variant="large", env=_FROM_1_MB, storage=EVERYWHERE),
    Case("nothing", {"size": 3}, env=_ALL, storage=LOCAL),
    Case("lengths", _offloaded, files=_FILES, storage=EVERYWHERE),
    Case("length", lambda shared: {"text": _offloaded(shared)["text"]}, files=_FILES, storage=EVERYWHERE),
    # One input: of several, flytekit 1.15 names whichever comes last in a map, whose order differs by process.
    Case(
        "length",
        lambda shared: {"text": _offloaded(shared)["text"]},
        variant="missing",
        storage=EVERYWHERE,
        ends_with="error",
    ),
    Case("repeated_all", {"size": [1, 2]}, env={**_ALL, **_SECOND}, **_MAPPED),
    Case("repeated_all", {"size": [1, 2]}, variant="not-offloaded", env=_SECOND, **_MAPPED),
]
