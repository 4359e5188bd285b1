"""Literals, outcomes and tables as short texts for people."""

from collections.abc import Sequence

import msgpack
from flyteidl.core.literals_pb2 import Binary, Literal, LiteralMap, Primitive, Scalar

from showcase.captured import Captured


def outputs_text(outputs: LiteralMap) -> dict[str, str]:
    """Each output by its name, in the order of names."""
    return {name: literal_text(outputs.literals[name]) for name in sorted(outputs.literals)}


def result_text(captured: Captured) -> str:
    """A run's result in one line."""
    if captured.error is not None:
        return captured.error.message.rsplit("Message:", 1)[-1].strip()
    if captured.futures is not None:
        return f"{len(captured.futures.nodes)} nodes to run"
    return ", ".join(
        text if name == "o0" else f"{name}={text}"
        for name, text in outputs_text(captured.outputs or LiteralMap()).items()
    )


def literal_text(literal: Literal) -> str:
    """A literal in one line."""
    kind = literal.WhichOneof("value")
    if kind == "scalar":
        return _scalar_text(literal.scalar)
    if kind == "collection":
        return "[" + ", ".join(literal_text(item) for item in literal.collection.literals) + "]"
    if kind == "map":
        return "{" + ", ".join(f"{name}: {text}" for name, text in outputs_text(literal.map).items()) + "}"
    return str(kind)


def _scalar_text(scalar: Scalar) -> str:
    kind = scalar.WhichOneof("value")
    if kind == "primitive":
        return _primitive_text(scalar.primitive)
    if kind == "binary":
        return _binary_text(scalar.binary)
    if kind == "blob":
        return scalar.blob.uri.rsplit("/", 1)[-1]
    if kind == "structured_dataset":
        return f"a {scalar.structured_dataset.metadata.structured_dataset_type.format} data set"
    return str(kind)


def _primitive_text(primitive: Primitive) -> str:
    value = getattr(primitive, primitive.WhichOneof("value") or "integer")
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _binary_text(binary: Binary) -> str:
    return str(msgpack.unpackb(binary.value)) if binary.tag == "msgpack" else f"{len(binary.value)} bytes"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """A text table: the first `left` columns flush left, the others flush right."""
    widths = [max(len(row[index]) for row in (header, *rows)) for index in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        aligned = [
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(aligned).rstrip()

    return "\n".join([line(header), "  ".join("-" * width for width in widths), *map(line, rows)])


def shorten(text: str, width: int) -> str:
    """The text in at most `width` characters."""
    return text if len(text) <= width else text[: width - 1] + "…"
