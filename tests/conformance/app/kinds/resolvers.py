"""Tasks that other resolvers than the default one find."""

import contextlib
import gzip
import os
import sys
import typing
from collections.abc import Iterator

import cloudpickle
from flytekit import kwtypes, task
from flytekit.core.class_based_resolver import ClassStorageTaskResolver
from flytekit.core.interface import Interface
from flytekit.core.python_auto_container import (
    PickledEntity,
    PickledEntityMetadata,
    default_notebook_task_resolver,
)
from flytekit.core.python_function_task import PythonInstanceTask

from conformance import EVERYWHERE, Case
from kinds import notebook


class Adds(PythonInstanceTask[int]):
    """Configured by what it is made with."""

    def __init__(self, name: str, summand: int) -> None:
        super().__init__(
            name, summand, task_type="adds", interface=Interface(inputs=kwtypes(a=int), outputs=kwtypes(o0=int))
        )

    def execute(self, **kwargs: typing.Any) -> int:
        return kwargs["a"] + self.task_config


class HooksTask(PythonInstanceTask[None]):
    """Has something to do before and after."""

    def __init__(self, name: str) -> None:
        super().__init__(name, None, task_type="hooks", interface=Interface(outputs=kwtypes(o0=list[str])))

    def pre_execute(self, user_params: typing.Any) -> typing.Any:
        return user_params.with_task_sandbox().add_attr("BEFORE", "seen").build()

    def execute(self, **kwargs: typing.Any) -> list[str]:
        from flytekit import current_context

        return ["during", current_context().get("BEFORE")]

    def post_execute(self, user_params: typing.Any, rval: typing.Any) -> typing.Any:
        return [*rval, "after", user_params.get("BEFORE")]


cell = notebook.cell
adds_five = Adds("adds_five", 5)
hooks = HooksTask("hooks")

stored = ClassStorageTaskResolver()


@task(task_resolver=stored)
def first(a: int) -> int:
    return a + 1


@task(task_resolver=stored)
def second(a: int) -> int:
    return a + 2


stored.add(first)
stored.add(second)


class InDirectory:
    """flytekit's notebook resolver looks for its file in the working directory."""

    @staticmethod
    def load_task(loader_args: tuple[str, ...]) -> typing.Any:
        directory, *arguments = loader_args
        with _working_directory(directory):
            return default_notebook_task_resolver.load_task(loader_args=arguments)


@contextlib.contextmanager
def _working_directory(path: str) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)


in_directory = InDirectory()


def _pickled(_shared: str, version: str = f"{sys.version_info.major}.{sys.version_info.minor}.0") -> bytes:
    cloudpickle.register_pickle_by_value(notebook)
    try:
        entities = {"cell": notebook.cell, "broken_cell": notebook.broken_cell}
        return gzip.compress(cloudpickle.dumps(PickledEntity(PickledEntityMetadata(version), entities)))
    finally:
        cloudpickle.unregister_pickle_by_value(notebook)


def _pickled_elsewhere(shared: str) -> bytes:
    return _pickled(shared, "2.7.18")


def _notebook(name: str, content: typing.Any = _pickled, **more: typing.Any) -> Case:
    arguments = ("{shared}", "entity-name", name)
    return Case(
        "cell", {"a": 2}, resolver=f"{__name__}.in_directory", loader_args=arguments, files={"pkl.gz": content}, **more
    )


_STORED = f"{__name__}.stored"

CASES = [
    Case("adds_five", {"a": 1}, storage=EVERYWHERE),
    Case("hooks"),
    Case("first", {"a": 1}, resolver=_STORED, loader_args=("0",)),
    Case("second", {"a": 1}, resolver=_STORED, loader_args=("1",)),
    Case("second", {"a": 1}, variant="beyond", resolver=_STORED, loader_args=("2",), ends_with="error"),
    Case("second", {"a": 1}, variant="no-number", resolver=_STORED, loader_args=("x",), ends_with="error"),
    Case("second", {"a": 1}, variant="two", resolver=_STORED, loader_args=("0", "1"), ends_with="error"),
    _notebook("cell"),
    _notebook("broken_cell", variant="fails", ends_with="error"),
    _notebook("no_such_cell", variant="unknown", ends_with="error"),
    _notebook("cell", _pickled_elsewhere, variant="other-python", ends_with="error"),
    _notebook("cell", b"no gzip", variant="garbage", ends_with="error"),
]
