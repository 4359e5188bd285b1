"""Settings for tasks that serialize further tasks: request -> flytekit's SerializationSettings."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from flytekit.configuration import (
    SERIALIZED_CONTEXT_ENV_VAR,
    FastSerializationSettings,
    Image,
    ImageConfig,
    SerializationSettings,
)

from flytewarm_api.v1 import settings_pb2

# Fields that have the same name and meaning in the message and in flytekit's builder.
_PLAIN_FIELDS = ("project", "domain", "git_repo", "python_interpreter", "flytekit_virtualenv_root", "source_root")


def serialization_settings(
    settings: settings_pb2.SerializationSettings, images: ImageConfig, project: str, domain: str, version: str
) -> SerializationSettings:
    """Builds what the entrypoint builds: the compressed form or the configured `images`, then the given fields.

    `project` and `domain` of the execution fill what is missing; `version`, the task's, always wins.
    """
    # Of its own: a task may add to the list, and `images` are used again.
    images = replace(images, images=list(images.images or []))
    compressed = os.environ.get(SERIALIZED_CONTEXT_ENV_VAR, "")
    base = SerializationSettings.from_transport(compressed) if compressed else SerializationSettings(images)
    builder: Any = base.new_builder()
    for name in _PLAIN_FIELDS:
        if value := getattr(settings, name):
            setattr(builder, name, value)
    if settings.env:
        builder.env = dict(settings.env)
    if settings.HasField("image_config"):
        builder.image_config = _image_config(settings.image_config)
    if settings.HasField("fast_serialization"):
        builder.fast_serialization_settings = _fast_serialization(settings.fast_serialization)
    builder.project = builder.project or project
    builder.domain = builder.domain or domain
    builder.version = version
    return builder.build()


def _image_config(config: settings_pb2.ImageConfig) -> ImageConfig:
    default = _image(config.default_image) if config.HasField("default_image") else None
    return ImageConfig(default_image=default, images=[_image(image) for image in config.images])


def _image(image: settings_pb2.Image) -> Image:
    return Image(name=image.name, fqn=image.fqn, tag=image.tag or None, digest=image.digest or None)


def _fast_serialization(settings: settings_pb2.FastSerializationSettings) -> FastSerializationSettings:
    return FastSerializationSettings(
        enabled=settings.enabled,
        destination_dir=settings.destination_dir or None,
        distribution_location=settings.distribution_location or None,
    )
