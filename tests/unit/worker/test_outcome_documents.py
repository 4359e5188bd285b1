"""The documents of an execution are those that flytekit's own entrypoint writes for the same task."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flyteidl.core import errors_pb2, literals_pb2
from flytekit import map_task, task
from flytekit.bin import entrypoint
from flytekit.core.base_task import IgnoreOutputs
from flytekit.core.context_manager import FlyteContext
from flytekit.exceptions.user import FlyteRecoverableException
from flytekit.models import literals

from flytewarm_worker import outcome, quick_dispatch

MEBIBYTE = 1 << 20
InFork = Callable[[Callable[[], None]], None]


class Two(NamedTuple):
    """Outputs of unequal size."""

    small: str
    large: str


@task
def two(size: int) -> Two:
    """Returns little and much."""
    return Two("s", "x" * size)


@task
def many(size: int) -> tuple[str, str, str, str, list[int], dict[str, int]]:
    """Returns much four times, and more."""
    return ("x" * size, "x" * size, "x" * size, "x" * size, [1] * min(size, 9), {"x": size})


@task
def one(size: int) -> str:
    """Returns as much as asked."""
    return "x" * size


@task
def fails(size: int) -> str:
    """Raises what the number says."""
    if size < 3:
        raise (ValueError, FlyteRecoverableException, IgnoreOutputs)[size]("the words")
    return ""


@task
def wrong(size: int) -> int:
    """Returns what its type does not allow."""
    return "text"  # type: ignore[return-value]


each = map_task(one)


def _inputs(size: int, as_list: bool = False) -> literals_pb2.LiteralMap:
    literal = literals_pb2.Literal()
    literal.scalar.primitive.integer = size
    if as_list:
        literal = literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=[literal]))
    return literals_pb2.LiteralMap(literals={"size": literal})


def _by_entrypoint(directory: Path, the_task: Any, inputs: literals_pb2.LiteralMap, prefix: str, is_map: bool) -> None:
    uri = directory / "inputs.pb"
    uri.write_bytes(inputs.SerializeToString())
    with entrypoint.setup_execution(str(directory / "raw"), prefix) as context:
        entrypoint._dispatch_execute(context, lambda: the_task, str(uri), prefix, is_map_task=is_map)


def _by_worker(directory: Path, the_task: Any, inputs: literals_pb2.LiteralMap, prefix: str, is_map: bool) -> None:
    with entrypoint.setup_execution(str(directory / "raw"), prefix) as context:
        result = _result(context, the_task, inputs, prefix, is_map)
    Path(prefix).mkdir(exist_ok=True)
    for name, document in result.documents.items():
        (Path(prefix) / name).write_bytes(document.SerializeToString())


def _result(
    context: FlyteContext, the_task: Any, inputs: literals_pb2.LiteralMap, prefix: str, is_map: bool
) -> outcome.Result:
    try:
        success = outcome.success()
        outputs = success.outputs.literals
        value = quick_dispatch.dispatch(context, the_task, inputs, outputs, literals.LiteralMap.from_flyte_idl)
        if value is outputs:
            return outcome.of_outputs(success, the_task, prefix)
        return outcome.of_return(value, the_task, prefix, is_map)
    except Exception as error:  # noqa: BLE001  # as the runner does
        return outcome.of_exception(error, user_code_ran=True)


def _documents(directory: Path) -> dict[str, Any]:
    """Documents by name, without what differs from run to run: times, and frames of the callers."""
    found: dict[str, Any] = {}
    for path in directory.iterdir():
        kinds = {"outputs.pb": literals_pb2.LiteralMap, "error.pb": errors_pb2.ErrorDocument}
        document: Any = kinds.get(path.name, literals_pb2.Literal)()
        document.ParseFromString(path.read_bytes())
        if path.name == "error.pb":
            document.error.ClearField("timestamp")
            document.error.message = document.error.message.partition("Message:")[2]
        found[path.name] = document
    return found


def _assert_alike(
    directory: Path, the_task: Any, size: int, environment: dict[str, str], is_map: bool = False
) -> dict[str, Any]:
    os.environ.update(environment)
    # One prefix for both, as it is part of offloaded literals.
    prefix, theirs = directory / "out", directory / "theirs"
    prefix.mkdir()
    _by_entrypoint(directory, the_task, _inputs(size, is_map), str(prefix), is_map)
    prefix.rename(theirs)
    _by_worker(directory, the_task, _inputs(size, is_map), str(prefix), is_map)
    ours = _documents(prefix)
    assert ours == _documents(theirs)
    return ours


@pytest.mark.parametrize("size", [10, MEBIBYTE + 1])
@pytest.mark.parametrize("of", [two, many])
def test_outputs(in_fork: InFork, tmp_path: Path, size: int, of: Any) -> None:
    def check() -> None:
        assert set(_assert_alike(tmp_path, of, size, {})) == {"outputs.pb"}

    in_fork(check)


@pytest.mark.parametrize("number", [0, 1])
def test_errors_of_the_user(in_fork: InFork, tmp_path: Path, number: int) -> None:
    def check() -> None:
        documents = _assert_alike(tmp_path, fails, number, {})
        assert "the words" in documents["error.pb"].error.message

    in_fork(check)


def test_ignored_outputs(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        assert _assert_alike(tmp_path, fails, 2, {}) == {}

    in_fork(check)


def test_errors_of_conversion(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        assert set(_assert_alike(tmp_path, wrong, 1, {})) == {"error.pb"}

    in_fork(check)


def test_large_outputs_are_offloaded(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        documents = _assert_alike(tmp_path, two, MEBIBYTE, {"_F_L_MIN_SIZE_MB": "1"})
        assert set(documents) == {"outputs.pb", "large_offloaded_metadata.pb"}
        outputs = documents["outputs.pb"].literals
        assert outputs["small"].scalar.primitive.string_value == "s"
        assert outputs["large"].offloaded_metadata.uri == f"{tmp_path}/out/large_offloaded_metadata.pb"
        assert outputs["large"].offloaded_metadata.size_bytes > MEBIBYTE
        assert outputs["large"].hash

    in_fork(check)


def test_outputs_below_the_bound_are_not_offloaded(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        assert set(_assert_alike(tmp_path, two, MEBIBYTE - 100, {"_F_L_MIN_SIZE_MB": "1"})) == {"outputs.pb"}

    in_fork(check)


def test_all_of_many_outputs_are_offloaded(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        documents = _assert_alike(tmp_path, many, 3, {"_F_L_MIN_SIZE_MB": "0"})
        assert len(documents) == 7

    in_fork(check)


def test_of_many_outputs_over_the_largest_size_the_first_is_told(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        bounds = {"_F_L_MIN_SIZE_MB": "1", "_F_L_MAX_SIZE_MB": "1"}
        documents = _assert_alike(tmp_path, many, MEBIBYTE, bounds)
        assert "Literal o0 is too large to be offloaded" in documents["error.pb"].error.message

    in_fork(check)


def test_everything_is_offloaded_from_zero(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        documents = _assert_alike(tmp_path, two, 1, {"_F_L_MIN_SIZE_MB": "0"})
        assert set(documents) == {"outputs.pb", "small_offloaded_metadata.pb", "large_offloaded_metadata.pb"}

    in_fork(check)


def test_outputs_over_the_largest_size_fail(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        bounds = {"_F_L_MIN_SIZE_MB": "1", "_F_L_MAX_SIZE_MB": "2"}
        documents = _assert_alike(tmp_path, two, 2 * MEBIBYTE, bounds)
        assert set(documents) == {"error.pb"}
        assert "Literal large is too large to be offloaded" in documents["error.pb"].error.message

    in_fork(check)


def test_items_of_map_tasks_are_offloaded_with_their_own_type(in_fork: InFork, tmp_path: Path) -> None:
    def check() -> None:
        documents = _assert_alike(tmp_path, each, 1, {"_F_L_MIN_SIZE_MB": "0"}, is_map=True)
        assert set(documents) == {"outputs.pb", "o0_offloaded_metadata.pb"}
        offloaded = documents["outputs.pb"].literals["o0"].offloaded_metadata
        assert offloaded.inferred_type.WhichOneof("type") == "simple"

    in_fork(check)


def test_without_a_prefix_there_is_nowhere_to_offload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_F_L_MIN_SIZE_MB", "0")
    literal = literals.Literal(scalar=literals.Scalar(primitive=literals.Primitive(string_value="x")))
    result = outcome.of_return(literals.LiteralMap({"o0": literal}), one, "", is_map_task=False)
    assert set(result.documents) == {"outputs.pb"}
    assert result.outcome.outputs.literals.literals["o0"].scalar.primitive.string_value == "x"
