"""Files of a run -> values that can be compared and shown: messages as JSON, text folded, tables as rows."""

from __future__ import annotations

import base64
import io
import re
import time
from typing import Any

import msgpack
import pyarrow.parquet as pq
from flyteidl.core.artifact_id_pb2 import ArtifactID
from flyteidl.core.dynamic_job_pb2 import DynamicJobSpec
from flyteidl.core.errors_pb2 import ErrorDocument
from flyteidl.core.literals_pb2 import Literal, LiteralMap
from flytekit.core.base_task import DYNAMIC_PARTITIONS
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from parity.fold import Fold, user_frames

_ERROR_FILE = re.compile(r"error(-\S+)?\.pb")
# Seconds and moments in decks: the timeline has when every step began and how long it took.
_TIMES = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:\+00:00|Z)?|\b\d+\.\d+(?:e-?\d+)?\b")
_STARTED = int(time.time())
# The tag of a binary literal that holds a structure.
_MSGPACK = "msgpack"
_SET_FIELDS = ("upstreamNodeIds",)


def readable(path: str, content: bytes, fold: Fold) -> Any:
    """What a file says, folded. `path` is relative to its prefix."""
    name = path.rsplit("/", 1)[-1]
    if name == "futures.pb":
        return _message(DynamicJobSpec(), content, fold)
    if name == "outputs.pb":
        return _message(LiteralMap(), content, fold)
    if name.endswith("_offloaded_metadata.pb"):
        return _message(Literal(), content, fold)
    if _ERROR_FILE.fullmatch(name):
        return _error(content, fold)
    if content.startswith(b"PAR1"):
        # Not bytes: a parquet file names the versions and settings of its writer.
        table = pq.read_table(io.BytesIO(content))
        return {"schema": str(table.schema.remove_metadata()), "rows": table.to_pylist()}
    return _text(content, fold, is_deck=name == "deck.html")


def _text(content: bytes, fold: Fold, is_deck: bool) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return f"{len(content)} bytes: {content.hex()}"
    return _TIMES.sub("{time}", fold.text(text)) if is_deck else fold.text(text)


def _message(message: Message, content: bytes, fold: Fold) -> Any:
    message.ParseFromString(content)
    return _folded(MessageToDict(message), fold)


def _error(content: bytes, fold: Fold) -> Any:
    error = ErrorDocument.FromString(content).error
    told = MessageToDict(error)
    told["message"] = user_frames(fold.text(error.message))
    # When it happened cannot agree, unless the task says so; that it is said must.
    told["timestamp"] = "in this run" if error.timestamp.seconds >= _STARTED else error.timestamp.ToJsonString()
    return told


def _folded(value: Any, fold: Fold) -> Any:
    """Folds every string. Names are taken in their order, so that random names are numbered alike in every run."""
    if isinstance(value, str):
        return fold.text(value)
    if isinstance(value, list):
        return [_folded(item, fold) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("tag") == _MSGPACK:
        # Prefixes and random names are in its strings.
        unpacked = msgpack.unpackb(base64.b64decode(value["value"]), strict_map_key=False)
        return {"tag": _MSGPACK, "value": _folded(unpacked, fold)}
    found = {}
    for name in sorted(value, key=str):
        item = value[name]
        if name == DYNAMIC_PARTITIONS:
            # A message in a text: the order of its map depends on the process.
            item = MessageToDict(ArtifactID.FromString(base64.b64decode(item)))
        # flytekit keeps these in a set of strings: their order depends on the interpreter's hash seed.
        found[fold.text(str(name))] = _folded(sorted(item) if name in _SET_FIELDS else item, fold)
    return found
