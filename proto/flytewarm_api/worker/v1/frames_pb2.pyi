from flytewarm_api.v1 import execution_pb2 as _execution_pb2
from flytewarm_api.v1 import task_executor_pb2 as _task_executor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ZygoteCommand(_message.Message):
    __slots__ = ("fork_zygote", "load_libraries", "load_environment", "fork_worker", "signal_worker", "stop")
    FORK_ZYGOTE_FIELD_NUMBER: _ClassVar[int]
    LOAD_LIBRARIES_FIELD_NUMBER: _ClassVar[int]
    LOAD_ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    FORK_WORKER_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_WORKER_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    fork_zygote: ForkZygote
    load_libraries: LoadLibraries
    load_environment: LoadEnvironment
    fork_worker: ForkWorker
    signal_worker: SignalWorker
    stop: Stop
    def __init__(self, fork_zygote: _Optional[_Union[ForkZygote, _Mapping]] = ..., load_libraries: _Optional[_Union[LoadLibraries, _Mapping]] = ..., load_environment: _Optional[_Union[LoadEnvironment, _Mapping]] = ..., fork_worker: _Optional[_Union[ForkWorker, _Mapping]] = ..., signal_worker: _Optional[_Union[SignalWorker, _Mapping]] = ..., stop: _Optional[_Union[Stop, _Mapping]] = ...) -> None: ...

