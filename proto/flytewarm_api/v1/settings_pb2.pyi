from flyteidl.core import identifier_pb2 as _identifier_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Isolation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ISOLATION_UNSPECIFIED: _ClassVar[Isolation]
    ISOLATION_CONTEXT: _ClassVar[Isolation]
    ISOLATION_PROCESS: _ClassVar[Isolation]

class OnDisconnect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ON_DISCONNECT_UNSPECIFIED: _ClassVar[OnDisconnect]
    ON_DISCONNECT_CANCEL: _ClassVar[OnDisconnect]
    ON_DISCONNECT_CONTINUE: _ClassVar[OnDisconnect]
ISOLATION_UNSPECIFIED: Isolation
ISOLATION_CONTEXT: Isolation
ISOLATION_PROCESS: Isolation
ON_DISCONNECT_UNSPECIFIED: OnDisconnect
ON_DISCONNECT_CANCEL: OnDisconnect
ON_DISCONNECT_CONTINUE: OnDisconnect

class ExecutionSettings(_message.Message):
    __slots__ = ("execution", "task", "workflow", "launch_plan", "execution_date", "raw_output_prefix", "output_prefix", "checkpoint", "serialization", "stats", "deck", "map_task", "env")
    class EnvEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    LAUNCH_PLAN_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_DATE_FIELD_NUMBER: _ClassVar[int]
    RAW_OUTPUT_PREFIX_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_PREFIX_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    SERIALIZATION_FIELD_NUMBER: _ClassVar[int]
    STATS_FIELD_NUMBER: _ClassVar[int]
    DECK_FIELD_NUMBER: _ClassVar[int]
    MAP_TASK_FIELD_NUMBER: _ClassVar[int]
    ENV_FIELD_NUMBER: _ClassVar[int]
    execution: _identifier_pb2.WorkflowExecutionIdentifier
    task: _identifier_pb2.Identifier
    workflow: str
    launch_plan: str
    execution_date: _timestamp_pb2.Timestamp
    raw_output_prefix: str
    output_prefix: str
    checkpoint: CheckpointSettings
    serialization: SerializationSettings
    stats: StatsSettings
    deck: DeckSettings
    map_task: MapTaskSettings
    env: _containers.ScalarMap[str, str]
    def __init__(self, execution: _Optional[_Union[_identifier_pb2.WorkflowExecutionIdentifier, _Mapping]] = ..., task: _Optional[_Union[_identifier_pb2.Identifier, _Mapping]] = ..., workflow: _Optional[str] = ..., launch_plan: _Optional[str] = ..., execution_date: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., raw_output_prefix: _Optional[str] = ..., output_prefix: _Optional[str] = ..., checkpoint: _Optional[_Union[CheckpointSettings, _Mapping]] = ..., serialization: _Optional[_Union[SerializationSettings, _Mapping]] = ..., stats: _Optional[_Union[StatsSettings, _Mapping]] = ..., deck: _Optional[_Union[DeckSettings, _Mapping]] = ..., map_task: _Optional[_Union[MapTaskSettings, _Mapping]] = ..., env: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CheckpointSettings(_message.Message):
    __slots__ = ("destination", "source")
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    destination: str
    source: str
    def __init__(self, destination: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class SerializationSettings(_message.Message):
    __slots__ = ("compressed", "image_config", "project", "domain", "version", "env", "git_repo", "python_interpreter", "flytekit_virtualenv_root", "fast_serialization", "source_root")
    class EnvEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    COMPRESSED_FIELD_NUMBER: _ClassVar[int]
    IMAGE_CONFIG_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENV_FIELD_NUMBER: _ClassVar[int]
    GIT_REPO_FIELD_NUMBER: _ClassVar[int]
    PYTHON_INTERPRETER_FIELD_NUMBER: _ClassVar[int]
    FLYTEKIT_VIRTUALENV_ROOT_FIELD_NUMBER: _ClassVar[int]
    FAST_SERIALIZATION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ROOT_FIELD_NUMBER: _ClassVar[int]
    compressed: str
    image_config: ImageConfig
    project: str
    domain: str
    version: str
    env: _containers.ScalarMap[str, str]
    git_repo: str
    python_interpreter: str
    flytekit_virtualenv_root: str
    fast_serialization: FastSerializationSettings
    source_root: str
    def __init__(self, compressed: _Optional[str] = ..., image_config: _Optional[_Union[ImageConfig, _Mapping]] = ..., project: _Optional[str] = ..., domain: _Optional[str] = ..., version: _Optional[str] = ..., env: _Optional[_Mapping[str, str]] = ..., git_repo: _Optional[str] = ..., python_interpreter: _Optional[str] = ..., flytekit_virtualenv_root: _Optional[str] = ..., fast_serialization: _Optional[_Union[FastSerializationSettings, _Mapping]] = ..., source_root: _Optional[str] = ...) -> None: ...

class ImageConfig(_message.Message):
    __slots__ = ("default_image", "images")
    DEFAULT_IMAGE_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    default_image: Image
    images: _containers.RepeatedCompositeFieldContainer[Image]
    def __init__(self, default_image: _Optional[_Union[Image, _Mapping]] = ..., images: _Optional[_Iterable[_Union[Image, _Mapping]]] = ...) -> None: ...

class Image(_message.Message):
    __slots__ = ("name", "fqn", "tag", "digest")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FQN_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    name: str
    fqn: str
    tag: str
    digest: str
    def __init__(self, name: _Optional[str] = ..., fqn: _Optional[str] = ..., tag: _Optional[str] = ..., digest: _Optional[str] = ...) -> None: ...

class FastSerializationSettings(_message.Message):
    __slots__ = ("enabled", "destination_dir", "distribution_location")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_DIR_FIELD_NUMBER: _ClassVar[int]
    DISTRIBUTION_LOCATION_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    destination_dir: str
    distribution_location: str
    def __init__(self, enabled: bool = ..., destination_dir: _Optional[str] = ..., distribution_location: _Optional[str] = ...) -> None: ...

class StatsSettings(_message.Message):
    __slots__ = ("host", "port", "disabled", "disabled_tags")
    HOST_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    DISABLED_TAGS_FIELD_NUMBER: _ClassVar[int]
    host: str
    port: int
    disabled: bool
    disabled_tags: bool
    def __init__(self, host: _Optional[str] = ..., port: _Optional[int] = ..., disabled: bool = ..., disabled_tags: bool = ...) -> None: ...

class DeckSettings(_message.Message):
    __slots__ = ("enabled",)
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    def __init__(self, enabled: bool = ...) -> None: ...

class MapTaskSettings(_message.Message):
    __slots__ = ("index", "max_concurrency")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    index: int
    max_concurrency: int
    def __init__(self, index: _Optional[int] = ..., max_concurrency: _Optional[int] = ...) -> None: ...

class Environment(_message.Message):
    __slots__ = ("distribution_uri", "distribution_digest", "destination_dir", "python_interpreter", "env", "preload_modules")
    class EnvEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DISTRIBUTION_URI_FIELD_NUMBER: _ClassVar[int]
    DISTRIBUTION_DIGEST_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_DIR_FIELD_NUMBER: _ClassVar[int]
    PYTHON_INTERPRETER_FIELD_NUMBER: _ClassVar[int]
    ENV_FIELD_NUMBER: _ClassVar[int]
    PRELOAD_MODULES_FIELD_NUMBER: _ClassVar[int]
    distribution_uri: str
    distribution_digest: str
    destination_dir: str
    python_interpreter: str
    env: _containers.ScalarMap[str, str]
    preload_modules: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, distribution_uri: _Optional[str] = ..., distribution_digest: _Optional[str] = ..., destination_dir: _Optional[str] = ..., python_interpreter: _Optional[str] = ..., env: _Optional[_Mapping[str, str]] = ..., preload_modules: _Optional[_Iterable[str]] = ...) -> None: ...

class ExecutionPolicy(_message.Message):
    __slots__ = ("isolation", "timeout", "priority", "on_disconnect")
    ISOLATION_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    ON_DISCONNECT_FIELD_NUMBER: _ClassVar[int]
    isolation: Isolation
    timeout: _duration_pb2.Duration
    priority: int
    on_disconnect: OnDisconnect
    def __init__(self, isolation: _Optional[_Union[Isolation, str]] = ..., timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., priority: _Optional[int] = ..., on_disconnect: _Optional[_Union[OnDisconnect, str]] = ...) -> None: ...

class EventOptions(_message.Message):
    __slots__ = ("omit_logs", "omit_decks", "omit_metrics", "outputs_as_json", "inline_limit_bytes", "omit_progress")
    OMIT_LOGS_FIELD_NUMBER: _ClassVar[int]
    OMIT_DECKS_FIELD_NUMBER: _ClassVar[int]
    OMIT_METRICS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_AS_JSON_FIELD_NUMBER: _ClassVar[int]
    INLINE_LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    OMIT_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    omit_logs: bool
    omit_decks: bool
    omit_metrics: bool
    outputs_as_json: bool
    inline_limit_bytes: int
    omit_progress: bool
    def __init__(self, omit_logs: bool = ..., omit_decks: bool = ..., omit_metrics: bool = ..., outputs_as_json: bool = ..., inline_limit_bytes: _Optional[int] = ..., omit_progress: bool = ...) -> None: ...
