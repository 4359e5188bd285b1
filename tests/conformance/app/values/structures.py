"""Dataclasses, untyped objects, unions and collections that hold files: what msgpack and pickle make of them."""

import enum
import pathlib
import typing
from dataclasses import dataclass, field

from flytekit import current_context, task
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile
from flytekit.types.pickle import FlytePickle

from conformance import EVERYWHERE, LOCAL, Case


class Kind(enum.Enum):
    PLAIN = "plain"
    FANCY = "fancy"


@dataclass
class Inner:
    file: FlyteFile
    numbers: list[int] = field(default_factory=list)


@dataclass
class Outer:
    name: str
    inner: Inner
    many: dict[str, Inner]
    directory: typing.Optional[FlyteDirectory] = None
    kind: Kind = Kind.PLAIN


class Untyped:
    """flytekit has no transformer for it."""

    def __init__(self, value: int) -> None:
        self.value = value


def _new_file(name: str, text: str) -> FlyteFile:
    path = pathlib.Path(current_context().working_directory, name)
    path.write_text(text)
    return FlyteFile(str(path))


def _new_directory() -> FlyteDirectory:
    path = pathlib.Path(current_context().working_directory, "directory")
    path.mkdir()
    (path / "a.txt").write_text("in a directory")
    return FlyteDirectory(str(path))


@task
def dataclass_out() -> Outer:
    inner = Inner(_new_file("one.txt", "one"), [1, 2])
    return Outer("é", inner, {"two": Inner(_new_file("two.txt", "two"))}, _new_directory(), Kind.FANCY)


@task
def dataclass_in(given: Outer) -> list[str]:
    files = [given.inner.file, *(one.file for _, one in sorted(given.many.items()))]
    return [given.name, str(given.kind), *(pathlib.Path(file.download()).read_text() for file in files)]


@task
def dataclass_on(given: Outer) -> tuple[Outer, Inner, list[Inner]]:
    return given, given.inner, [given.inner, *given.many.values()]


@task
def untyped_out(value: int) -> Untyped:
    return Untyped(value * 2)


@task
def untyped_in(given: Untyped) -> int:
    return given.value


@task
def anything(given: typing.Any) -> typing.Any:
    return {"given": given, "range": range(3)}


@task
def pickles(count: int) -> typing.List[Untyped]:
    return [Untyped(value) for value in range(count)]


@task
def pickled(given: FlytePickle[Untyped]) -> FlytePickle[Untyped]:
    return Untyped(given.value + 1)


@task
def untyped_dict(given: dict) -> dict:
    return {**given, "file": _new_file("in a dict.txt", "in a dict"), "list": [1, "two", None]}


@task
def unions(given: typing.Union[int, FlyteFile, Inner]) -> typing.Union[str, FlyteFile, list[FlyteFile]]:
    if isinstance(given, FlyteFile):
        return [given, _new_file("more.txt", pathlib.Path(given.download()).read_text())]
    return _new_file("number.txt", str(given)) if isinstance(given, int) else given.file


@task
def maybe(given: typing.Optional[FlyteFile] = None) -> typing.Optional[FlyteFile]:
    return given if given is None else _new_file("copy.txt", pathlib.Path(given.download()).read_text())


@task
def nested(count: int) -> dict[str, list[FlyteFile]]:
    return {str(row): [_new_file(f"{row}-{i}.txt", f"{row} {i}") for i in range(row)] for row in range(count)}


@task
def cannot_be_pickled() -> typing.Any:
    return (one for one in range(3))


def _given(shared: str) -> FlyteFile:
    return FlyteFile(f"{shared}/here.txt")


def _outer(shared: str) -> dict[str, Outer]:
    inner = Inner(_given(shared), [3])
    return {"given": Outer("n", inner, {"a": inner}, FlyteDirectory(f"{shared}/tree"))}


_FILES = {"here.txt": b"given", "tree/a.txt": b"a"}

CASES = [
    Case("dataclass_out", storage=EVERYWHERE),
    Case("dataclass_in", _outer, files=_FILES, storage=EVERYWHERE),
    Case("dataclass_on", _outer, files=_FILES, storage=EVERYWHERE),
    Case("dataclass_out", variant="old-format", env={"FLYTE_USE_OLD_DC_FORMAT": "true"}, storage=EVERYWHERE),
    Case("untyped_out", {"value": 4}, storage=EVERYWHERE),
    Case("untyped_in", {"given": Untyped(7)}, storage=EVERYWHERE),
    Case("anything", {"given": 1 + 2j}, storage=EVERYWHERE),
    Case("pickles", {"count": 3}, storage=EVERYWHERE),
    Case("pickled", {"given": Untyped(1)}, storage=LOCAL),
    Case("untyped_dict", {"given": {"a": [1.5], "b": {"c": True}}}, storage=EVERYWHERE, ends_with="error"),
    Case("unions", lambda shared: {"given": _given(shared)}, files=_FILES, storage=EVERYWHERE),
    Case("unions", {"given": 5}, variant="number", storage=EVERYWHERE),
    Case("unions", lambda shared: {"given": Inner(_given(shared))}, variant="inner", files=_FILES, storage=LOCAL),
    Case("maybe", lambda shared: {"given": _given(shared)}, files=_FILES, storage=EVERYWHERE),
    Case("maybe", {"given": None}, variant="none", storage=LOCAL),
    Case("nested", {"count": 3}, storage=EVERYWHERE),
    Case("cannot_be_pickled", storage=EVERYWHERE, ends_with="error"),
]
