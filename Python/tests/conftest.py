"""What the client's tests share: a daemon in memory that answers as the protocol says.

With GAMD_TEST_SOCKET the same tests run against the daemon that listens there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from reference_daemon import reference_daemon

from gamd import Client


@pytest.fixture(scope="session")
def socket() -> Iterator[str]:
    if real := os.environ.get("GAMD_TEST_SOCKET"):
        yield real
        return
    with reference_daemon() as path:
        yield path


@pytest.fixture
def client(socket: str) -> Iterator[Client]:
    with Client(socket, timeout=30) as connection:
        yield connection
