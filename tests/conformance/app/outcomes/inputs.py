"""Inputs that do not fit what the task declares."""

from dataclasses import dataclass

from flyteidl.core.literals_pb2 import LiteralMap
from flytekit import task
from flytekit.types.file import FlyteFile

from conformance import EVERYWHERE, Case


@dataclass
class Point:
    x: int
    y: int


@task
def add(a: int, b: int) -> int:
    return a + b


@task
def with_default(a: int, b: int = 10) -> int:
    return a + b


@task
def moved(point: Point) -> int:
    return point.x


@task
def reads(file: FlyteFile) -> str:
    with open(file) as opened:
        return opened.read()


@task
def no_inputs() -> int:
    return 1


def _file(**values: int | str) -> dict[str, bytes]:
    literals = LiteralMap()
    for name, value in values.items():
        primitive = literals.literals[name].scalar.primitive
        if isinstance(value, int):
            primitive.integer = value
        else:
            primitive.string_value = value
    return {"inputs.pb": literals.SerializeToString(deterministic=True)}


CASES = [
    Case("add", variant="missing", files=_file(a=1), ends_with="error"),
    Case("add", variant="extra", files=_file(a=1, b=2, c=3), ends_with="error"),
    # One input: of several, flytekit 1.15 names whichever comes last in a map, whose order differs by process.
    Case("with_default", variant="wrong-type", files=_file(a="one"), ends_with="error"),
    Case("add", variant="none", files=_file(), ends_with="error"),
    Case("add", variant="garbage", files={"inputs.pb": b"\xff\xff no message"}, ends_with="error"),
    Case("add", variant="empty-file", files={"inputs.pb": b""}, ends_with="error"),
    Case("add", None, variant="no-file", storage=EVERYWHERE, ends_with="error"),
    Case("with_default", variant="default-missing", files=_file(a=1)),
    Case("moved", variant="not-a-struct", files=_file(point="text"), ends_with="error"),
    Case("reads", variant="not-a-blob", files=_file(file=3), ends_with="error"),
    Case("no_inputs", variant="extra", files=_file(a=1)),
]
