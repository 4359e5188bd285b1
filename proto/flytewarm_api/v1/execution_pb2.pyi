from flyteidl.core import dynamic_job_pb2 as _dynamic_job_pb2
from flyteidl.core import errors_pb2 as _errors_pb2
from flyteidl.core import literals_pb2 as _literals_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExecutionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXECUTION_STATE_UNSPECIFIED: _ClassVar[ExecutionState]
    EXECUTION_STATE_QUEUED: _ClassVar[ExecutionState]
    EXECUTION_STATE_STARTING: _ClassVar[ExecutionState]
    EXECUTION_STATE_RUNNING: _ClassVar[ExecutionState]
    EXECUTION_STATE_SUCCEEDED: _ClassVar[ExecutionState]
    EXECUTION_STATE_FAILED: _ClassVar[ExecutionState]
    EXECUTION_STATE_CANCELLED: _ClassVar[ExecutionState]
    EXECUTION_STATE_TIMED_OUT: _ClassVar[ExecutionState]
    EXECUTION_STATE_LOST: _ClassVar[ExecutionState]

class LogStream(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOG_STREAM_UNSPECIFIED: _ClassVar[LogStream]
    LOG_STREAM_STDOUT: _ClassVar[LogStream]
    LOG_STREAM_STDERR: _ClassVar[LogStream]

class MetricKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METRIC_KIND_UNSPECIFIED: _ClassVar[MetricKind]
    METRIC_KIND_COUNTER: _ClassVar[MetricKind]
    METRIC_KIND_GAUGE: _ClassVar[MetricKind]
    METRIC_KIND_TIMING: _ClassVar[MetricKind]

class ErrorCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_CAUSE_UNSPECIFIED: _ClassVar[ErrorCause]
    ERROR_CAUSE_USER: _ClassVar[ErrorCause]
    ERROR_CAUSE_USER_RECOVERABLE: _ClassVar[ErrorCause]
    ERROR_CAUSE_INPUTS: _ClassVar[ErrorCause]
    ERROR_CAUSE_SYSTEM: _ClassVar[ErrorCause]
    ERROR_CAUSE_OUT_OF_MEMORY: _ClassVar[ErrorCause]
    ERROR_CAUSE_TIMEOUT: _ClassVar[ErrorCause]
    ERROR_CAUSE_CANCELLED: _ClassVar[ErrorCause]
    ERROR_CAUSE_PREEMPTED: _ClassVar[ErrorCause]
    ERROR_CAUSE_WORKER_LOST: _ClassVar[ErrorCause]
EXECUTION_STATE_UNSPECIFIED: ExecutionState
EXECUTION_STATE_QUEUED: ExecutionState
EXECUTION_STATE_STARTING: ExecutionState
EXECUTION_STATE_RUNNING: ExecutionState
EXECUTION_STATE_SUCCEEDED: ExecutionState
EXECUTION_STATE_FAILED: ExecutionState
EXECUTION_STATE_CANCELLED: ExecutionState
EXECUTION_STATE_TIMED_OUT: ExecutionState
EXECUTION_STATE_LOST: ExecutionState
LOG_STREAM_UNSPECIFIED: LogStream
LOG_STREAM_STDOUT: LogStream
LOG_STREAM_STDERR: LogStream
METRIC_KIND_UNSPECIFIED: MetricKind
METRIC_KIND_COUNTER: MetricKind
METRIC_KIND_GAUGE: MetricKind
METRIC_KIND_TIMING: MetricKind
ERROR_CAUSE_UNSPECIFIED: ErrorCause
ERROR_CAUSE_USER: ErrorCause
ERROR_CAUSE_USER_RECOVERABLE: ErrorCause
ERROR_CAUSE_INPUTS: ErrorCause
ERROR_CAUSE_SYSTEM: ErrorCause
ERROR_CAUSE_OUT_OF_MEMORY: ErrorCause
ERROR_CAUSE_TIMEOUT: ErrorCause
ERROR_CAUSE_CANCELLED: ErrorCause
ERROR_CAUSE_PREEMPTED: ErrorCause
ERROR_CAUSE_WORKER_LOST: ErrorCause

class Event(_message.Message):
    __slots__ = ("sequence", "time", "queued", "started", "log", "deck", "metric", "outcome")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    DECK_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time: _timestamp_pb2.Timestamp
    queued: Queued
    started: Started
    log: Log
    deck: DeckContent
    metric: Metric
    outcome: Outcome
    def __init__(self, sequence: _Optional[int] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., queued: _Optional[_Union[Queued, _Mapping]] = ..., started: _Optional[_Union[Started, _Mapping]] = ..., log: _Optional[_Union[Log, _Mapping]] = ..., deck: _Optional[_Union[DeckContent, _Mapping]] = ..., metric: _Optional[_Union[Metric, _Mapping]] = ..., outcome: _Optional[_Union[Outcome, _Mapping]] = ...) -> None: ...

class Queued(_message.Message):
    __slots__ = ("position", "execution_id")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    position: int
    execution_id: str
    def __init__(self, position: _Optional[int] = ..., execution_id: _Optional[str] = ...) -> None: ...

class Started(_message.Message):
    __slots__ = ("worker", "warm")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    WARM_FIELD_NUMBER: _ClassVar[int]
    worker: str
    warm: bool
    def __init__(self, worker: _Optional[str] = ..., warm: bool = ...) -> None: ...

class Log(_message.Message):
    __slots__ = ("stream", "text", "dropped_bytes")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DROPPED_BYTES_FIELD_NUMBER: _ClassVar[int]
    stream: LogStream
    text: str
    dropped_bytes: int
    def __init__(self, stream: _Optional[_Union[LogStream, str]] = ..., text: _Optional[str] = ..., dropped_bytes: _Optional[int] = ...) -> None: ...

class DeckContent(_message.Message):
    __slots__ = ("name", "html", "final", "uri")
    NAME_FIELD_NUMBER: _ClassVar[int]
    HTML_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    name: str
    html: str
    final: bool
    uri: str
    def __init__(self, name: _Optional[str] = ..., html: _Optional[str] = ..., final: bool = ..., uri: _Optional[str] = ...) -> None: ...

class Metric(_message.Message):
    __slots__ = ("name", "value", "kind", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: float
    kind: MetricKind
    tags: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., value: _Optional[float] = ..., kind: _Optional[_Union[MetricKind, str]] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("state", "outputs", "futures", "ignored", "error", "receipt")
    STATE_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    FUTURES_FIELD_NUMBER: _ClassVar[int]
    IGNORED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    state: ExecutionState
    outputs: Outputs
    futures: Futures
    ignored: IgnoredOutputs
    error: TaskError
    receipt: Receipt
    def __init__(self, state: _Optional[_Union[ExecutionState, str]] = ..., outputs: _Optional[_Union[Outputs, _Mapping]] = ..., futures: _Optional[_Union[Futures, _Mapping]] = ..., ignored: _Optional[_Union[IgnoredOutputs, _Mapping]] = ..., error: _Optional[_Union[TaskError, _Mapping]] = ..., receipt: _Optional[_Union[Receipt, _Mapping]] = ...) -> None: ...

class Outputs(_message.Message):
    __slots__ = ("literals", "json", "uri")
    LITERALS_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    literals: _literals_pb2.LiteralMap
    json: str
    uri: str
    def __init__(self, literals: _Optional[_Union[_literals_pb2.LiteralMap, _Mapping]] = ..., json: _Optional[str] = ..., uri: _Optional[str] = ...) -> None: ...

class Futures(_message.Message):
    __slots__ = ("spec", "uri")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    spec: _dynamic_job_pb2.DynamicJobSpec
    uri: str
    def __init__(self, spec: _Optional[_Union[_dynamic_job_pb2.DynamicJobSpec, _Mapping]] = ..., uri: _Optional[str] = ...) -> None: ...

class IgnoredOutputs(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class TaskError(_message.Message):
    __slots__ = ("error", "cause", "uri")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    error: _errors_pb2.ContainerError
    cause: ErrorCause
    uri: str
    def __init__(self, error: _Optional[_Union[_errors_pb2.ContainerError, _Mapping]] = ..., cause: _Optional[_Union[ErrorCause, str]] = ..., uri: _Optional[str] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("queue_ns", "load_ns", "download_ns", "convert_ns", "run_ns", "convert_back_ns", "upload_ns", "deck_ns", "worker_ns", "cpu_user_ns", "cpu_system_ns", "peak_memory_bytes", "input_bytes", "output_bytes", "worker", "worker_executions", "environment", "worker_retired")
    QUEUE_NS_FIELD_NUMBER: _ClassVar[int]
    LOAD_NS_FIELD_NUMBER: _ClassVar[int]
    DOWNLOAD_NS_FIELD_NUMBER: _ClassVar[int]
    CONVERT_NS_FIELD_NUMBER: _ClassVar[int]
    RUN_NS_FIELD_NUMBER: _ClassVar[int]
    CONVERT_BACK_NS_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_NS_FIELD_NUMBER: _ClassVar[int]
    DECK_NS_FIELD_NUMBER: _ClassVar[int]
    WORKER_NS_FIELD_NUMBER: _ClassVar[int]
    CPU_USER_NS_FIELD_NUMBER: _ClassVar[int]
    CPU_SYSTEM_NS_FIELD_NUMBER: _ClassVar[int]
    PEAK_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    INPUT_BYTES_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_BYTES_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    WORKER_EXECUTIONS_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    WORKER_RETIRED_FIELD_NUMBER: _ClassVar[int]
    queue_ns: int
    load_ns: int
    download_ns: int
    convert_ns: int
    run_ns: int
    convert_back_ns: int
    upload_ns: int
    deck_ns: int
    worker_ns: int
    cpu_user_ns: int
    cpu_system_ns: int
    peak_memory_bytes: int
    input_bytes: int
    output_bytes: int
    worker: str
    worker_executions: int
    environment: str
    worker_retired: str
    def __init__(self, queue_ns: _Optional[int] = ..., load_ns: _Optional[int] = ..., download_ns: _Optional[int] = ..., convert_ns: _Optional[int] = ..., run_ns: _Optional[int] = ..., convert_back_ns: _Optional[int] = ..., upload_ns: _Optional[int] = ..., deck_ns: _Optional[int] = ..., worker_ns: _Optional[int] = ..., cpu_user_ns: _Optional[int] = ..., cpu_system_ns: _Optional[int] = ..., peak_memory_bytes: _Optional[int] = ..., input_bytes: _Optional[int] = ..., output_bytes: _Optional[int] = ..., worker: _Optional[str] = ..., worker_executions: _Optional[int] = ..., environment: _Optional[str] = ..., worker_retired: _Optional[str] = ...) -> None: ...
