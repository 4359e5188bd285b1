"""StructuredDataset and FlyteSchema, with pandas and pyarrow."""

import os
import typing
from collections import OrderedDict
from typing import Annotated

import numpy
import pandas
import pyarrow
from flytekit import StructuredDataset, kwtypes, task
from flytekit.types.schema import FlyteSchema

from conformance import EVERYWHERE, LOCAL, Case

_COLUMNS = kwtypes(name=str, age=int)


def _frame() -> pandas.DataFrame:
    return pandas.DataFrame({"name": ["Ä", "b"], "age": [1, 2], "extra": [0.5, None]})


@task
def frame() -> pandas.DataFrame:
    return _frame()


@task
def frame_in(given: pandas.DataFrame) -> list[str]:
    return [given.to_json(), str(list(given.columns))]


@task
def table(given: pyarrow.Table) -> pyarrow.Table:
    return given.append_column("twice", [[value * 2 for value in given["age"].to_pylist()]])


@task
def with_columns(given: Annotated[StructuredDataset, _COLUMNS]) -> Annotated[StructuredDataset, _COLUMNS]:
    found = given.open(pandas.DataFrame).all()
    return StructuredDataset(dataframe=found.assign(age=found["age"] + 1))


@task
def as_arrow(given: StructuredDataset) -> tuple[StructuredDataset, str]:
    found = given.open(pyarrow.Table).all()
    told = given.metadata.structured_dataset_type
    return StructuredDataset(dataframe=found), f"{found.num_rows} {told.format}"


@task
def lazily(given: StructuredDataset) -> StructuredDataset:
    return given


@task
def csv() -> Annotated[StructuredDataset, "csv"]:
    return StructuredDataset(dataframe=_frame())


@task
def csv_in(given: Annotated[StructuredDataset, "csv"]) -> str:
    return given.open(pandas.DataFrame).all().to_json()


@task
def at_a_place_of_its_own() -> StructuredDataset:
    return StructuredDataset(dataframe=_frame(), uri=f"{os.environ['WHERE']}/placed")


@task
def several() -> dict[str, StructuredDataset]:
    return {str(size): StructuredDataset(dataframe=_frame().head(size)) for size in (0, 1)}


@task
def schema(given: FlyteSchema[OrderedDict(name=str, age=int)]) -> FlyteSchema[OrderedDict(age=int)]:
    found = given.open(pandas.DataFrame).all()
    made = FlyteSchema[OrderedDict(age=int)]()
    made.open(pandas.DataFrame).write(found[["age"]])
    return made


@task
def arrays(given: numpy.ndarray) -> tuple[numpy.ndarray, list[numpy.ndarray]]:
    return given * 2, [numpy.eye(3), numpy.zeros(0)]


@task
def missing_column(given: Annotated[StructuredDataset, kwtypes(none=str)]) -> str:
    return str(given.open(pandas.DataFrame).all())


_P = "FileAccessProvider"
_FRAME: dict[str, typing.Any] = {"given": _frame()}

CASES = [
    Case("frame", storage=EVERYWHERE, proves=(f"{_P}.async_put_data",)),
    Case("frame_in", _FRAME, storage=EVERYWHERE),
    # Of S3, flytekit reads a table of pyarrow only as a StructuredDataset.
    Case("table", {"given": pyarrow.Table.from_pandas(_frame())}, storage=LOCAL),
    Case("with_columns", {"given": StructuredDataset(dataframe=_frame())}, storage=EVERYWHERE),
    Case("as_arrow", {"given": StructuredDataset(dataframe=_frame())}, storage=EVERYWHERE),
    Case("lazily", {"given": StructuredDataset(dataframe=_frame())}, storage=EVERYWHERE),
    Case("csv", storage=EVERYWHERE),
    Case("csv_in", {"given": StructuredDataset(dataframe=_frame(), file_format="csv")}, storage=EVERYWHERE),
    Case("at_a_place_of_its_own", storage=EVERYWHERE, env={"WHERE": "{run}/where"}),
    Case("several", storage=EVERYWHERE),
    Case("schema", {"given": _frame()[["name", "age"]]}, storage=EVERYWHERE),
    Case("arrays", {"given": numpy.arange(6).reshape(2, 3)}, storage=EVERYWHERE),
    Case("missing_column", {"given": StructuredDataset(dataframe=_frame())}, storage=LOCAL, ends_with="error"),
]
