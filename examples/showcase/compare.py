"""Compares two runs of one task as protobuf messages, with the files that the messages refer to.

Two runs cannot agree on where they put their files: flytekit gives every file a random directory under the run's raw
output prefix. These parts are folded to the same words; everything else must be equal. URIs inside a dataclass or
another binary value are not folded.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from flyteidl.core.dynamic_job_pb2 import DynamicJobSpec
from flyteidl.core.errors_pb2 import ContainerError
from flyteidl.core.literals_pb2 import Blob, Literal, LiteralMap, LiteralOffloadedMetadata, StructuredDataset
from flyteidl.core.types_pb2 import BlobType

from showcase.captured import Captured

# flytekit's get_random_string(): 128 random bits as hexadecimal digits.
_RANDOM = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_IMAGE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=]+")

Located: TypeAlias = Blob | StructuredDataset | LiteralOffloadedMetadata


def differences(cold: Captured, warm: Captured, app_dir: Path) -> list[str]:
    """Tells in what two runs differ, a sentence each; an empty list means that they agree."""
    found = [
        f"{name}: only one run has it"
        for name in ("outputs", "futures", "error", "deck")
        if (getattr(cold, name) is None) != (getattr(warm, name) is None)
    ]
    if cold.outputs is not None and warm.outputs is not None:
        found += _outputs_differences(cold, cold.outputs, warm, warm.outputs)
    if cold.futures is not None and warm.futures is not None and fold_order(cold.futures) != fold_order(warm.futures):
        found.append("futures: the specifications differ")
    if cold.error is not None and warm.error is not None:
        found += _error_differences(cold.error, warm.error, app_dir)
    if cold.deck is not None and warm.deck is not None and _IMAGE.findall(cold.deck) != _IMAGE.findall(warm.deck):
        found.append("deck: the images differ")  # the rest of a deck has times and random paths in it
    return found


def fold_uris(outputs: LiteralMap, raw_prefix: str) -> LiteralMap:
    """Copies outputs with `raw_prefix` and the random parts after it replaced by words that are the same in every run.

    The random parts are numbered in the order of the outputs' names, so what shares a directory still does.
    """
    folded = LiteralMap()
    folded.CopyFrom(outputs)
    numbers: dict[str, int] = {}
    for located in _located_in_map(folded):
        located.uri = _fold(located.uri, raw_prefix, numbers)
    return folded


def fold_order(spec: DynamicJobSpec) -> DynamicJobSpec:
    """Copies a specification with every node's upstream nodes in the order of their names.

    flytekit keeps them in a set of strings, so their order depends on the hash seed of the interpreter.
    """
    folded = DynamicJobSpec()
    folded.CopyFrom(spec)
    for nodes in (folded.nodes, *(workflow.nodes for workflow in folded.subworkflows)):
        for node in nodes:
            node.upstream_node_ids.sort()
    return folded


def _fold(uri: str, raw_prefix: str, numbers: dict[str, int]) -> str:
    prefix = raw_prefix.rstrip("/")
    if uri != prefix and not uri.startswith(prefix + "/"):
        return uri  # not made by this run, such as an input that is handed through
    rest = uri[len(prefix) :]
    return "{raw}" + _RANDOM.sub(lambda match: f"{{random {numbers.setdefault(match[0], len(numbers) + 1)}}}", rest)


def _located_in_map(literals: LiteralMap) -> Iterator[Located]:
    for name in sorted(literals.literals):
        yield from _located(literals.literals[name])


def _located(literal: Literal) -> Iterator[Located]:
    """Yields everything in a literal that has a URI."""
    kind = literal.WhichOneof("value")
    if kind == "collection":
        for item in literal.collection.literals:
            yield from _located(item)
    elif kind == "map":
        yield from _located_in_map(literal.map)
    elif kind == "offloaded_metadata":
        yield literal.offloaded_metadata
    elif kind == "scalar":
        scalar = literal.scalar
        which = scalar.WhichOneof("value")
        if which == "union":
            yield from _located(scalar.union.value)
        elif which in ("blob", "structured_dataset"):
            yield getattr(scalar, which)


def _outputs_differences(cold: Captured, cold_map: LiteralMap, warm: Captured, warm_map: LiteralMap) -> list[str]:
    ours, theirs = fold_uris(cold_map, cold.raw_prefix), fold_uris(warm_map, warm.raw_prefix)
    if ours != theirs:
        names = sorted(set(ours.literals) | set(theirs.literals))
        return [f"output {name}: the literals differ" for name in names if not _same_literal(ours, theirs, name)]
    # Equal messages refer to as many files, in the same order.
    pairs = zip(_located_in_map(cold_map), _located_in_map(warm_map), strict=True)
    return [f"the content of {a.uri} and {b.uri} differs" for a, b in pairs if not _same_content(a, b)]


def _same_literal(ours: LiteralMap, theirs: LiteralMap, name: str) -> bool:
    return name in ours.literals and name in theirs.literals and ours.literals[name] == theirs.literals[name]


def _same_content(ours: Located, theirs: Located) -> bool:
    """Whether what two URIs lead to is the same: tables by their schema and rows, everything else by bytes."""
    if isinstance(ours, StructuredDataset) and ours.metadata.structured_dataset_type.format == "parquet":
        return _same_table(ours.uri, theirs.uri)
    if isinstance(ours, Blob) and ours.metadata.type.dimensionality == BlobType.SINGLE:
        return Path(ours.uri).read_bytes() == Path(theirs.uri).read_bytes()
    return _tree(Path(ours.uri)) == _tree(Path(theirs.uri))


def _same_table(ours: str, theirs: str) -> bool:
    # Not bytes: a parquet file names the versions and settings of its writer.
    import pyarrow.parquet as pq

    return bool(pq.read_table(ours).equals(pq.read_table(theirs)))


def _tree(path: Path) -> dict[str, bytes]:
    """The files at and below a path."""
    files = [path] if path.is_file() else [file for file in sorted(path.rglob("*")) if file.is_file()]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def _error_differences(cold: ContainerError, warm: ContainerError, app_dir: Path) -> list[str]:
    found = [
        f"error: {name} differs" for name in ("code", "kind", "origin") if getattr(cold, name) != getattr(warm, name)
    ]
    if user_part(cold.message, app_dir) != user_part(warm.message, app_dir):
        found.append("error: the user's part of the message differs")
    return found


def user_part(message: str, app_dir: Path) -> str:
    """An error's message from the first traceback line in the user's code on, to the exception and its own words.

    What comes before are the frames of whoever called the task. A message without such a line is taken whole.
    """
    lines = message.splitlines()
    mine = f'File "{app_dir}/'
    start = next((index for index, line in enumerate(lines) if line.strip().startswith(mine)), 0)
    return "\n".join(lines[start:])
