"""Signals as files of fsspec."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")

from gamd import Client  # noqa: E402
from gamd.fsspec import GamdFileSystem  # noqa: E402

fsspec.register_implementation("gamd", GamdFileSystem, clobber=True)


@pytest.fixture
def files(socket: str) -> GamdFileSystem:
    system = fsspec.filesystem("gamd", socket=socket)
    for path in system.find(""):
        system.rm(path)
    return system


def test_bytes_are_written_read_and_removed(files: GamdFileSystem) -> None:
    for data in (b"", b"hello", bytes(range(256)) * 999):
        files.pipe("texts/a.txt", data)
        assert files.cat("texts/a.txt") == data
        assert files.info("gamd://texts/a.txt")["size"] == len(data)
    with files.open("texts/b.txt", "wb") as out:
        out.write(b"one ")
        out.write(b"two")
    with files.open("texts/b.txt") as file:
        assert file.read(4) == b"one " and file.seek(1) == 1 and file.read() == b"ne two"
    assert files.cat_file("texts/b.txt", 4) == b"two"
    assert files.cat_file("texts/b.txt", -3, -1) == b"tw"
    assert files.cat_file("texts/b.txt", 2, 99) == b"e two"
    assert files.cat_file("texts/b.txt", 5, 5) == b""
    files.rm("texts/b.txt")
    assert not files.exists("texts/b.txt")
    with pytest.raises(FileNotFoundError):
        files.cat_file("texts/b.txt")
    with pytest.raises(FileNotFoundError):
        files.rm_file("texts/b.txt")


def test_a_range_is_all_that_is_read(files: GamdFileSystem, monkeypatch) -> None:
    files.pipe("long", bytes(100_000))
    read, asked = files.client.read, []
    monkeypatch.setattr(
        files.client, "read", lambda key, region: (asked.append(region), read(key, region))[1]
    )
    assert files.cat_file("long", 500, 700) == bytes(200)
    assert asked == [[(500, 700)]]


def test_a_long_file_is_read_in_blocks(files: GamdFileSystem, monkeypatch) -> None:
    data = bytes(range(256)) * (5 << 12)
    files.pipe("long", data)
    read, asked = files.client.read, []
    monkeypatch.setattr(
        files.client, "read", lambda key, region: (asked.append(region), read(key, region))[1]
    )
    with files.open("long", block_size=1 << 16) as file:
        assert file.seek(3_000_000) and file.read(10) == data[3_000_000:3_000_010]
        assert file.seek(-5, 2) and file.read() == data[-5:]
    assert all(stop - start <= 1 << 18 for [(start, stop)] in asked), asked


def test_folders_are_what_keys_say(files: GamdFileSystem) -> None:
    for path in ("a/b/1", "a/b/2", "a/c", "d"):
        files.pipe(path, b"x")
    assert sorted(files.ls("", detail=False)) == ["a", "d"]
    assert sorted(files.ls("a", detail=False)) == ["a/b", "a/c"]
    assert files.ls("a/c", detail=False) == ["a/c"]
    assert files.find("a") == ["a/b/1", "a/b/2", "a/c"] and files.glob("a/*/1") == ["a/b/1"]
    assert files.isdir("a/b") and not files.isfile("a/b") and files.isfile("d")
    with pytest.raises(FileNotFoundError):
        files.ls("nothing")
    files.rm("a", recursive=True)
    assert files.ls("", detail=False) == ["d"]


def test_a_write_that_fails_stores_nothing(files: GamdFileSystem) -> None:
    with pytest.raises(RuntimeError):
        with files.open("half", "wb") as out:
            out.write(b"half")
            raise RuntimeError
    assert not files.exists("half")
    files.pipe("there", b"1")
    with pytest.raises(Exception, match="exists"):
        with files.open("there", "xb") as out:
            out.write(b"2")
    with pytest.raises(ValueError, match="mode"):
        files.open("there", "ab")


def test_urls_open_anywhere(socket: str, files: GamdFileSystem, client: Client) -> None:
    files.pipe("a/b", b"some text")
    with fsspec.open("gamd://a/b", "rt", socket=socket) as file:
        assert file.read() == "some text"
    assert pickle.loads(pickle.dumps(files)).cat("a/b") == b"some text"
    client["array"] = np.zeros((3, 4), np.float32)
    assert files.info("array")["size"] is None, "its file is made when it is read"
