"""What can go wrong, as exceptions.

What always holds here:
- Every exception of this package is a GamError with a stable `status` of docs/protocol.md.
- The text is the daemon's own where the daemon spoke.
- A number this version does not know still arrives, as a plain GamError.
"""

from __future__ import annotations


class GamError(Exception):
    """Base of all errors; `status` is the protocol's code, `key` the signal it is about."""

    status = 1

    def __init__(self, text: str, *, status: int | None = None, key: str = "") -> None:
        super().__init__(text)
        if status is not None:
            self.status = status
        self.key = key


class NotFoundError(GamError, LookupError):
    """There is no such signal."""

    status = 2


class IntegrityError(GamError):
    """Stored bytes, or bytes on the wire, are not what was written; nothing was returned."""

    status = 3


class PartialError(GamError):
    """Some parts succeeded, some did not; the text says which."""

    status = 4


class UsageError(GamError, ValueError):
    """The request makes no sense for this signal: region, level, format, option, key."""

    status = 5


class BadInputError(GamError, ValueError):
    """The file or the samples cannot be stored: damaged, of no known type, not representable."""

    status = 6


class TooLargeError(BadInputError):
    """Larger than a limit of the configuration or the format."""

    status = 7


class AlreadyExistsError(GamError):
    """must_not_exist was asked for, and there is such a signal."""

    status = 8


class StorageError(GamError):
    """The daemon cannot read or write its storage."""

    status = 10


class CannotWriteError(StorageError):
    """The daemon cannot write its storage."""

    status = 9


class NoSpaceError(StorageError):
    """The storage is full; make room and try again."""

    status = 12


class BusyError(GamError):
    """Too many connections or requests, or the daemon is stopping: try later."""

    status = 11


class TimedOutError(GamError, TimeoutError):
    """The deadline of the request has passed."""

    status = 13


class ProtocolError(GamError):
    """One side broke the rules of the protocol."""

    status = 14


class UnsupportedError(ProtocolError):
    """An operation, option or version the daemon does not know."""

    status = 15


class PermissionDeniedError(GamError, PermissionError):
    """The daemon does not let this user do it."""

    status = 16


class ConfigurationError(GamError):
    """The daemon is not configured for it."""

    status = 17


class CancelledError(GamError):
    """The request was cancelled."""

    status = 18


class AdapterMissingError(ConfigurationError):
    """The adapter that is needed is not installed."""

    status = 19


class AdapterFaultError(GamError):
    """The adapter crashed, hung or broke its contract."""

    status = 20


class UnreachableError(GamError, ConnectionError):
    """No daemon answers, or it hung up. Raised by the client, never sent."""

    status = 21


def _kinds(root: type[GamError]) -> dict[int, type[GamError]]:
    found = {root.status: root}
    for kind in root.__subclasses__():
        found |= _kinds(kind)
    return found


BY_STATUS = _kinds(GamError)


def error_for_status(status: int, text: str, key: str) -> GamError:
    """The exception for a reply that is not ok."""
    kind = BY_STATUS.get(status, GamError)
    message = text or f"the daemon answered status {status} without a text"
    return kind(message, status=status, key=key)
