"""--image: a container image's name as Flyte's message."""

from __future__ import annotations

from flytewarm.cli.exits import UsageError
from flytewarm_api.v1 import settings_pb2


def serialization(text: str) -> settings_pb2.SerializationSettings:
    """Settings with NAME:TAG or NAME@DIGEST as the default image. Raises UsageError for a name with neither."""
    name, at, digest = text.partition("@")
    tag = ""
    if not at:
        # A colon before the last slash is a registry's port.
        name, _, tag = text.rpartition(":")
    if not name or not (tag or digest) or "/" in tag:
        raise UsageError(f"--image {text}: expected NAME:TAG or NAME@DIGEST")
    image = settings_pb2.Image(name="default", fqn=name, tag=tag, digest=digest)
    return settings_pb2.SerializationSettings(image_config=settings_pb2.ImageConfig(default_image=image))
