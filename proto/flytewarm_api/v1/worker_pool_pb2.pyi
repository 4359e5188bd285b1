from flytewarm_api.v1 import settings_pb2 as _settings_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EnvironmentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENVIRONMENT_STATE_UNSPECIFIED: _ClassVar[EnvironmentState]
    ENVIRONMENT_STATE_LOADING: _ClassVar[EnvironmentState]
    ENVIRONMENT_STATE_READY: _ClassVar[EnvironmentState]
    ENVIRONMENT_STATE_DRAINING: _ClassVar[EnvironmentState]
    ENVIRONMENT_STATE_GONE: _ClassVar[EnvironmentState]
    ENVIRONMENT_STATE_BROKEN: _ClassVar[EnvironmentState]

class WorkerState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WORKER_STATE_UNSPECIFIED: _ClassVar[WorkerState]
    WORKER_STATE_STARTING: _ClassVar[WorkerState]
    WORKER_STATE_IDLE: _ClassVar[WorkerState]
    WORKER_STATE_BUSY: _ClassVar[WorkerState]
    WORKER_STATE_RETIRING: _ClassVar[WorkerState]
    WORKER_STATE_DEAD: _ClassVar[WorkerState]

class StartMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    START_METHOD_UNSPECIFIED: _ClassVar[StartMethod]
    START_METHOD_FORK: _ClassVar[StartMethod]
    START_METHOD_EXEC: _ClassVar[StartMethod]
ENVIRONMENT_STATE_UNSPECIFIED: EnvironmentState
ENVIRONMENT_STATE_LOADING: EnvironmentState
ENVIRONMENT_STATE_READY: EnvironmentState
ENVIRONMENT_STATE_DRAINING: EnvironmentState
ENVIRONMENT_STATE_GONE: EnvironmentState
ENVIRONMENT_STATE_BROKEN: EnvironmentState
WORKER_STATE_UNSPECIFIED: WorkerState
WORKER_STATE_STARTING: WorkerState
WORKER_STATE_IDLE: WorkerState
WORKER_STATE_BUSY: WorkerState
WORKER_STATE_RETIRING: WorkerState
WORKER_STATE_DEAD: WorkerState
START_METHOD_UNSPECIFIED: StartMethod
START_METHOD_FORK: StartMethod
START_METHOD_EXEC: StartMethod

class GetCapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCapabilitiesResponse(_message.Message):
    __slots__ = ("version", "flytekit_version", "python_version", "workers", "max_message_bytes", "max_queue", "isolations", "max_stream_executions")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FLYTEKIT_VERSION_FIELD_NUMBER: _ClassVar[int]
    PYTHON_VERSION_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_QUEUE_FIELD_NUMBER: _ClassVar[int]
    ISOLATIONS_FIELD_NUMBER: _ClassVar[int]
    MAX_STREAM_EXECUTIONS_FIELD_NUMBER: _ClassVar[int]
    version: str
    flytekit_version: str
    python_version: str
    workers: int
    max_message_bytes: int
    max_queue: int
    isolations: _containers.RepeatedScalarFieldContainer[_settings_pb2.Isolation]
    max_stream_executions: int
    def __init__(self, version: _Optional[str] = ..., flytekit_version: _Optional[str] = ..., python_version: _Optional[str] = ..., workers: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., max_queue: _Optional[int] = ..., isolations: _Optional[_Iterable[_Union[_settings_pb2.Isolation, str]]] = ..., max_stream_executions: _Optional[int] = ...) -> None: ...

class ListEnvironmentsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListEnvironmentsResponse(_message.Message):
    __slots__ = ("environments",)
    ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    environments: _containers.RepeatedCompositeFieldContainer[EnvironmentStatus]
    def __init__(self, environments: _Optional[_Iterable[_Union[EnvironmentStatus, _Mapping]]] = ...) -> None: ...

class EnvironmentStatus(_message.Message):
    __slots__ = ("key", "state", "reason", "workers", "queued", "start_method", "start_method_reason")
    KEY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    START_METHOD_FIELD_NUMBER: _ClassVar[int]
    START_METHOD_REASON_FIELD_NUMBER: _ClassVar[int]
    key: str
    state: EnvironmentState
    reason: str
    workers: _containers.RepeatedCompositeFieldContainer[WorkerStatus]
    queued: int
    start_method: StartMethod
    start_method_reason: str
    def __init__(self, key: _Optional[str] = ..., state: _Optional[_Union[EnvironmentState, str]] = ..., reason: _Optional[str] = ..., workers: _Optional[_Iterable[_Union[WorkerStatus, _Mapping]]] = ..., queued: _Optional[int] = ..., start_method: _Optional[_Union[StartMethod, str]] = ..., start_method_reason: _Optional[str] = ...) -> None: ...

class WorkerStatus(_message.Message):
    __slots__ = ("name", "pid", "state", "executions", "execution_id", "first_memory_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    EXECUTIONS_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    pid: int
    state: WorkerState
    executions: int
    execution_id: str
    first_memory_bytes: int
    def __init__(self, name: _Optional[str] = ..., pid: _Optional[int] = ..., state: _Optional[_Union[WorkerState, str]] = ..., executions: _Optional[int] = ..., execution_id: _Optional[str] = ..., first_memory_bytes: _Optional[int] = ...) -> None: ...

class WarmEnvironmentRequest(_message.Message):
    __slots__ = ("environment", "workers")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    environment: _settings_pb2.Environment
    workers: int
    def __init__(self, environment: _Optional[_Union[_settings_pb2.Environment, _Mapping]] = ..., workers: _Optional[int] = ...) -> None: ...

class WarmEnvironmentResponse(_message.Message):
    __slots__ = ("environment",)
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    environment: EnvironmentStatus
    def __init__(self, environment: _Optional[_Union[EnvironmentStatus, _Mapping]] = ...) -> None: ...

class EvictEnvironmentRequest(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class EvictEnvironmentResponse(_message.Message):
    __slots__ = ("environment",)
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    environment: EnvironmentStatus
    def __init__(self, environment: _Optional[_Union[EnvironmentStatus, _Mapping]] = ...) -> None: ...

class DrainRequest(_message.Message):
    __slots__ = ("grace",)
    GRACE_FIELD_NUMBER: _ClassVar[int]
    grace: _duration_pb2.Duration
    def __init__(self, grace: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class DrainResponse(_message.Message):
    __slots__ = ("running",)
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    running: int
    def __init__(self, running: _Optional[int] = ...) -> None: ...
