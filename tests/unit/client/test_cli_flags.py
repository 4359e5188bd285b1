"""A task's inputs as flags."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core import types_pb2

from flytewarm.cli import flags, interface
from flytewarm.cli.exits import UsageError
from flytewarm.cli.literal_types import parse_text, type_text
from flytewarm_api.v1 import task_executor_pb2

Kind = types_pb2.LiteralType


def simple(value: int) -> Kind:
    return Kind(simple=value)


def union(*variants: Kind) -> Kind:
    return Kind(union_type=types_pb2.UnionType(variants=variants))


INTEGER, FLOAT = simple(types_pb2.INTEGER), simple(types_pb2.FLOAT)
STRING, BOOLEAN = simple(types_pb2.STRING), simple(types_pb2.BOOLEAN)
NONE, STRUCT = simple(types_pb2.NONE), simple(types_pb2.STRUCT)
DATETIME, DURATION = simple(types_pb2.DATETIME), simple(types_pb2.DURATION)
FILE = Kind(blob=types_pb2.BlobType())
DIRECTORY = Kind(blob=types_pb2.BlobType(dimensionality=types_pb2.BlobType.MULTIPART))
DATASET = Kind(structured_dataset_type=types_pb2.StructuredDatasetType())
COLOUR = Kind(enum_type=types_pb2.EnumType(values=["red", "green"]))


def described(**inputs: Kind) -> task_executor_pb2.DescribeTaskResponse:
    """A task with these inputs; those whose names start with `opt` have a default."""
    task = task_executor_pb2.DescribeTaskResponse(name="m.t", task_type="python-task", documentation="Does things.")
    for name, kind in inputs.items():
        required = not name.startswith("opt")
        task.inputs.add(name=name, python_type="T", required=required, default_json="" if required else "2")
        task.interface.inputs.variables[name].type.CopyFrom(kind)
        task.interface.inputs.variables[name].description = name if required else "how often"
    return task


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (STRING, "5", "5"),
        (STRING, '"quoted"', '"quoted"'),
        (INTEGER, "-5", -5),
        (FLOAT, "5", 5.0),
        (FLOAT, "1e3", 1000.0),
        (FLOAT, "-inf", -math.inf),
        (BOOLEAN, "true", True),
        (BOOLEAN, "No", False),
        (DATETIME, "2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
        (DURATION, "1.5", 1.5),
        (COLOUR, "red", "red"),
        (STRUCT, '{"a": [1]}', {"a": [1]}),
        (NONE, "null", None),
        (Kind(collection_type=INTEGER), "[1, 2]", [1, 2]),
        (Kind(map_value_type=STRING), '{"k": "v"}', {"k": "v"}),
        (FILE, "s3://bucket/key", "s3://bucket/key"),
        (FILE, "/no/such/file", "/no/such/file"),
        (DATASET, "not-there.parquet", "not-there.parquet"),
        (union(INTEGER, NONE), "null", None),
        (union(INTEGER, NONE), "5", 5),
        (union(STRING, NONE), "5", "5"),
        (union(INTEGER, STRING), "5", 5),
        (union(INTEGER, STRING), "five", "five"),
        (union(INTEGER, STRING), "null", None),
    ],
)
def test_texts(kind: Kind, text: str, expected: Any) -> None:
    assert parse_text(text, kind) == expected
    assert type(parse_text(text, kind)) is type(expected)


def test_local_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").touch()
    there = str(tmp_path / "there")
    for kind in (FILE, DIRECTORY, DATASET, union(FILE, NONE), union(INTEGER, FILE)):
        assert parse_text("there", kind) == there
    assert parse_text('["there", "elsewhere"]', Kind(collection_type=FILE)) == [there, "elsewhere"]
    assert parse_text('{"k": "there"}', Kind(map_value_type=FILE)) == {"k": there}
    assert parse_text("there", STRING) == "there"
    assert flags.parse_inputs([], described(f=FILE), {"f": "there"}) == {"f": there}


@pytest.mark.parametrize("given", [["--a", "1", "--opt_b=x"], ["--opt-b", "x", "--a=1"], ["--a", "1", "--opt_b", "x"]])
def test_forms_of_flags(given: list[str]) -> None:
    assert flags.parse_inputs(given, described(a=INTEGER, opt_b=STRING), {}) == {"a": 1, "opt_b": "x"}


def test_values_that_look_like_flags() -> None:
    task = described(a=INTEGER, s=STRING)
    assert flags.parse_inputs(["--a", "-5", "--s=--x=y"], task, {}) == {"a": -5, "s": "--x=y"}
    with pytest.raises(UsageError, match="--s needs a value; if --x is the value, write --s=--x"):
        flags.parse_inputs(["--s", "--x"], task, {})
    with pytest.raises(UsageError, match=r"--s needs a value$"):
        flags.parse_inputs(["--s"], task, {})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--x"], {"x": True}),
        (["--x", "false"], {"x": False}),
        (["--x=0"], {"x": False}),
        (["--x", "--opt", "1"], {"x": True, "opt": 1}),
    ],
)
def test_booleans_may_be_bare(given: list[str], expected: dict[str, Any]) -> None:
    assert flags.parse_inputs(given, described(x=BOOLEAN, opt=INTEGER), {}) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--c", "1"], r"no input --c; m.t takes --a \[--opt_b\]"),
        (["1"], r"no input 1; m.t takes"),
        (["-a", "1"], r"no input -a; m.t takes"),
        (["--a", "x"], r"--a \(int\): expected a whole number; got 'x'"),
        (["--a", "1", "--a=2"], "--a is given twice"),
        (["--opt_b", "1"], r"--a missing; m.t takes --a \[--opt_b\]"),
        (["--a=1", "--opt-b={"], r"--opt-b \(object\): expected JSON: .*; got '\{'"),
    ],
)
def test_wrong_flags(given: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        flags.parse_inputs(given, described(a=INTEGER, opt_b=STRUCT), {})


def test_an_option_after_the_tasks_name_is_told_from_an_unknown_input() -> None:
    options = ["--target", "--timeout"]
    with pytest.raises(UsageError, match=r"no input --target; .*; as an option of flytewarm, --target goes before"):
        flags.parse_inputs(["--a=1", "--target=x"], described(a=INTEGER), {}, options)
    with pytest.raises(UsageError, match=r"no input --other; m\.t takes --a$"):
        flags.parse_inputs(["--a=1", "--other", "x"], described(a=INTEGER), {}, options)
    assert flags.parse_inputs(["--target", "x"], described(target=STRING), {}, options) == {"target": "x"}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (FILE, "gone"),
        (DIRECTORY, "/no/such/directory"),
        (DATASET, "gone"),
        (union(FILE, NONE), "gone"),
        (Kind(collection_type=FILE), '["there", "gone"]'),
        (Kind(map_value_type=FILE), '{"k": "gone"}'),
    ],
)
def test_a_path_where_nothing_is(kind: Kind, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").touch()
    with pytest.raises(UsageError, match=r"--f: no file or directory '.*(gone|directory)'") as caught:
        flags.parse_inputs([f"--f={text}"], described(f=kind), {}, check_paths=True)
    assert f"(working directory: {tmp_path})" in str(caught.value)
    flags.parse_inputs([f"--f={text}"], described(f=kind), {})
    flags.parse_inputs([], described(f=kind), {"f": "gone"}, check_paths=True)


@pytest.mark.parametrize(
    ("kind", "text"), [(FILE, "there"), (FILE, "s3://b/gone"), (STRING, "gone"), (union(STRING, FILE), "gone")]
)
def test_what_need_not_be_a_path_here(kind: Kind, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").touch()
    assert flags.parse_inputs([f"--f={text}"], described(f=kind), {}, check_paths=True)["f"].endswith(text)


def test_inputs_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "inputs.json"
    file.write_text(json.dumps({"a": 1, "b": "file"}))
    task = described(a=INTEGER, b=STRING)
    assert flags.parse_inputs(["--b", "flag"], task, flags.load_inputs(str(file))) == {"a": 1, "b": "flag"}
    with pytest.raises(UsageError, match=r"--inputs: no input c; m\.t takes"):
        flags.parse_inputs([], task, {"c": 1})
    for content in ("[1]", "{"):
        file.write_text(content)
        with pytest.raises(UsageError, match=r"--inputs .*inputs.json: "):
            flags.load_inputs(str(file))
    with pytest.raises(UsageError, match="No such file"):
        flags.load_inputs(str(tmp_path / "none.json"))


def test_type_names() -> None:
    kinds = [Kind(collection_type=union(INTEGER, NONE)), Kind(map_value_type=FILE), DIRECTORY, DATASET, COLOUR, Kind()]
    names = ["list[int | null]", "dict[str, file]", "directory", "dataset", '"red" | "green"', "value"]
    assert [type_text(kind) for kind in kinds] == names


def test_help_of_a_task() -> None:
    task = described(a=INTEGER, opt_times=INTEGER)
    task.interface.outputs.variables["o0"].type.CopyFrom(STRING)
    assert interface.usage_text(task, "flytewarm run m.t").splitlines() == [
        "usage: flytewarm run m.t --a A [--opt_times OPT_TIMES]",
        "",
        "m.t (python-task)",
        "",
        "Does things.",
        "",
        "inputs:",
        "  --a          T  required",
        "  --opt_times  T  default 2. how often",
        "",
        "outputs:",
        "  o0  str",
    ]
    assert interface.describe_text(described()).endswith("inputs: none\n\noutputs: none")
