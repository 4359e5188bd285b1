"""Metadata on output literals: partitions of artifacts, and what a task adds itself."""

import base64
import datetime
from typing import Annotated

from flyteidl.core.artifact_id_pb2 import ArtifactID
from flytekit import Artifact, task
from flytekit.core.artifact import Inputs
from flytekit.core.context_manager import FlyteContext, FlyteContextManager, OutputMetadata, OutputMetadataTracker

from conformance import EVERYWHERE, Case
from seen import told

Sales = Artifact(name="sales", partition_keys=["region", "kind"])
Daily = Artifact(name="daily", time_partitioned=True)
Both = Artifact(name="both", time_partitioned=True, partition_keys=["region"])
Bound = Artifact(name="bound", partition_keys=["region"])


class Note:
    """Anything with this method may be given to create_from."""

    def __init__(self, key: str, text: str) -> None:
        self.key, self.text = key, text

    def serialize_to_string(self, ctx: FlyteContext, variable_name: str) -> tuple[str, str]:  # flytekit's
        return self.key, f"{self.text} of {variable_name}"


_DAY = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc)


@task
def partitions(region: str) -> tuple[Annotated[str, Sales], Annotated[int, Daily], Annotated[float, Both]]:
    return (
        Sales.create_from("sold " + region, region=region, kind="retail"),
        Daily.create_from(10**6, time_partition=_DAY),
        Both.create_from(2.5e6, region=region, time_partition=_DAY + datetime.timedelta(days=1)),
    )


@task
def one_partition(region: str) -> Annotated[str, Bound(region=Inputs.region)]:
    return "for " + region


@task
def notes(text: str) -> Annotated[str, Sales]:
    return Sales.create_from("with " + text, Note("first", text), Note("second", text + "!"), region="r", kind="k")


@task
def own_metadata() -> list[int]:
    tracker = FlyteContextManager.current_context().output_metadata_tracker
    value = [1, 2, 3]
    tracker.add(value, OutputMetadata(Sales, None, None, [Note("mine", "a note")]))
    return value


@task
def tracker() -> str:
    current = FlyteContextManager.current_context().output_metadata_tracker
    before = len(current.output_metadata)
    value = ["a value"]
    metadata = OutputMetadata(Sales, {"region": "r"})
    current.add(value, metadata)
    other = current.with_params({id(value): "other"})
    copy = current.with_params()
    seen = told(
        before=before,
        found=current.get(value) is metadata,
        unknown=current.get(["another"]),
        other=other.get(value),
        copy=copy.output_metadata is current.output_metadata,
        fresh=OutputMetadataTracker().output_metadata,
    )
    # Of a value that no longer is: its id may be another's.
    current.output_metadata.clear()
    return seen


@task
def left_behind() -> str:
    """Metadata is found by the id of a value: what an execution leaves must not be found by the next."""
    current = FlyteContextManager.current_context().output_metadata_tracker
    before = len(current.output_metadata)
    current.add(object(), OutputMetadata(Sales, {"region": "r"}))
    return told(before=before)


@task
def encoded() -> str:
    made = ArtifactID.FromString(base64.b64decode(base64.b64encode(Sales.to_id_idl().SerializeToString())))
    return told(name=made.artifact_key.name, partitions=sorted(made.partitions.value))


_TRACKER = ("OutputMetadataTracker.add", "OutputMetadataTracker.get")

CASES = [
    Case("partitions", {"region": "north"}, proves=_TRACKER, storage=EVERYWHERE),
    Case("one_partition", {"region": "south"}),
    Case("notes", {"text": "words"}, proves=_TRACKER),
    Case("own_metadata", proves=("OutputMetadataTracker.add",)),
    Case("tracker", proves=("OutputMetadataTracker", *_TRACKER, "OutputMetadataTracker.with_params")),
    Case("left_behind", proves=("OutputMetadataTracker.get",)),
    Case("encoded"),
]
