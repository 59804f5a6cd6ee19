"""What can go wrong, as exceptions.

What always holds here:
- Every exception of this package is a GamError with a stable `status` of docs/protocol.md.
- The text is the daemon's own where the daemon spoke.
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

    status = 3


class IntegrityError(GamError):
    """Stored bytes, or bytes on the wire, are not what they were; nothing was returned."""

    status = 4


class PartialError(GamError):
    """Part of the request was carried out."""

    status = 5


class UsageError(GamError, ValueError):
    """The request makes no sense: a region outside the signal, a key too long."""

    status = 64


class BadInputError(GamError, ValueError):
    """The file or the samples were refused."""

    status = 65


class UnreachableError(GamError, ConnectionError):
    """No daemon answers, or it hung up."""

    status = 69


class StorageError(GamError, OSError):
    """The daemon cannot write or read its storage."""

    status = 74


class BusyError(GamError):
    """Try later: the daemon is busy, stopping, or out of space."""

    status = 75


class ProtocolError(GamError):
    """One side does not speak the protocol."""

    status = 76


class PermissionDeniedError(GamError, PermissionError):
    """The daemon does not let this user do it."""

    status = 77


class ConfigurationError(GamError):
    """The daemon is not configured for it, for example a plugin is missing."""

    status = 78


class CancelledError(GamError):
    """The request was cancelled."""

    status = 130


_BY_STATUS: dict[int, type[GamError]] = {
    kind.status: kind
    for kind in (
        NotFoundError,
        IntegrityError,
        PartialError,
        UsageError,
        BadInputError,
        UnreachableError,
        StorageError,
        BusyError,
        ProtocolError,
        PermissionDeniedError,
        ConfigurationError,
        CancelledError,
    )
}
_BY_STATUS[73] = StorageError


def error_for_status(status: int, text: str, key: str) -> GamError:
    """The exception for a reply that is not ok."""
    kind = _BY_STATUS.get(status, GamError)
    message = text or f"the daemon answered status {status} without a text"
    return kind(message, status=status, key=key)
