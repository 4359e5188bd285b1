from flyteidl.core import interface_pb2 as _interface_pb2
from flyteidl.core import literals_pb2 as _literals_pb2
from flyteidl.core import tasks_pb2 as _tasks_pb2
from flytewarm_api.v1 import execution_pb2 as _execution_pb2
from flytewarm_api.v1 import settings_pb2 as _settings_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExecuteTaskRequest(_message.Message):
    __slots__ = ("execution_id", "task", "command", "template", "literals", "inputs_uri", "inputs_json", "settings", "environment", "policy", "events")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    LITERALS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_URI_FIELD_NUMBER: _ClassVar[int]
    INPUTS_JSON_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    task: TaskReference
    command: ContainerCommand
    template: _tasks_pb2.TaskTemplate
    literals: _literals_pb2.LiteralMap
    inputs_uri: str
    inputs_json: str
    settings: _settings_pb2.ExecutionSettings
    environment: _settings_pb2.Environment
    policy: _settings_pb2.ExecutionPolicy
    events: _settings_pb2.EventOptions
    def __init__(self, execution_id: _Optional[str] = ..., task: _Optional[_Union[TaskReference, _Mapping]] = ..., command: _Optional[_Union[ContainerCommand, _Mapping]] = ..., template: _Optional[_Union[_tasks_pb2.TaskTemplate, _Mapping]] = ..., literals: _Optional[_Union[_literals_pb2.LiteralMap, _Mapping]] = ..., inputs_uri: _Optional[str] = ..., inputs_json: _Optional[str] = ..., settings: _Optional[_Union[_settings_pb2.ExecutionSettings, _Mapping]] = ..., environment: _Optional[_Union[_settings_pb2.Environment, _Mapping]] = ..., policy: _Optional[_Union[_settings_pb2.ExecutionPolicy, _Mapping]] = ..., events: _Optional[_Union[_settings_pb2.EventOptions, _Mapping]] = ...) -> None: ...

class TaskReference(_message.Message):
    __slots__ = ("name", "resolver", "loader_args")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RESOLVER_FIELD_NUMBER: _ClassVar[int]
    LOADER_ARGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    resolver: str
    loader_args: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., resolver: _Optional[str] = ..., loader_args: _Optional[_Iterable[str]] = ...) -> None: ...

class ContainerCommand(_message.Message):
    __slots__ = ("args",)
    ARGS_FIELD_NUMBER: _ClassVar[int]
    args: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, args: _Optional[_Iterable[str]] = ...) -> None: ...

class ExecuteTaskResponse(_message.Message):
    __slots__ = ("execution_id", "events")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    events: _containers.RepeatedCompositeFieldContainer[_execution_pb2.Event]
    def __init__(self, execution_id: _Optional[str] = ..., events: _Optional[_Iterable[_Union[_execution_pb2.Event, _Mapping]]] = ...) -> None: ...

class ExecuteTasksRequest(_message.Message):
    __slots__ = ("executions",)
    EXECUTIONS_FIELD_NUMBER: _ClassVar[int]
    executions: _containers.RepeatedCompositeFieldContainer[ExecuteTaskRequest]
    def __init__(self, executions: _Optional[_Iterable[_Union[ExecuteTaskRequest, _Mapping]]] = ...) -> None: ...

class ExecuteTasksResponse(_message.Message):
    __slots__ = ("answers",)
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[TaskAnswer]
    def __init__(self, answers: _Optional[_Iterable[_Union[TaskAnswer, _Mapping]]] = ...) -> None: ...

class TaskAnswer(_message.Message):
    __slots__ = ("request_number", "execution_id", "events", "refused")
    REQUEST_NUMBER_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    request_number: int
    execution_id: str
    events: _containers.RepeatedCompositeFieldContainer[_execution_pb2.Event]
    refused: _status_pb2.Status
    def __init__(self, request_number: _Optional[int] = ..., execution_id: _Optional[str] = ..., events: _Optional[_Iterable[_Union[_execution_pb2.Event, _Mapping]]] = ..., refused: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class WatchExecutionRequest(_message.Message):
    __slots__ = ("execution_id", "from_sequence")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    from_sequence: int
    def __init__(self, execution_id: _Optional[str] = ..., from_sequence: _Optional[int] = ...) -> None: ...

class WatchExecutionResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_execution_pb2.Event]
    def __init__(self, events: _Optional[_Iterable[_Union[_execution_pb2.Event, _Mapping]]] = ...) -> None: ...

