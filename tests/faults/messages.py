"""Messages of any kind from their descriptors, and damaged bytes, for fuzzing.

Made with a generator that hypothesis seeds, not drawn from it piece by piece: that takes longer than the service does.
"""

from __future__ import annotations

import math
from random import Random
from typing import Any, TypeVar, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, settings

M = TypeVar("M", bound=Message)
_DEEPEST = 5
_MOST_FIELDS = 4
_BITS = {
    FieldDescriptor.CPPTYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, (1 << 32) - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, (1 << 64) - 1),
}
# Without a slash: words may become paths.
_CHARACTERS = "aZ09 ._-:=+{}[]\"'\\\n\t\0\x7fé漢🙂\u202e"
_FLOATS = (0.0, -0.0, 1.5, -1e300, math.inf, -math.inf, math.nan)


def fuzzing(examples: int, *, full: bool) -> settings:
    """Settings of hypothesis: `examples` seeds, always the same ones unless in full length."""
    checks = list(HealthCheck)
    return settings(
        max_examples=examples, derandomize=not full, database=None, deadline=None, suppress_health_check=checks
    )


class Maker:
    """Makes messages and damage. Strings are of `words`, or have no slash: they may become paths."""

    def __init__(self, seed: int, words: tuple[str, ...], leave_out: frozenset[str] = frozenset()) -> None:
        """`leave_out`: full names of fields that are not set."""
        self.random = Random(seed)
        self._words = words
        self._leave_out = leave_out

    def message(self, kind: type[M]) -> M:
        """A message with a few of its fields."""
        made = kind()
        self._fill(made, 0)
        return made

    def damaged(self, data: bytes) -> bytes:
        """These bytes with some replaced, removed, doubled or cut off; or as they are."""
        changed = bytearray(data)
        for _ in range(self.random.randint(0, 3)):
            start = self.random.randint(0, len(changed))
            end = min(len(changed), start + self.random.randint(0, 8))
            doubled = bytes(changed[start:end]) * 2
            changed[start:end] = self.random.choice([doubled, self.random.randbytes(self.random.randint(0, 8))])
        return bytes(changed)

    def text(self) -> str:
        """A word, or characters that are hard to bear."""
        if self.random.random() < 0.5:
            return self.random.choice(self._words)
        return "".join(self.random.choices(_CHARACTERS, k=self.random.randint(0, 20)))

    def _fill(self, made: Message, depth: int) -> None:
        # What has no fields, or gets none, is something even so: the oneof that it is of is set.
        made.SetInParent()
        fields = [field for field in made.DESCRIPTOR.fields if field.full_name not in self._leave_out]
        for field in self.random.choices(fields, k=self.random.randint(0, _MOST_FIELDS)) if fields else ():
            if field.message_type is not None:
                if depth < _DEEPEST:
                    self._fill_message(made, field, depth)
            elif field.is_repeated:
                getattr(made, field.name).append(self._scalar(field))
            else:
                setattr(made, field.name, self._scalar(field))

    def _fill_message(self, made: Message, field: FieldDescriptor, depth: int) -> None:
        nested = cast(Descriptor, field.message_type)
        inner = getattr(made, field.name)
        if not nested.GetOptions().map_entry:
            self._fill(inner.add() if field.is_repeated else inner, depth + 1)
            return
        key, value = self._scalar(nested.fields_by_name["key"]), nested.fields_by_name["value"]
        if value.message_type is None:
            inner[key] = self._scalar(value)
        else:
            self._fill(inner[key], depth + 1)

    def _scalar(self, field: FieldDescriptor) -> Any:
        random = self.random
        if field.type == FieldDescriptor.TYPE_BYTES:
            return random.randbytes(random.randint(0, 64))
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            return self.text()
        if field.cpp_type in _BITS:
            least, most = _BITS[field.cpp_type]
            return random.choice([least, most, random.randint(least, most), random.randint(max(least, -3), 300)])
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return random.random() < 0.5
        if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
            return random.randint(-1, 20)
        return random.choice(_FLOATS)
