"""Client of the gamd signal store.

What always holds here:
- What this package returns passed every check the protocol offers: sizes, order, content hash.
- Whatever the daemon refuses is raised as a GamError with the daemon's own text.
"""

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
from .signal import Level, Signal

__all__ = [
    "AdapterFaultError",
    "AdapterMissingError",
    "AlreadyExistsError",
    "BadInputError",
    "BusyError",
    "CancelledError",
    "CannotWriteError",
    "Client",
    "ConfigurationError",
    "GamError",
    "IntegrityError",
    "Level",
    "NoSpaceError",
    "NotFoundError",
    "PartialError",
    "PermissionDeniedError",
    "ProtocolError",
    "Signal",
    "StorageError",
    "TimedOutError",
    "TooLargeError",
    "UnreachableError",
    "UnsupportedError",
    "UsageError",
]
