"""The API's messages as they are to who only passes them on: literal maps are bytes that stay as they came.

In a pool of descriptors of its own, flyteidl.core.LiteralMap is a message without fields. Parsers keep fields that they
do not know, as bytes, and write them back; so these messages are the same on the wire, and a map of a hundred thousand
literals costs no more than a string of its size. They do not mix with those of the generated modules.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

_OPAQUE = "flyteidl.core.LiteralMap"


class OpaqueMessages:
    """The messages of generated modules and of all that these import."""

    def __init__(self, *files: FileDescriptor) -> None:
        """`files`: DESCRIPTOR of the generated modules."""
        self._pool = descriptor_pool.DescriptorPool()
        self._added: set[str] = set()
        for file in files:
            self._add(file)

    def module(self, name: str) -> Any:
        """The messages, enums and enum values of a .proto file, as in its generated module."""
        file = self._pool.FindFileByName(name)
        module = SimpleNamespace(DESCRIPTOR=file)
        for message in file.message_types_by_name.values():
            setattr(module, message.name, _message_class(message))
        for enum in file.enum_types_by_name.values():
            setattr(module, enum.name, EnumTypeWrapper(enum))
            for value in enum.values:
                setattr(module, value.name, value.number)
        return module

    def _add(self, file: FileDescriptor) -> None:
        if file.name in self._added:
            return
        self._added.add(file.name)
        for dependency in file.dependencies:
            self._add(dependency)
        copied = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(copied)
        for message in _opaque_ones(copied):
            message.ClearField("field")
            message.ClearField("nested_type")
        self._pool.AddSerializedFile(copied.SerializeToString())


def _opaque_ones(file: descriptor_pb2.FileDescriptorProto) -> Iterator[descriptor_pb2.DescriptorProto]:
    return (message for message in file.message_type if f"{file.package}.{message.name}" == _OPAQUE)


def _message_class(message: Descriptor) -> type[Message]:
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(message)
    # protobuf before 4.22.
    factory: Any = message_factory.MessageFactory(message.file.pool)
    return cast("type[Message]", factory.GetPrototype(message))
