"""Every example gives through ExecuteTask what pyflyte-execute gives, and the comparison that says so is not blind."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from flyteidl.core.dynamic_job_pb2 import DynamicJobSpec
from flyteidl.core.errors_pb2 import ContainerError
from flyteidl.core.literals_pb2 import Blob, Literal, LiteralMap, Primitive, Scalar
from flyteidl.core.workflow_pb2 import Node

from flytewarm_api.v1.task_executor_pb2_grpc import TaskExecutorStub
from showcase.captured import Captured
from showcase.cases import CASES, EXAMPLES, GREETING, PRELOAD, Case
from showcase.compare import differences, fold_uris, user_part
from showcase.measure import compare_runs, prepare
from showcase.service import Service
from showcase.warm import log_lines, run_warm

APP = Path("/app")


@pytest.fixture(scope="module")
def stub() -> Iterator[TaskExecutorStub]:
    with Service(app_dir=EXAMPLES, preload=PRELOAD) as service:
        with grpc.insecure_channel(service.target) as channel:
            yield TaskExecutorStub(channel)
        assert service.stop().problems == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_warm_results_equal_the_cold_one(case: Case, stub: TaskExecutorStub, tmp_path: Path) -> None:
    prepared = prepare(case, tmp_path)
    # More runs than workers: at least one meets a worker that has run this task before.
    for number in range(3):
        run = run_warm(stub, case, prepared.inputs, prepared.directory / f"warm-{number}")
        assert compare_runs(prepared, run) == []
        if case is GREETING:
            assert {"print: hello, keeper", "echo: hello, keeper"} <= {line for _, line in log_lines(run)}


def _integer(value: int) -> Literal:
    return Literal(scalar=Scalar(primitive=Primitive(integer=value)))


def _run(directory: Path, *names: str, content: bytes = b"same") -> Captured:
    """A run with one file for each name, in directories named as flytekit names them."""
    literals = {}
    for number, name in enumerate(names):
        file = directory / f"{number:032x}" / "file.txt"
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
        literals[name] = Literal(scalar=Scalar(blob=Blob(uri=str(file))))
    return Captured(raw_prefix=str(directory), outputs=LiteralMap(literals=literals))


def test_random_directories_are_folded(tmp_path: Path) -> None:
    # The second run's random parts come in another order; what they are called makes no difference.
    cold, warm = _run(tmp_path / "cold", "a", "b"), _run(tmp_path / "warm", "b", "a")
    assert differences(cold, warm, APP) == []


def test_a_uri_outside_the_prefix_is_left_alone() -> None:
    uri = "/data-of-others/" + "0" * 32
    outputs = LiteralMap(literals={"a": Literal(scalar=Scalar(blob=Blob(uri=uri)))})
    assert fold_uris(outputs, "/data") == outputs


def test_a_different_literal_is_found() -> None:
    cold, warm = (Captured("/raw", outputs=LiteralMap(literals={"a": _integer(value)})) for value in (1, 2))
    assert differences(cold, warm, APP) == ["output a: the literals differ"]


def test_a_missing_output_is_found() -> None:
    cold = Captured("/raw", outputs=LiteralMap(literals={"a": _integer(1), "b": _integer(2)}))
    warm = Captured("/raw", outputs=LiteralMap(literals={"a": _integer(1)}))
    assert differences(cold, warm, APP) == ["output b: the literals differ"]


def test_a_file_of_different_content_is_found(tmp_path: Path) -> None:
    cold, warm = _run(tmp_path / "cold", "a"), _run(tmp_path / "warm", "a", content=b"other")
    [sentence] = differences(cold, warm, APP)
    assert sentence.endswith("differs")


def test_a_shared_file_is_not_the_same_as_two_files(tmp_path: Path) -> None:
    two = _run(tmp_path, "a", "b")
    assert two.outputs is not None
    shared = LiteralMap(literals=dict.fromkeys(("a", "b"), two.outputs.literals["a"]))
    assert differences(two, replace(two, outputs=shared), APP) == ["output b: the literals differ"]


def test_another_kind_of_result_is_found() -> None:
    cold = Captured("/raw", outputs=LiteralMap())
    warm = Captured("/raw", error=ContainerError(code="USER:X"))
    assert differences(cold, warm, APP) == ["outputs: only one run has it", "error: only one run has it"]


def test_upstream_nodes_are_a_set() -> None:
    def futures(*upstream: str, name: str = "n") -> Captured:
        return Captured("/raw", futures=DynamicJobSpec(nodes=[Node(id=name, upstream_node_ids=upstream)]))

    assert differences(futures("a", "b"), futures("b", "a"), APP) == []
    assert differences(futures("a"), futures("b"), APP) == ["futures: the specifications differ"]


@pytest.mark.parametrize("field", ["code", "origin"])
def test_errors_are_compared(field: str) -> None:
    cold = ContainerError(code="USER:X", origin=1, message="m")
    warm = ContainerError(code="USER:X", origin=1, message="m")
    setattr(warm, field, {"code": "SYSTEM", "origin": 2}[field])
    assert differences(Captured("/raw", error=cold), Captured("/raw", error=warm), APP) == [f"error: {field} differs"]


def test_an_error_is_compared_from_the_users_code_on() -> None:
    message = '    File "/venv/{caller}.py", line 1\n    File "/app/tasks.py", line 2\n    raise X\nX: words'
    assert user_part(message.format(caller="a"), APP) == user_part(message.format(caller="b"), APP)
    assert user_part(message, APP).endswith("X: words")
    assert user_part("no such line", APP) == "no such line"


def test_decks_are_compared_by_their_images() -> None:
    def deck(image: str, time: str) -> Captured:
        return Captured("/raw", outputs=LiteralMap(), deck=f'{time}<img src="data:image/png;base64,{image}">')

    assert differences(deck("AAAA", "1 s"), deck("AAAA", "2 s"), APP) == []
    assert differences(deck("AAAA", "1 s"), deck("BBBB", "1 s"), APP) == ["deck: the images differ"]
