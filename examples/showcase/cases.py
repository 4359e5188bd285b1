"""Which examples there are and with which inputs they run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[1]
DATA = EXAMPLES / "data"
PACKAGE = "flytewarm_examples"
# Imports every example; what `flytewarm serve --preload` is given.
PRELOAD = f"{PACKAGE}.preload"


@dataclass(frozen=True)
class Case:
    """One example: a task and the Python values that it is called with.

    The values are made on demand, because some are of the task's own types and importing it is not free.
    """

    module: str
    task: str
    make_values: Callable[[], dict[str, Any]]
    # What the task is meant to end with: a field of Captured. Two runs that fail alike are not a success.
    result: str = "outputs"

    @property
    def task_module(self) -> str:
        """The importable module, below the examples directory."""
        return f"{PACKAGE}.{self.module}"

    @property
    def name(self) -> str:
        """What the example is called in tables and directories."""
        return f"{self.module}.{self.task}"


def _parcel() -> dict[str, Any]:
    from flytewarm_examples.parcels import Parcel

    return {"parcel": Parcel(destination="Helgoland", weights_kg=[1.5, 0.75, 2.25])}


def _orders() -> dict[str, Any]:
    import pandas as pd
    from flytekit.types.structured import StructuredDataset

    return {"orders": StructuredDataset(dataframe=pd.read_csv(DATA / "orders.csv"))}


def _text() -> dict[str, Any]:
    from flytekit.types.file import FlyteFile

    return {"text": FlyteFile(str(DATA / "lighthouse.txt"))}


ARITHMETIC = Case("arithmetic", "add", lambda: {"a": 40, "b": 2})
GREETING = Case("greeting", "greet", lambda: {"name": "keeper"})
TRAINING = Case("training", "train", lambda: {"test_share": 0.4, "seed": 3})

CASES: tuple[Case, ...] = (
    ARITHMETIC,
    Case("parcels", "quote", _parcel),
    Case("words", "count_words", _text),
    Case("sales", "totals", _orders),
    TRAINING,
    Case("fan_out", "sum_of_squares", lambda: {"numbers": [1, 2, 3, 4]}, result="futures"),
    GREETING,
    Case("lighthouse", "height_m", lambda: {"name": "Helgoland"}),
    Case("failing", "pay", lambda: {"balance_cents": 500, "amount_cents": 750}, result="error"),
)