class GetExecutionRequest(_message.Message):
    __slots__ = ("execution_id",)
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    def __init__(self, execution_id: _Optional[str] = ...) -> None: ...

class GetExecutionResponse(_message.Message):
    __slots__ = ("execution",)
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    execution: Execution
    def __init__(self, execution: _Optional[_Union[Execution, _Mapping]] = ...) -> None: ...

class Execution(_message.Message):
    __slots__ = ("execution_id", "state", "task", "created_at", "started_at", "ended_at", "outcome", "last_sequence")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    state: _execution_pb2.ExecutionState
    task: str
    created_at: _timestamp_pb2.Timestamp
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    outcome: _execution_pb2.Outcome
    last_sequence: int
    def __init__(self, execution_id: _Optional[str] = ..., state: _Optional[_Union[_execution_pb2.ExecutionState, str]] = ..., task: _Optional[str] = ..., created_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., started_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., outcome: _Optional[_Union[_execution_pb2.Outcome, _Mapping]] = ..., last_sequence: _Optional[int] = ...) -> None: ...

class ListExecutionsRequest(_message.Message):
    __slots__ = ("states", "page_size", "page_token", "task")
    STATES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedScalarFieldContainer[_execution_pb2.ExecutionState]
    page_size: int
    page_token: str
    task: str
    def __init__(self, states: _Optional[_Iterable[_Union[_execution_pb2.ExecutionState, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., task: _Optional[str] = ...) -> None: ...

class ListExecutionsResponse(_message.Message):
    __slots__ = ("executions", "next_page_token")
    EXECUTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    executions: _containers.RepeatedCompositeFieldContainer[Execution]
    next_page_token: str
    def __init__(self, executions: _Optional[_Iterable[_Union[Execution, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelExecutionRequest(_message.Message):
    __slots__ = ("execution_id", "reason")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    reason: str
    def __init__(self, execution_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class CancelExecutionResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: _execution_pb2.ExecutionState
    def __init__(self, state: _Optional[_Union[_execution_pb2.ExecutionState, str]] = ...) -> None: ...

class DescribeTaskRequest(_message.Message):
    __slots__ = ("task", "environment")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    task: TaskReference
    environment: _settings_pb2.Environment
    def __init__(self, task: _Optional[_Union[TaskReference, _Mapping]] = ..., environment: _Optional[_Union[_settings_pb2.Environment, _Mapping]] = ...) -> None: ...

class DescribeTaskResponse(_message.Message):
    __slots__ = ("name", "task_type", "interface", "inputs", "documentation")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TASK_TYPE_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTATION_FIELD_NUMBER: _ClassVar[int]
    name: str
    task_type: str
    interface: _interface_pb2.TypedInterface
    inputs: _containers.RepeatedCompositeFieldContainer[InputDescription]
    documentation: str
    def __init__(self, name: _Optional[str] = ..., task_type: _Optional[str] = ..., interface: _Optional[_Union[_interface_pb2.TypedInterface, _Mapping]] = ..., inputs: _Optional[_Iterable[_Union[InputDescription, _Mapping]]] = ..., documentation: _Optional[str] = ...) -> None: ...

class InputDescription(_message.Message):
    __slots__ = ("name", "python_type", "required", "default_json")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PYTHON_TYPE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_JSON_FIELD_NUMBER: _ClassVar[int]
    name: str
    python_type: str
    required: bool
    default_json: str
    def __init__(self, name: _Optional[str] = ..., python_type: _Optional[str] = ..., required: bool = ..., default_json: _Optional[str] = ...) -> None: ...
