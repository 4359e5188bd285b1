"""JSON <-> literals, by a task's own interface, so that callers need not build literals."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin

import msgpack
from flyteidl.core import literals_pb2
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import FlyteContext
from flytekit.core.type_engine import TypeEngine, UnionTransformer
from flytekit.models import literals
from flytekit.models.types import LiteralType, SimpleType, StructuredDatasetType
from google.protobuf import json_format

from flytewarm_worker.originals import originals
from flytewarm_worker.simple_values import simple_transformer
from flytewarm_worker.tasks import type_text

# The tag of flytekit's own encoding of structures (dataclasses, dicts, models) as binary literals.
_MSGPACK = "msgpack"
_DEFAULT_DATASET_FORMAT = "parquet"


class JsonInputError(ValueError):
    """A JSON input that does not fit the task's interface; the message names the input."""


def literals_from_json(context: FlyteContext, task: PythonTask, text: str) -> literals.LiteralMap:
    """Converts a JSON object to the task's inputs. Inputs that are left out take their defaults.

    Raises JsonInputError for an unknown or missing input or a value that does not fit.
    """
    return literals_from_values(context, task, json.loads(text))


def literals_from_values(context: FlyteContext, task: PythonTask, values: Any) -> literals.LiteralMap:
    """As literals_from_json(), of what is parsed already."""
    interface = task.python_interface
    if unknown := sorted(values.keys() - interface.inputs.keys()):
        raise JsonInputError(f"unknown inputs {unknown}; {task.name} takes {sorted(interface.inputs)}")
    result = {}
    for name, (python_type, default) in interface.inputs_with_defaults.items():
        literal_type = task.interface.inputs[name].type
        if name in values:
            result[name] = _named(name, context, values[name], python_type, literal_type)
        elif default is not None or UnionTransformer.is_optional_type(python_type):
            result[name] = TypeEngine.to_literal(context, default, python_type, literal_type)
        else:
            raise JsonInputError(
                f"input {name!r} ({type_text(python_type)}) is missing; {task.name} has no default for it"
            )
    return literals.LiteralMap(literals=result)


def json_from_literals(literal_map: literals_pb2.LiteralMap) -> str:
    """Converts outputs to one JSON object, in the order of their names."""
    values = {name: _to_json(literal) for name, literal in sorted(literal_map.literals.items())}
    return json.dumps(values, default=_beyond_json)


