"""What the client's tests share: a daemon in memory that answers as the protocol says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from reference_daemon import reference_daemon

from gamd import Client


@pytest.fixture(scope="session")
def socket() -> Iterator[str]:
    with reference_daemon() as path:
        yield path


@pytest.fixture
def client(socket: str) -> Iterator[Client]:
    with Client(socket, timeout=30) as connection:
        yield connection