class Stop(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ForkZygote(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LoadLibraries(_message.Message):
    __slots__ = ("modules", "directory")
    MODULES_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    modules: _containers.RepeatedScalarFieldContainer[str]
    directory: str
    def __init__(self, modules: _Optional[_Iterable[str]] = ..., directory: _Optional[str] = ...) -> None: ...

class LoadEnvironment(_message.Message):
    __slots__ = ("app_dir", "preload_modules", "import_dirs", "env", "exec_workers", "destination")
    class EnvEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    APP_DIR_FIELD_NUMBER: _ClassVar[int]
    PRELOAD_MODULES_FIELD_NUMBER: _ClassVar[int]
    IMPORT_DIRS_FIELD_NUMBER: _ClassVar[int]
    ENV_FIELD_NUMBER: _ClassVar[int]
    EXEC_WORKERS_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    app_dir: str
    preload_modules: _containers.RepeatedScalarFieldContainer[str]
    import_dirs: _containers.RepeatedScalarFieldContainer[str]
    env: _containers.ScalarMap[str, str]
    exec_workers: bool
    destination: str
    def __init__(self, app_dir: _Optional[str] = ..., preload_modules: _Optional[_Iterable[str]] = ..., import_dirs: _Optional[_Iterable[str]] = ..., env: _Optional[_Mapping[str, str]] = ..., exec_workers: bool = ..., destination: _Optional[str] = ...) -> None: ...

class ForkWorker(_message.Message):
    __slots__ = ("name", "directory", "max_growth_bytes", "service", "may_watch")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    MAX_GROWTH_BYTES_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    MAY_WATCH_FIELD_NUMBER: _ClassVar[int]
    name: str
    directory: str
    max_growth_bytes: int
    service: str
    may_watch: bool
    def __init__(self, name: _Optional[str] = ..., directory: _Optional[str] = ..., max_growth_bytes: _Optional[int] = ..., service: _Optional[str] = ..., may_watch: bool = ...) -> None: ...

class StartWorker(_message.Message):
    __slots__ = ("worker", "environment")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    worker: ForkWorker
    environment: LoadEnvironment
    def __init__(self, worker: _Optional[_Union[ForkWorker, _Mapping]] = ..., environment: _Optional[_Union[LoadEnvironment, _Mapping]] = ...) -> None: ...

class SignalWorker(_message.Message):
    __slots__ = ("pid", "signal", "alone")
    PID_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    ALONE_FIELD_NUMBER: _ClassVar[int]
    pid: int
    signal: int
    alone: bool
    def __init__(self, pid: _Optional[int] = ..., signal: _Optional[int] = ..., alone: bool = ...) -> None: ...

class ZygoteReport(_message.Message):
    __slots__ = ("ready", "broken", "forked", "exited")
    READY_FIELD_NUMBER: _ClassVar[int]
    BROKEN_FIELD_NUMBER: _ClassVar[int]
    FORKED_FIELD_NUMBER: _ClassVar[int]
    EXITED_FIELD_NUMBER: _ClassVar[int]
    ready: ZygoteReady
    broken: ZygoteBroken
    forked: ChildForked
    exited: ChildExited
    def __init__(self, ready: _Optional[_Union[ZygoteReady, _Mapping]] = ..., broken: _Optional[_Union[ZygoteBroken, _Mapping]] = ..., forked: _Optional[_Union[ChildForked, _Mapping]] = ..., exited: _Optional[_Union[ChildExited, _Mapping]] = ...) -> None: ...

class ZygoteReady(_message.Message):
    __slots__ = ("pid", "flytekit_version", "python_version", "import_ns")
    PID_FIELD_NUMBER: _ClassVar[int]
    FLYTEKIT_VERSION_FIELD_NUMBER: _ClassVar[int]
    PYTHON_VERSION_FIELD_NUMBER: _ClassVar[int]
    IMPORT_NS_FIELD_NUMBER: _ClassVar[int]
    pid: int
    flytekit_version: str
    python_version: str
    import_ns: int
    def __init__(self, pid: _Optional[int] = ..., flytekit_version: _Optional[str] = ..., python_version: _Optional[str] = ..., import_ns: _Optional[int] = ...) -> None: ...

class ZygoteBroken(_message.Message):
    __slots__ = ("reason", "unfit", "hides_libraries")
    REASON_FIELD_NUMBER: _ClassVar[int]
    UNFIT_FIELD_NUMBER: _ClassVar[int]
    HIDES_LIBRARIES_FIELD_NUMBER: _ClassVar[int]
    reason: str
    unfit: str
    hides_libraries: bool
    def __init__(self, reason: _Optional[str] = ..., unfit: _Optional[str] = ..., hides_libraries: bool = ...) -> None: ...

class ChildForked(_message.Message):
    __slots__ = ("name", "pid")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    name: str
    pid: int
    def __init__(self, name: _Optional[str] = ..., pid: _Optional[int] = ...) -> None: ...

class ChildExited(_message.Message):
    __slots__ = ("pid", "status", "peak_memory_bytes")
    PID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PEAK_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    pid: int
    status: int
    peak_memory_bytes: int
    def __init__(self, pid: _Optional[int] = ..., status: _Optional[int] = ..., peak_memory_bytes: _Optional[int] = ...) -> None: ...

class WorkerRequest(_message.Message):
    __slots__ = ("execute", "describe")
    EXECUTE_FIELD_NUMBER: _ClassVar[int]
    DESCRIBE_FIELD_NUMBER: _ClassVar[int]
    execute: Execute
    describe: _task_executor_pb2.DescribeTaskRequest
    def __init__(self, execute: _Optional[_Union[Execute, _Mapping]] = ..., describe: _Optional[_Union[_task_executor_pb2.DescribeTaskRequest, _Mapping]] = ...) -> None: ...

class Execute(_message.Message):
    __slots__ = ("execution_id", "command", "dry_run", "max_event_bytes", "max_error_bytes", "max_deck_bytes", "template_task", "literals_bytes")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    MAX_EVENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_ERROR_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_DECK_BYTES_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_TASK_FIELD_NUMBER: _ClassVar[int]
    LITERALS_BYTES_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    command: _containers.RepeatedScalarFieldContainer[str]
    dry_run: bool
    max_event_bytes: int
    max_error_bytes: int
    max_deck_bytes: int
    template_task: _task_executor_pb2.TaskReference
    literals_bytes: int
    def __init__(self, execution_id: _Optional[str] = ..., command: _Optional[_Iterable[str]] = ..., dry_run: bool = ..., max_event_bytes: _Optional[int] = ..., max_error_bytes: _Optional[int] = ..., max_deck_bytes: _Optional[int] = ..., template_task: _Optional[_Union[_task_executor_pb2.TaskReference, _Mapping]] = ..., literals_bytes: _Optional[int] = ...) -> None: ...

class WorkerReply(_message.Message):
    __slots__ = ("ready", "event", "outcome", "described", "describe_failed", "start_failed", "alone", "literals_follow")
    READY_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DESCRIBED_FIELD_NUMBER: _ClassVar[int]
    DESCRIBE_FAILED_FIELD_NUMBER: _ClassVar[int]
    START_FAILED_FIELD_NUMBER: _ClassVar[int]
    ALONE_FIELD_NUMBER: _ClassVar[int]
    LITERALS_FOLLOW_FIELD_NUMBER: _ClassVar[int]
    ready: WorkerReady
    event: _execution_pb2.Event
    outcome: _execution_pb2.Outcome
    described: _task_executor_pb2.DescribeTaskResponse
    describe_failed: str
    start_failed: str
    alone: bool
    literals_follow: bool
    def __init__(self, ready: _Optional[_Union[WorkerReady, _Mapping]] = ..., event: _Optional[_Union[_execution_pb2.Event, _Mapping]] = ..., outcome: _Optional[_Union[_execution_pb2.Outcome, _Mapping]] = ..., described: _Optional[_Union[_task_executor_pb2.DescribeTaskResponse, _Mapping]] = ..., describe_failed: _Optional[str] = ..., start_failed: _Optional[str] = ..., alone: bool = ..., literals_follow: bool = ...) -> None: ...

class WorkerReady(_message.Message):
    __slots__ = ("retire_reason", "pid", "replace_reason")
    RETIRE_REASON_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    REPLACE_REASON_FIELD_NUMBER: _ClassVar[int]
    retire_reason: str
    pid: int
    replace_reason: str
    def __init__(self, retire_reason: _Optional[str] = ..., pid: _Optional[int] = ..., replace_reason: _Optional[str] = ...) -> None: ...