def _beyond_json(value: Any) -> str:
    """What a structure may hold that JSON has no form for: bytes as base64, anything else as text."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _named(
    name: str, context: FlyteContext, value: Any, python_type: Any, literal_type: LiteralType
) -> literals.Literal:
    try:
        return _to_literal(context, value, python_type, literal_type)
    except Exception as error:
        raise JsonInputError(f"input {name!r}: {error}") from error


def _to_literal(context: FlyteContext, value: Any, python_type: Any, literal_type: LiteralType) -> literals.Literal:
    plain_type = get_args(python_type)[0] if get_origin(python_type) is Annotated else python_type
    if literal_type.union_type is not None:
        return _union(context, value, plain_type, literal_type)
    if literal_type.collection_type is not None:
        _expect(list, value)
        (item_type,) = get_args(plain_type)[:1] or (Any,)
        items = [_to_literal(context, item, item_type, literal_type.collection_type) for item in value]
        return literals.Literal(collection=literals.LiteralCollection(literals=items))
    if literal_type.map_value_type is not None:
        _expect(dict, value)
        item_type = (get_args(plain_type) or (str, Any))[-1]
        pairs = {key: _to_literal(context, item, item_type, literal_type.map_value_type) for key, item in value.items()}
        return literals.Literal(map=literals.LiteralMap(literals=pairs))
    if literal_type.blob is not None:
        metadata = literals.BlobMetadata(type=literal_type.blob)
        blob = literals.Blob(metadata=metadata, uri=_uri(value))
        return literals.Literal(scalar=literals.Scalar(blob=blob))
    if literal_type.structured_dataset_type is not None:
        return _structured_dataset(value, literal_type)
    if literal_type.simple == SimpleType.STRUCT:
        binary = literals.Binary(value=msgpack.packb(value), tag=_MSGPACK)
        return literals.Literal(scalar=literals.Scalar(binary=binary))
    native = _native(value, plain_type, literal_type)
    transformer = simple_transformer(python_type)
    if transformer is not None and type(native) is python_type and originals().are_in_place():
        # What TypeEngine does, too, after it has pickled value and type to look both up in a cache.
        return transformer.to_literal(context, native, python_type, literal_type)
    return TypeEngine.to_literal(context, native, python_type, literal_type)


def _union(context: FlyteContext, value: Any, python_type: Any, literal_type: LiteralType) -> literals.Literal:
    errors = []
    for variant_type, variant in zip(get_args(python_type), literal_type.union_type.variants, strict=False):
        try:
            literal = _to_literal(context, value, variant_type, variant)
        except Exception as error:  # noqa: BLE001  # transformers of users may raise anything
            # The variants are tried in their order, as flytekit does; only if none fits is it an error.
            errors.append(f"{variant_type}: {error}")
            continue
        return literals.Literal(scalar=literals.Scalar(union=literals.Union(value=literal, stored_type=variant)))
    raise JsonInputError(f"no variant of {python_type} fits: {'; '.join(errors)}")


def _structured_dataset(value: Any, literal_type: LiteralType) -> literals.Literal:
    declared = literal_type.structured_dataset_type
    dataset_type = StructuredDatasetType(columns=declared.columns, format=declared.format or _DEFAULT_DATASET_FORMAT)
    metadata = literals.StructuredDatasetMetadata(structured_dataset_type=dataset_type)
    dataset = literals.StructuredDataset(uri=_uri(value), metadata=metadata)
    return literals.Literal(scalar=literals.Scalar(structured_dataset=dataset))


def _uri(value: Any) -> str:
    uri = value.get("uri") if isinstance(value, dict) else value
    if not isinstance(uri, str) or not uri:
        raise JsonInputError(f"expected a URI or path as a string, got {_shown(value)}")
    return uri


def _native(value: Any, python_type: Any, literal_type: LiteralType) -> Any:
    convert = _SIMPLE.get(literal_type.simple)
    if convert is not None:
        return convert(value, python_type)
    if literal_type.enum_type is not None and value not in literal_type.enum_type.values:
        raise JsonInputError(f"{_shown(value)} is not one of {literal_type.enum_type.values}")
    return value


def _integer(value: Any, _type: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise JsonInputError(f"expected an integer, got {_shown(value)}")
    if not -(2**63) <= value < 2**63:
        raise JsonInputError(f"expected an integer of 64 bits, got {_shown(value)}")
    return int(value)


def _float(value: Any, _type: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise JsonInputError(f"expected a number, got {_shown(value)}")
    return float(value)


def _string(value: Any, _type: Any) -> str:
    if not isinstance(value, str):
        raise JsonInputError(f"expected str, got {_shown(value)}")
    # JSON can name half of a surrogate pair, which no literal holds: raises.
    value.encode()
    return value


def _exactly(kind: type) -> Callable[[Any, Any], Any]:
    def convert(value: Any, _type: Any) -> Any:
        if not isinstance(value, kind):
            raise JsonInputError(f"expected {kind.__name__}, got {_shown(value)}")
        return value

    return convert


def _datetime(value: Any, python_type: Any) -> datetime.datetime | datetime.date:
    if not isinstance(value, str):
        raise JsonInputError(f"expected a date and time as RFC 3339, got {_shown(value)}")
    # Python 3.10 does not know the suffix Z.
    moment = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    if python_type is datetime.date:
        return moment.date()
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)


def _duration(value: Any, python_type: Any) -> datetime.timedelta:
    return datetime.timedelta(seconds=_float(value, python_type))


def _expect(kind: type, value: Any) -> None:
    if not isinstance(value, kind):
        wanted = "an array" if kind is list else "an object"
        raise JsonInputError(f"expected {wanted}, got {_shown(value)}")


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


_SIMPLE: dict[int, Callable[[Any, Any], Any]] = {
    SimpleType.INTEGER: _integer,
    SimpleType.FLOAT: _float,
    SimpleType.STRING: _string,
    SimpleType.BOOLEAN: _exactly(bool),
    SimpleType.DATETIME: _datetime,
    SimpleType.DURATION: _duration,
    SimpleType.NONE: _exactly(type(None)),
}


def _to_json(literal: literals_pb2.Literal) -> Any:
    kind = literal.WhichOneof("value")
    if kind == "collection":
        return [_to_json(item) for item in literal.collection.literals]
    if kind == "map":
        return {key: _to_json(item) for key, item in literal.map.literals.items()}
    if kind == "offloaded_metadata":
        return literal.offloaded_metadata.uri
    return _scalar_to_json(literal.scalar)


def _scalar_to_json(scalar: literals_pb2.Scalar) -> Any:
    kind = scalar.WhichOneof("value")
    if kind == "primitive":
        return _primitive_to_json(scalar.primitive)
    if kind == "union":
        return _to_json(scalar.union.value)
    if kind in ("blob", "structured_dataset", "schema"):
        return getattr(scalar, kind).uri
    if kind == "generic":
        return json_format.MessageToDict(scalar.generic)
    if kind == "binary":
        if scalar.binary.tag == _MSGPACK:
            return msgpack.unpackb(scalar.binary.value, strict_map_key=False)
        return base64.b64encode(scalar.binary.value).decode()
    if kind == "error":
        return {"error": scalar.error.message}
    return None


def _primitive_to_json(primitive: literals_pb2.Primitive) -> Any:
    kind = primitive.WhichOneof("value")
    if kind == "datetime":
        return primitive.datetime.ToJsonString()
    if kind == "duration":
        return primitive.duration.ToNanoseconds() / 1e9
    return getattr(primitive, kind) if kind else None
