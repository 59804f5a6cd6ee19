from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Attach(_message.Message):
    __slots__ = ["bytes"]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    def __init__(self, bytes: _Optional[int] = ...) -> None: ...

class AttachResult(_message.Message):
    __slots__ = ["pool"]
    POOL_FIELD_NUMBER: _ClassVar[int]
    pool: int
    def __init__(self, pool: _Optional[int] = ...) -> None: ...

class Axis(_message.Message):
    __slots__ = ["extent", "kind", "spacing", "unit"]
    EXTENT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SPACING_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    extent: int
    kind: int
    spacing: float
    unit: str
    def __init__(self, extent: _Optional[int] = ..., kind: _Optional[int] = ..., spacing: _Optional[float] = ..., unit: _Optional[str] = ...) -> None: ...

class Backup(_message.Message):
    __slots__ = ["action", "id", "keep"]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    action: str
    id: int
    keep: int
    def __init__(self, action: _Optional[str] = ..., keep: _Optional[int] = ..., id: _Optional[int] = ...) -> None: ...

class BackupEntry(_message.Message):
    __slots__ = ["bytes", "created_unix_ms", "files", "id", "signals"]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    CREATED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    created_unix_ms: int
    files: int
    id: int
    signals: int
    def __init__(self, id: _Optional[int] = ..., created_unix_ms: _Optional[int] = ..., bytes: _Optional[int] = ..., files: _Optional[int] = ..., signals: _Optional[int] = ...) -> None: ...

class BackupResult(_message.Message):
    __slots__ = ["backups", "folder"]
    BACKUPS_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    backups: _containers.RepeatedCompositeFieldContainer[BackupEntry]
    folder: str
    def __init__(self, backups: _Optional[_Iterable[_Union[BackupEntry, _Mapping]]] = ..., folder: _Optional[str] = ...) -> None: ...

class Bounds(_message.Message):
    __slots__ = ["cells", "region"]
    CELLS_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    cells: bool
    region: _containers.RepeatedCompositeFieldContainer[Interval]
    def __init__(self, region: _Optional[_Iterable[_Union[Interval, _Mapping]]] = ..., cells: bool = ...) -> None: ...

