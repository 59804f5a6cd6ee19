"""Client of the gamd signal store.

What always holds here:
- What this package returns passed every check the protocol offers: sizes, order, content hash.
- Whatever the daemon refuses is raised as a GamError with the daemon's own text.
"""

from .client import Client
from .errors import (
    BadInputError,
    BusyError,
    CancelledError,
    ConfigurationError,
    GamError,
    IntegrityError,
    NotFoundError,
    PartialError,
    PermissionDeniedError,
    ProtocolError,
    StorageError,
    UnreachableError,
    UsageError,
)
from .signal import Level, Signal

__all__ = [
    "BadInputError",
    "BusyError",
    "CancelledError",
    "Client",
    "ConfigurationError",
    "GamError",
    "IntegrityError",
    "Level",
    "NotFoundError",
    "PartialError",
    "PermissionDeniedError",
    "ProtocolError",
    "Signal",
    "StorageError",
    "UnreachableError",
    "UsageError",
]
