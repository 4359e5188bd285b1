"""What registration puts into a task's environment: a dynamic task serializes its nodes with these settings."""

from flytekit.configuration import SERIALIZED_CONTEXT_ENV_VAR, Image, ImageConfig, SerializationSettings


def compressed_settings() -> dict[str, str]:
    """Serialization settings as an environment variable."""
    image = Image(name="default", fqn="example.org/image", tag="v1")
    settings = SerializationSettings(
        image_config=ImageConfig(default_image=image, images=[image]),
        project="project",
        domain="development",
        version="v1",
        env={"FROM": "registration"},
    )
    return {SERIALIZED_CONTEXT_ENV_VAR: settings.serialized_context}
