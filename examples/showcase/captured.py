"""What one run of a task has left behind."""

from dataclasses import dataclass
from pathlib import Path

from flyteidl.core.dynamic_job_pb2 import DynamicJobSpec
from flyteidl.core.errors_pb2 import ContainerError, ErrorDocument
from flyteidl.core.literals_pb2 import LiteralMap

OUTPUTS, FUTURES, ERROR, DECK = "outputs.pb", "futures.pb", "error.pb", "deck.html"


@dataclass(frozen=True)
class Captured:
    """The documents under an output prefix, with the prefix of the files that they refer to.

    Exactly one of outputs, futures and error is set; deck is None where the task makes none.
    """

    raw_prefix: str
    outputs: LiteralMap | None = None
    futures: DynamicJobSpec | None = None
    error: ContainerError | None = None
    deck: str | None = None


def read_captured(output_prefix: Path, raw_prefix: Path) -> Captured:
    """Reads what is there; raises FileNotFoundError where there is none of the three results."""
    outputs, futures, error = (output_prefix / name for name in (OUTPUTS, FUTURES, ERROR))
    if not any(path.is_file() for path in (outputs, futures, error)):
        raise FileNotFoundError(f"none of {OUTPUTS}, {FUTURES}, {ERROR} in {output_prefix}")
    deck = output_prefix / DECK
    return Captured(
        raw_prefix=str(raw_prefix),
        outputs=LiteralMap.FromString(outputs.read_bytes()) if outputs.is_file() else None,
        futures=DynamicJobSpec.FromString(futures.read_bytes()) if futures.is_file() else None,
        error=ErrorDocument.FromString(error.read_bytes()).error if error.is_file() else None,
        deck=deck.read_text(encoding="utf-8") if deck.is_file() else None,
    )