class Cancel(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class Collect(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class CollectResult(_message.Message):
    __slots__ = ["bytes_after", "bytes_before", "damaged", "orphans"]
    BYTES_AFTER_FIELD_NUMBER: _ClassVar[int]
    BYTES_BEFORE_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_FIELD_NUMBER: _ClassVar[int]
    ORPHANS_FIELD_NUMBER: _ClassVar[int]
    bytes_after: int
    bytes_before: int
    damaged: int
    orphans: int
    def __init__(self, orphans: _Optional[int] = ..., bytes_before: _Optional[int] = ..., bytes_after: _Optional[int] = ..., damaged: _Optional[int] = ...) -> None: ...

class Config(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class ConfigResult(_message.Message):
    __slots__ = ["settings"]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    settings: _containers.RepeatedCompositeFieldContainer[Setting]
    def __init__(self, settings: _Optional[_Iterable[_Union[Setting, _Mapping]]] = ...) -> None: ...

class Damage(_message.Message):
    __slots__ = ["found_unix_ms", "key", "reason"]
    FOUND_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    found_unix_ms: int
    key: str
    reason: str
    def __init__(self, key: _Optional[str] = ..., reason: _Optional[str] = ..., found_unix_ms: _Optional[int] = ...) -> None: ...

class Delete(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class Description(_message.Message):
    __slots__ = ["axes", "bits", "channels", "family"]
    AXES_FIELD_NUMBER: _ClassVar[int]
    BITS_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    axes: _containers.RepeatedCompositeFieldContainer[Axis]
    bits: int
    channels: _containers.RepeatedScalarFieldContainer[int]
    family: int
    def __init__(self, axes: _Optional[_Iterable[_Union[Axis, _Mapping]]] = ..., channels: _Optional[_Iterable[int]] = ..., family: _Optional[int] = ..., bits: _Optional[int] = ...) -> None: ...

class Get(_message.Message):
    __slots__ = ["format"]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    format: str
    def __init__(self, format: _Optional[str] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ["client", "protocol_max"]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_MAX_FIELD_NUMBER: _ClassVar[int]
    client: str
    protocol_max: int
    def __init__(self, client: _Optional[str] = ..., protocol_max: _Optional[int] = ...) -> None: ...

class HelloResult(_message.Message):
    __slots__ = ["body_bytes_max", "metadata_bytes_max", "protocol", "put_bytes_max", "query_bytes_max", "requests_in_flight_max", "server"]
    BODY_BYTES_MAX_FIELD_NUMBER: _ClassVar[int]
    METADATA_BYTES_MAX_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    PUT_BYTES_MAX_FIELD_NUMBER: _ClassVar[int]
    QUERY_BYTES_MAX_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_IN_FLIGHT_MAX_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    body_bytes_max: int
    metadata_bytes_max: int
    protocol: int
    put_bytes_max: int
    query_bytes_max: int
    requests_in_flight_max: int
    server: str
    def __init__(self, server: _Optional[str] = ..., protocol: _Optional[int] = ..., metadata_bytes_max: _Optional[int] = ..., body_bytes_max: _Optional[int] = ..., requests_in_flight_max: _Optional[int] = ..., put_bytes_max: _Optional[int] = ..., query_bytes_max: _Optional[int] = ...) -> None: ...

class Interval(_message.Message):
    __slots__ = ["start", "step", "stop"]
    START_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    start: int
    step: int
    stop: int
    def __init__(self, start: _Optional[int] = ..., stop: _Optional[int] = ..., step: _Optional[int] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ["bytes_after", "bytes_before", "key", "progress", "state"]
    BYTES_AFTER_FIELD_NUMBER: _ClassVar[int]
    BYTES_BEFORE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    bytes_after: int
    bytes_before: int
    key: str
    progress: float
    state: str
    def __init__(self, key: _Optional[str] = ..., state: _Optional[str] = ..., progress: _Optional[float] = ..., bytes_before: _Optional[int] = ..., bytes_after: _Optional[int] = ...) -> None: ...

class Jobs(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class JobsResult(_message.Message):
    __slots__ = ["jobs", "paused", "waiting"]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    paused: bool
    waiting: int
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ..., paused: bool = ..., waiting: _Optional[int] = ...) -> None: ...

class List(_message.Message):
    __slots__ = ["cursor", "limit", "prefix"]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    limit: int
    prefix: str
    def __init__(self, prefix: _Optional[str] = ..., cursor: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListResult(_message.Message):
    __slots__ = ["cursor", "signals"]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    signals: _containers.RepeatedCompositeFieldContainer[StatResult]
    def __init__(self, signals: _Optional[_Iterable[_Union[StatResult, _Mapping]]] = ..., cursor: _Optional[str] = ...) -> None: ...

class Metrics(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class MetricsResult(_message.Message):
    __slots__ = ["text"]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class Plugin(_message.Message):
    __slots__ = ["abi", "exactness", "id", "media_types", "path", "state", "suffixes", "types", "version"]
    ABI_FIELD_NUMBER: _ClassVar[int]
    EXACTNESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPES_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SUFFIXES_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    abi: str
    exactness: str
    id: str
    media_types: _containers.RepeatedScalarFieldContainer[str]
    path: str
    state: str
    suffixes: _containers.RepeatedScalarFieldContainer[str]
    types: _containers.RepeatedScalarFieldContainer[str]
    version: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[str] = ..., abi: _Optional[str] = ..., path: _Optional[str] = ..., types: _Optional[_Iterable[str]] = ..., media_types: _Optional[_Iterable[str]] = ..., suffixes: _Optional[_Iterable[str]] = ..., state: _Optional[str] = ..., exactness: _Optional[str] = ...) -> None: ...

class Plugins(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class PluginsResult(_message.Message):
    __slots__ = ["plugins"]
    PLUGINS_FIELD_NUMBER: _ClassVar[int]
    plugins: _containers.RepeatedCompositeFieldContainer[Plugin]
    def __init__(self, plugins: _Optional[_Iterable[_Union[Plugin, _Mapping]]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ["fraction", "phase"]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    fraction: float
    phase: str
    def __init__(self, phase: _Optional[str] = ..., fraction: _Optional[float] = ...) -> None: ...

class PutBegin(_message.Message):
    __slots__ = ["adapter", "cells", "effort", "file_name", "lower_bits", "must_not_exist", "network_size", "options", "samples", "shard_extents"]
    class OptionsEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    CELLS_FIELD_NUMBER: _ClassVar[int]
    EFFORT_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    LOWER_BITS_FIELD_NUMBER: _ClassVar[int]
    MUST_NOT_EXIST_FIELD_NUMBER: _ClassVar[int]
    NETWORK_SIZE_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    SHARD_EXTENTS_FIELD_NUMBER: _ClassVar[int]
    adapter: str
    cells: bool
    effort: int
    file_name: str
    lower_bits: int
    must_not_exist: bool
    network_size: str
    options: _containers.ScalarMap[str, str]
    samples: Description
    shard_extents: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, file_name: _Optional[str] = ..., adapter: _Optional[str] = ..., samples: _Optional[_Union[Description, _Mapping]] = ..., effort: _Optional[int] = ..., network_size: _Optional[str] = ..., shard_extents: _Optional[_Iterable[int]] = ..., options: _Optional[_Mapping[str, str]] = ..., must_not_exist: bool = ..., lower_bits: _Optional[int] = ..., cells: bool = ...) -> None: ...

class PutCommit(_message.Message):
    __slots__ = ["body_hash_high", "body_hash_low", "has_hash"]
    BODY_HASH_HIGH_FIELD_NUMBER: _ClassVar[int]
    BODY_HASH_LOW_FIELD_NUMBER: _ClassVar[int]
    HAS_HASH_FIELD_NUMBER: _ClassVar[int]
    body_hash_high: int
    body_hash_low: int
    has_hash: bool
    def __init__(self, body_hash_low: _Optional[int] = ..., body_hash_high: _Optional[int] = ..., has_hash: bool = ...) -> None: ...

class PutData(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class PutResult(_message.Message):
    __slots__ = ["replaced", "stat"]
    REPLACED_FIELD_NUMBER: _ClassVar[int]
    STAT_FIELD_NUMBER: _ClassVar[int]
    replaced: bool
    stat: StatResult
    def __init__(self, stat: _Optional[_Union[StatResult, _Mapping]] = ..., replaced: bool = ...) -> None: ...

class Query(_message.Message):
    __slots__ = ["gradient", "kind", "method", "outside", "reach", "scale", "world"]
    GRADIENT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    OUTSIDE_FIELD_NUMBER: _ClassVar[int]
    REACH_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    WORLD_FIELD_NUMBER: _ClassVar[int]
    gradient: bool
    kind: str
    method: str
    outside: str
    reach: float
    scale: float
    world: bool
    def __init__(self, kind: _Optional[str] = ..., method: _Optional[str] = ..., outside: _Optional[str] = ..., world: bool = ..., gradient: bool = ..., scale: _Optional[float] = ..., reach: _Optional[float] = ...) -> None: ...

class Read(_message.Message):
    __slots__ = ["bits", "filter", "format", "level", "pool", "pool_offset", "region"]
    BITS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    POOL_OFFSET_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    bits: int
    filter: str
    format: str
    level: int
    pool: int
    pool_offset: int
    region: _containers.RepeatedCompositeFieldContainer[Interval]
    def __init__(self, region: _Optional[_Iterable[_Union[Interval, _Mapping]]] = ..., level: _Optional[int] = ..., format: _Optional[str] = ..., filter: _Optional[str] = ..., bits: _Optional[int] = ..., pool: _Optional[int] = ..., pool_offset: _Optional[int] = ...) -> None: ...

class ReadItem(_message.Message):
    __slots__ = ["key", "read"]
    KEY_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    key: str
    read: Read
    def __init__(self, key: _Optional[str] = ..., read: _Optional[_Union[Read, _Mapping]] = ...) -> None: ...

class ReadMany(_message.Message):
    __slots__ = ["as_ready", "items"]
    AS_READY_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    as_ready: bool
    items: _containers.RepeatedCompositeFieldContainer[ReadItem]
    def __init__(self, items: _Optional[_Iterable[_Union[ReadItem, _Mapping]]] = ..., as_ready: bool = ...) -> None: ...

class ReadManyResult(_message.Message):
    __slots__ = ["failed", "succeeded"]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    failed: int
    succeeded: int
    def __init__(self, succeeded: _Optional[int] = ..., failed: _Optional[int] = ...) -> None: ...

class Refit(_message.Message):
    __slots__ = ["pause"]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    pause: bool
    def __init__(self, pause: bool = ...) -> None: ...

class Reply(_message.Message):
    __slots__ = ["attach", "backup", "collect", "config", "hello", "jobs", "key", "last", "list", "metrics", "plugins", "progress", "put", "read_many", "samples", "scrub", "stat", "status", "text", "verify"]
    ATTACH_FIELD_NUMBER: _ClassVar[int]
    BACKUP_FIELD_NUMBER: _ClassVar[int]
    COLLECT_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    PLUGINS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    PUT_FIELD_NUMBER: _ClassVar[int]
    READ_MANY_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    SCRUB_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STAT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    VERIFY_FIELD_NUMBER: _ClassVar[int]
    attach: AttachResult
    backup: BackupResult
    collect: CollectResult
    config: ConfigResult
    hello: HelloResult
    jobs: JobsResult
    key: str
    last: bool
    list: ListResult
    metrics: MetricsResult
    plugins: PluginsResult
    progress: Progress
    put: PutResult
    read_many: ReadManyResult
    samples: SamplesResult
    scrub: ScrubResult
    stat: StatResult
    status: int
    text: str
    verify: VerifyResult
    def __init__(self, status: _Optional[int] = ..., text: _Optional[str] = ..., key: _Optional[str] = ..., last: bool = ..., hello: _Optional[_Union[HelloResult, _Mapping]] = ..., put: _Optional[_Union[PutResult, _Mapping]] = ..., samples: _Optional[_Union[SamplesResult, _Mapping]] = ..., stat: _Optional[_Union[StatResult, _Mapping]] = ..., list: _Optional[_Union[ListResult, _Mapping]] = ..., verify: _Optional[_Union[VerifyResult, _Mapping]] = ..., jobs: _Optional[_Union[JobsResult, _Mapping]] = ..., plugins: _Optional[_Union[PluginsResult, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., metrics: _Optional[_Union[MetricsResult, _Mapping]] = ..., config: _Optional[_Union[ConfigResult, _Mapping]] = ..., backup: _Optional[_Union[BackupResult, _Mapping]] = ..., scrub: _Optional[_Union[ScrubResult, _Mapping]] = ..., collect: _Optional[_Union[CollectResult, _Mapping]] = ..., read_many: _Optional[_Union[ReadManyResult, _Mapping]] = ..., attach: _Optional[_Union[AttachResult, _Mapping]] = ...) -> None: ...

class Request(_message.Message):
    __slots__ = ["attach", "backup", "bounds", "cancel", "collect", "config", "deadline_ms", "delete", "get", "hello", "jobs", "key", "list", "metrics", "plugins", "priority", "progress", "put_begin", "put_commit", "put_data", "query", "read", "read_many", "refit", "scrub", "stat", "verify", "where"]
    ATTACH_FIELD_NUMBER: _ClassVar[int]
    BACKUP_FIELD_NUMBER: _ClassVar[int]
    BOUNDS_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    COLLECT_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    GET_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    PLUGINS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    PUT_BEGIN_FIELD_NUMBER: _ClassVar[int]
    PUT_COMMIT_FIELD_NUMBER: _ClassVar[int]
    PUT_DATA_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    READ_MANY_FIELD_NUMBER: _ClassVar[int]
    REFIT_FIELD_NUMBER: _ClassVar[int]
    SCRUB_FIELD_NUMBER: _ClassVar[int]
    STAT_FIELD_NUMBER: _ClassVar[int]
    VERIFY_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    attach: Attach
    backup: Backup
    bounds: Bounds
    cancel: Cancel
    collect: Collect
    config: Config
    deadline_ms: int
    delete: Delete
    get: Get
    hello: Hello
    jobs: Jobs
    key: str
    list: List
    metrics: Metrics
    plugins: Plugins
    priority: int
    progress: bool
    put_begin: PutBegin
    put_commit: PutCommit
    put_data: PutData
    query: Query
    read: Read
    read_many: ReadMany
    refit: Refit
    scrub: Scrub
    stat: Stat
    verify: Verify
    where: Where
    def __init__(self, key: _Optional[str] = ..., deadline_ms: _Optional[int] = ..., progress: bool = ..., priority: _Optional[int] = ..., hello: _Optional[_Union[Hello, _Mapping]] = ..., put_begin: _Optional[_Union[PutBegin, _Mapping]] = ..., put_data: _Optional[_Union[PutData, _Mapping]] = ..., put_commit: _Optional[_Union[PutCommit, _Mapping]] = ..., get: _Optional[_Union[Get, _Mapping]] = ..., read: _Optional[_Union[Read, _Mapping]] = ..., stat: _Optional[_Union[Stat, _Mapping]] = ..., list: _Optional[_Union[List, _Mapping]] = ..., delete: _Optional[_Union[Delete, _Mapping]] = ..., verify: _Optional[_Union[Verify, _Mapping]] = ..., jobs: _Optional[_Union[Jobs, _Mapping]] = ..., plugins: _Optional[_Union[Plugins, _Mapping]] = ..., cancel: _Optional[_Union[Cancel, _Mapping]] = ..., metrics: _Optional[_Union[Metrics, _Mapping]] = ..., config: _Optional[_Union[Config, _Mapping]] = ..., backup: _Optional[_Union[Backup, _Mapping]] = ..., scrub: _Optional[_Union[Scrub, _Mapping]] = ..., collect: _Optional[_Union[Collect, _Mapping]] = ..., refit: _Optional[_Union[Refit, _Mapping]] = ..., query: _Optional[_Union[Query, _Mapping]] = ..., read_many: _Optional[_Union[ReadMany, _Mapping]] = ..., where: _Optional[_Union[Where, _Mapping]] = ..., bounds: _Optional[_Union[Bounds, _Mapping]] = ..., attach: _Optional[_Union[Attach, _Mapping]] = ...) -> None: ...

class SamplesResult(_message.Message):
    __slots__ = ["description", "error_max", "file_name", "hash_high", "hash_low", "is_cut", "is_estimate", "item", "item_last", "item_status", "item_text", "matches", "recalled", "shards", "total_bytes"]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ERROR_MAX_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    HASH_HIGH_FIELD_NUMBER: _ClassVar[int]
    HASH_LOW_FIELD_NUMBER: _ClassVar[int]
    IS_CUT_FIELD_NUMBER: _ClassVar[int]
    IS_ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ITEM_LAST_FIELD_NUMBER: _ClassVar[int]
    ITEM_STATUS_FIELD_NUMBER: _ClassVar[int]
    ITEM_TEXT_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    RECALLED_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    description: Description
    error_max: float
    file_name: str
    hash_high: int
    hash_low: int
    is_cut: bool
    is_estimate: bool
    item: int
    item_last: bool
    item_status: int
    item_text: str
    matches: int
    recalled: int
    shards: int
    total_bytes: int
    def __init__(self, description: _Optional[_Union[Description, _Mapping]] = ..., file_name: _Optional[str] = ..., total_bytes: _Optional[int] = ..., hash_low: _Optional[int] = ..., hash_high: _Optional[int] = ..., error_max: _Optional[float] = ..., is_estimate: bool = ..., item: _Optional[int] = ..., item_last: bool = ..., item_status: _Optional[int] = ..., item_text: _Optional[str] = ..., matches: _Optional[int] = ..., is_cut: bool = ..., shards: _Optional[int] = ..., recalled: _Optional[int] = ...) -> None: ...

class Scrub(_message.Message):
    __slots__ = ["action"]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    action: str
    def __init__(self, action: _Optional[str] = ...) -> None: ...

class ScrubResult(_message.Message):
    __slots__ = ["bytes", "damaged", "damages", "ended_unix_ms", "signals", "started_unix_ms", "state", "total"]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_FIELD_NUMBER: _ClassVar[int]
    DAMAGES_FIELD_NUMBER: _ClassVar[int]
    ENDED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    STARTED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    damaged: int
    damages: _containers.RepeatedCompositeFieldContainer[Damage]
    ended_unix_ms: int
    signals: int
    started_unix_ms: int
    state: str
    total: int
    def __init__(self, state: _Optional[str] = ..., signals: _Optional[int] = ..., bytes: _Optional[int] = ..., total: _Optional[int] = ..., started_unix_ms: _Optional[int] = ..., ended_unix_ms: _Optional[int] = ..., damages: _Optional[_Iterable[_Union[Damage, _Mapping]]] = ..., damaged: _Optional[int] = ...) -> None: ...

class Setting(_message.Message):
    __slots__ = ["key", "origin", "value"]
    KEY_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    origin: str
    value: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ..., origin: _Optional[str] = ...) -> None: ...

class Stat(_message.Message):
    __slots__ = ["energy"]
    ENERGY_FIELD_NUMBER: _ClassVar[int]
    energy: bool
    def __init__(self, energy: bool = ...) -> None: ...

class StatResult(_message.Message):
    __slots__ = ["adapter", "adapter_version", "bits", "content_hash", "created_unix_ms", "description", "dtype", "effort", "energy_rounds", "exactness", "file_bytes", "file_name", "generation", "has_cells", "key", "kind", "lower_bits", "media_type", "network_size", "order", "prior", "quarantine", "raw_bytes", "shard_count", "shard_extents", "stored_bytes", "transform"]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_VERSION_FIELD_NUMBER: _ClassVar[int]
    BITS_FIELD_NUMBER: _ClassVar[int]
    CONTENT_HASH_FIELD_NUMBER: _ClassVar[int]
    CREATED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    EFFORT_FIELD_NUMBER: _ClassVar[int]
    ENERGY_ROUNDS_FIELD_NUMBER: _ClassVar[int]
    EXACTNESS_FIELD_NUMBER: _ClassVar[int]
    FILE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    HAS_CELLS_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LOWER_BITS_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    NETWORK_SIZE_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PRIOR_FIELD_NUMBER: _ClassVar[int]
    QUARANTINE_FIELD_NUMBER: _ClassVar[int]
    RAW_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHARD_COUNT_FIELD_NUMBER: _ClassVar[int]
    SHARD_EXTENTS_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    TRANSFORM_FIELD_NUMBER: _ClassVar[int]
    adapter: str
    adapter_version: str
    bits: int
    content_hash: str
    created_unix_ms: int
    description: Description
    dtype: str
    effort: int
    energy_rounds: _containers.RepeatedScalarFieldContainer[float]
    exactness: str
    file_bytes: int
    file_name: str
    generation: int
    has_cells: bool
    key: str
    kind: str
    lower_bits: int
    media_type: str
    network_size: str
    order: str
    prior: str
    quarantine: str
    raw_bytes: int
    shard_count: int
    shard_extents: _containers.RepeatedScalarFieldContainer[int]
    stored_bytes: int
    transform: str
    def __init__(self, key: _Optional[str] = ..., kind: _Optional[str] = ..., description: _Optional[_Union[Description, _Mapping]] = ..., raw_bytes: _Optional[int] = ..., stored_bytes: _Optional[int] = ..., file_bytes: _Optional[int] = ..., content_hash: _Optional[str] = ..., order: _Optional[str] = ..., network_size: _Optional[str] = ..., prior: _Optional[str] = ..., effort: _Optional[int] = ..., energy_rounds: _Optional[_Iterable[float]] = ..., shard_extents: _Optional[_Iterable[int]] = ..., shard_count: _Optional[int] = ..., generation: _Optional[int] = ..., adapter: _Optional[str] = ..., exactness: _Optional[str] = ..., dtype: _Optional[str] = ..., created_unix_ms: _Optional[int] = ..., media_type: _Optional[str] = ..., transform: _Optional[str] = ..., file_name: _Optional[str] = ..., bits: _Optional[int] = ..., adapter_version: _Optional[str] = ..., quarantine: _Optional[str] = ..., lower_bits: _Optional[int] = ..., has_cells: bool = ...) -> None: ...

class Verify(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class VerifyResult(_message.Message):
    __slots__ = ["content_hash", "samples", "shards"]
    CONTENT_HASH_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    content_hash: str
    samples: int
    shards: int
    def __init__(self, shards: _Optional[int] = ..., samples: _Optional[int] = ..., content_hash: _Optional[str] = ...) -> None: ...

class Where(_message.Message):
    __slots__ = ["channel", "comparison", "region", "runs_max", "value"]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    RUNS_MAX_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    channel: int
    comparison: str
    region: _containers.RepeatedCompositeFieldContainer[Interval]
    runs_max: int
    value: float
    def __init__(self, comparison: _Optional[str] = ..., value: _Optional[float] = ..., region: _Optional[_Iterable[_Union[Interval, _Mapping]]] = ..., channel: _Optional[int] = ..., runs_max: _Optional[int] = ...) -> None: ...
