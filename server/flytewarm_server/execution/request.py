"""A request that was found to be runnable."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from flyteidl.core import literals_pb2
from google.protobuf.message import DecodeError, Message

from flytewarm_api.wire import Buffer, encode_field_header
from flytewarm_server.messages import task_executor_pb2

_LITERALS = task_executor_pb2.ExecuteTaskRequest.LITERALS_FIELD_NUMBER

# Messages whose fields are told one by one when they differ.
_IN_PARTS = ("settings", "environment", "policy", "events")
# Parsed, a map may take forty times its bytes, and holds up everybody else's events, in bytes.
_LARGEST_ORDERED = 4 << 20
_OF_THE_CALLER = ("events.omit_logs", "events.omit_decks", "events.omit_metrics")


@dataclass(frozen=True)
class WantedEnvironment:
    """Where a request wants to run; the default one, when nothing is set."""

    distribution_uri: str = ""
    # SHA-256 in hexadecimal digits, when the caller knows it.
    distribution_digest: str = ""
    destination_dir: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    preload_modules: tuple[str, ...] = ()
    runtime_packages: str = ""


DEFAULT_ENVIRONMENT = WantedEnvironment()


@dataclass(frozen=True)
class ValidRequest:
    """A request that can be run. `message` has no container command: it became task, inputs and settings."""

    message: task_executor_pb2.ExecuteTaskRequest
    command: list[str] = field(default_factory=list)
    dry_run: bool = False
    environment: WantedEnvironment = DEFAULT_ENVIRONMENT
    # Whether its worker must have run nothing before it, and runs nothing after it.
    own_process: bool = False
    # What the command of a template names: it stays the target, as the task may want to read it.
    template_task: task_executor_pb2.TaskReference | None = None
    # The literal map where it is large: `message` has an empty one then.
    literals: memoryview | None = None

    @property
    def task(self) -> task_executor_pb2.TaskReference:
        """What is loaded."""
        return self.message.task if self.template_task is None else self.template_task

    @property
    def timeout_seconds(self) -> float | None:
        """The request's timeout."""
        policy = self.message.policy
        return policy.timeout.ToNanoseconds() / 1e9 if policy.HasField("timeout") else None

    def parts(self) -> list[Buffer]:
        """`message` with its literals, serialized, in parts: a large map is not copied."""
        data = self.message.SerializeToString()
        if self.literals is None:
            return [data]
        # An empty map and this one make one: parsers merge them.
        return [data, encode_field_header(_LITERALS, len(self.literals)), self.literals]

    def without_inputs(self) -> ValidRequest:
        """The same without its inputs, in `message` as well."""
        if (source := self.message.WhichOneof("inputs")) is not None:
            self.message.ClearField(source)
        return self if self.literals is None else replace(self, literals=None)

    def inputs_digest(self) -> bytes:
        """Equal for equal inputs: they are forgotten when the execution has ended."""
        kind = self.message.WhichOneof("inputs")
        value = getattr(self.message, kind) if kind else ""
        data = value.encode() if isinstance(value, str) else _in_order(self.literals or value.SerializeToString())
        digest = hashlib.sha256(f"{kind}:".encode())
        digest.update(data)
        return digest.digest()

    def differences(self, other: ValidRequest, inputs: bytes) -> list[str]:
        """The fields in which another request is not the same, for idempotency. `inputs`: the digest of this one's.
        What only says what is streamed back is each caller's own."""
        ours, theirs = _fields(self.message), _fields(other.message)
        found = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
        if other.inputs_digest() != inputs:
            found.append("inputs")
        if (self.command, self.dry_run) != (other.command, other.dry_run):
            found.append("command")
        if not found and self.environment != other.environment:
            found.append("environment")
        return found


def _in_order(literal_map: Buffer) -> Buffer:
    """Equal for equal maps, which are serialized in any order; of a large one only for the same bytes."""
    if len(literal_map) > _LARGEST_ORDERED:
        return literal_map
    try:
        parsed: Message = literals_pb2.LiteralMap.FromString(bytes(literal_map))
    except (DecodeError, ValueError):
        # The latter where protobuf is Python's own: text that is not UTF-8.
        return literal_map
    return parsed.SerializeToString(deterministic=True)


def _fields(message: task_executor_pb2.ExecuteTaskRequest) -> dict[str, object]:
    """What is set in a request, but its inputs, by its path."""
    found: dict[str, object] = {}
    for one, value in message.ListFields():
        if one.name in _IN_PARTS:
            found.update({f"{one.name}.{part.name}": content for part, content in value.ListFields()})
        elif one.containing_oneof is None or one.containing_oneof.name != "inputs":
            found[one.name] = value
    for name in _OF_THE_CALLER:
        found.pop(name, None)
    return found
