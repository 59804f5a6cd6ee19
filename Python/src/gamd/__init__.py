"""Client of the gamd signal store.

What always holds here:
- What this package returns passed every check the protocol offers: sizes, order, content hash.
- Whatever the daemon refuses is raised as a GamError with the daemon's own text.
"""

from .async_client import AsyncClient
from .async_signal import AsyncSignal, AsyncView
from .client import Client
from .errors import (
    AdapterFaultError,
    AdapterMissingError,
    AlreadyExistsError,
    BadInputError,
    BusyError,
    CancelledError,
    CannotWriteError,
    ConfigurationError,
    GamError,
    IntegrityError,
    NoSpaceError,
    NotFoundError,
    PartialError,
    PermissionDeniedError,
    ProtocolError,
    StorageError,
    TimedOutError,
    TooLargeError,
    UnreachableError,
    UnsupportedError,
    UsageError,
)
from .pool import Pool
from .process import ProcessClient
from .requests import ReadItem
from .results import (
    Closest,
    ManyFailedError,
    QueryResult,
    Rays,
    Runs,
    Samples,
    ShardBounds,
)
from .signal import Signal, View

__all__ = [
    "AdapterFaultError",
    "AdapterMissingError",
    "AlreadyExistsError",
    "AsyncClient",
    "AsyncSignal",
    "AsyncView",
    "BadInputError",
    "BusyError",
    "CancelledError",
    "CannotWriteError",
    "Client",
    "Closest",
    "ConfigurationError",
    "GamError",
    "IntegrityError",
    "ManyFailedError",
    "NoSpaceError",
    "NotFoundError",
    "PartialError",
    "PermissionDeniedError",
    "Pool",
    "ProcessClient",
    "ProtocolError",
    "QueryResult",
    "Rays",
    "ReadItem",
    "Runs",
    "Samples",
    "ShardBounds",
    "Signal",
    "StorageError",
    "TimedOutError",
    "TooLargeError",
    "UnreachableError",
    "UnsupportedError",
    "UsageError",
    "View",
]
