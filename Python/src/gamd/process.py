"""A client for whatever process asks, made when it first asks.

What always holds here:
- It can be pickled and it survives fork: only the socket's path goes along, never a connection.
- One process has one connection of it, which its threads share.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from .client import Client
from .wire import default_socket


class ProcessClient:
    """Where a daemon is, and a Client for the process that asks."""

    def __init__(
        self,
        socket: str | os.PathLike[str] | None = None,
        timeout: float | None = None,
        priority: str = "normal",
    ) -> None:
        self.path = os.fspath(socket) if socket is not None else default_socket()
        self.timeout = timeout
        self.priority = priority
        self._client: Client | None = None
        self._forget()

    def get(self) -> Client:
        """This process' Client; connects the first time, and where a connection has ended."""
        if self._process != os.getpid():
            self._forget()  # a lock that a thread of the parent held stays held in a child
        with self._lock:
            if self._client is None or not self._client.is_open:
                self._client = Client(self.path, self.timeout).options(priority=self.priority)
            return self._client

    def close(self) -> None:
        """Closes this process' connection, if there is one."""
        if self._process == os.getpid():
            with self._lock:
                client, self._client = self._client, None
            if client is not None:
                client.close()

    def _forget(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._client = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProcessClient) and self._place == other._place

    def __hash__(self) -> int:
        return hash(self._place)

    @property
    def _place(self) -> tuple[str, float | None, str]:
        return self.path, self.timeout, self.priority

    def __getstate__(self) -> tuple[Any, ...]:
        return self._place

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.path, self.timeout, self.priority = state
        self._forget()
