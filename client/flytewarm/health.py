"""grpc.health.v1 by hand: one method with an empty request and a one-byte answer.

The package grpcio-health-checking would be a dependency of every client for this alone.
"""

from __future__ import annotations

CHECK_METHOD = "/grpc.health.v1.Health/Check"

# HealthCheckRequest.service left out: the health of the whole server. A protobuf message without fields is no bytes.
CHECK_REQUEST = b""

# HealthCheckResponse has one field, number 1, an enum: the tag (1 << 3 | varint) and the value SERVING = 1. A field of
# a single-digit value has only this encoding, and the default UNKNOWN = 0 is left out.
_SERVING = b"\x08\x01"


def says_serving(response: bytes) -> bool:
    """Whether a serialized HealthCheckResponse says SERVING."""
    return response == _SERVING
