"""Replace, delete, list, restart, exit codes: how signals come and go.

What always holds here:
- Exit codes are those of docs/protocol.md, asked of the real gamctl.
- Every daemon started here is this file's own, or left as it was found.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from gamd_process import EXAMPLES, Daemon, gamctl
from readers import bits_equal

from gamd import AlreadyExistsError, BadInputError, Client, NotFoundError, UsageError

MEBIBYTE = 1 << 20


def test_replace_is_whole_and_counted(client: Client) -> None:
    first = np.arange(500, dtype=np.uint16).reshape(20, 25)
    second = np.zeros((3, 4), np.float32)
    generation = client.put("replaced", first).generation
    assert client.put("replaced", second).generation != generation
    assert bits_equal(client["replaced"][...], second)
    with pytest.raises(AlreadyExistsError):
        client.put("replaced", first, must_not_exist=True)
    assert bits_equal(client["replaced"][...], second)


def test_readers_see_the_old_or_the_new_never_a_mix(daemon: Daemon) -> None:
    versions = [np.full((300, 300), value, np.uint8) for value in range(6)]
    stop = threading.Event()
    mixed: list[str] = []

    def read() -> None:
        with daemon.client() as reader:
            while not stop.is_set():
                values = np.unique(reader["swapped"][...])
                if len(values) != 1:
                    mixed.append(f"a read returned the values {values}")

    with daemon.client() as writer:
        writer.put("swapped", versions[0])
        readers = [threading.Thread(target=read) for _ in range(3)]
        for thread in readers:
            thread.start()
        try:
            for number in range(40):
                writer.put("swapped", versions[number % len(versions)])
        finally:
            stop.set()
            for thread in readers:
                thread.join()
    assert not mixed, mixed


def test_delete_forgets_and_list_pages(client: Client) -> None:
    keys = [f"list/{number:03d}" for number in range(150)]
    for key in keys:
        client.put(key, np.zeros(3, np.uint8))
    assert [stat.key for stat in client.ls("list/")] == keys
    assert [stat.key for stat in client.ls("list/14")] == keys[140:]
    for key in keys:
        client.delete(key)
    assert list(client.ls("list/")) == []
    with pytest.raises(NotFoundError):
        client.delete(keys[0])
    with pytest.raises(NotFoundError):
        client[keys[0]]


@pytest.mark.parametrize(
    "key", ["a", "ä/ü/日本", "../../etc/passwd", "/", "x" * 512, "a b\n", "-"]
)
def test_keys_are_only_names(client: Client, key: str) -> None:
    array = np.arange(7, dtype=np.int8)
    client.put(key, array)
    assert bits_equal(client[key][...], array)
    assert key in [stat.key for stat in client.ls()]
    client.delete(key)


@pytest.mark.parametrize("key", ["", "x" * 513, "a\0b", "ä" * 257])
def test_impossible_keys_are_refused(client: Client, key: str) -> None:
    with pytest.raises(UsageError):
        client.put(key, np.zeros(3, np.uint8))
    with pytest.raises(UsageError):
        client.stat(key)


def test_exit_codes(daemon: Daemon, tmp_path: Path) -> None:
    junk = tmp_path / "junk.png"
    junk.write_bytes(b"\x89PNG\r\n\x1a\n" + b"no chunks here" * 9)
    photo, back = EXAMPLES / "photo.png", tmp_path / "back"
    assert daemon.gamctl("put", "codes", photo).returncode == 0
    expected = [
        (0, ["ls"]),
        (0, ["stat", "codes", "--energy"]),
        (0, ["verify", "codes"]),
        (0, ["verify", "--all"]),
        (0, ["plugin", "list"]),
        (0, ["read", "codes", "--region", "0:5,-7:", "--level", "1", "-o", back]),
        (3, ["get", "absent", "-o", back]),
        (3, ["stat", "absent"]),
        (3, ["rm", "absent"]),
        (3, ["read", "absent", "-o", back]),
        (64, ["frobnicate"]),
        (64, ["put", "onlykey"]),
        (0, ["read", "codes", "--region", "490:,0:9999999", "-o", back]),
        (64, ["read", "codes", "--region", "0:5,7:3", "-o", back]),
        (64, ["read", "codes", "--region", "0:5,0:5,0:5", "-o", back]),
        (64, ["read", "codes", "--region", "zero:five", "-o", back]),
        (64, ["read", "codes", "--level", "99", "-o", back]),
        (65, ["put", "junk", junk]),
        (73, ["get", "codes", "-o", tmp_path / "no" / "such" / "folder" / "x"]),
        (0, ["rm", "codes"]),
        (3, ["verify", "codes"]),
    ]
    for code, arguments in expected:
        done = daemon.gamctl(*arguments)
        assert done.returncode == code, (arguments, done.returncode, done.stderr.decode())
        assert code == 0 or done.stderr.strip(), f"{arguments} failed without a word"
    assert gamctl("ls", "--socket", tmp_path / "nobody.sock").returncode == 69


def test_a_failed_get_leaves_no_file(daemon: Daemon, tmp_path: Path) -> None:
    assert daemon.gamctl("get", "absent", "-o", tmp_path / "out.png").returncode == 3
    assert list(tmp_path.iterdir()) == []


def test_json_says_what_a_script_needs(daemon: Daemon) -> None:
    assert daemon.gamctl("put", "json", EXAMPLES / "elevation.png").returncode == 0
    stat = daemon.gamctl_json("stat", "json", "--energy")
    assert stat["key"] == "json" and stat["kind"] == "image"
    assert stat["shape"] == [445, 318] and stat["dtype"] == "uint16" and stat["channels"] == 1
    assert stat["rawBytes"] == 445 * 318 * 2 > stat["storedBytes"] > 0
    for name in ("contentHash", "order", "networkSize", "prior", "effort", "energyRounds"):
        assert name in stat, name
    listed = daemon.gamctl_json("ls", "json")
    assert "json" in str(listed)
    plugins = str(daemon.gamctl_json("plugin", "list"))
    assert all(name in plugins for name in ("image", "audio", "array"))


def test_a_restart_finds_every_signal_again(own_daemon: Daemon) -> None:
    arrays = {f"kept/{n}": np.arange(n * 100, dtype=np.int32) for n in range(1, 8)}
    with own_daemon.client() as client:
        for key, array in arrays.items():
            client.put(key, array)
        client.put_file("kept/photo", EXAMPLES / "photo.png")
        picture = client["kept/photo"][...]
    assert own_daemon.stop() == 0
    own_daemon.start()
    with own_daemon.client() as client:
        assert sorted(s.key for s in client.ls()) == sorted([*arrays, "kept/photo"])
        for key, array in arrays.items():
            assert bits_equal(client[key][...], array)
        assert bits_equal(client["kept/photo"][...], picture)


@pytest.mark.parametrize("how", ["replaced", "deleted", "deleted before a restart"])
def test_signals_that_go_give_their_room_back(tmp_path: Path, how: str) -> None:
    """Noise cannot shrink, so what was written must go: 4 of 128 MiB stay. The log may have 64 MiB
    before it is emptied, two write buffers 32 MiB; 16 to 35 MiB were seen."""
    generator = np.random.default_rng(3)
    written = 0
    with Daemon(tmp_path / "daemon", config="[refit]\nidle_seconds = 1\n") as daemon:
        with daemon.client() as client:
            for number in range(32):
                key = "room" if how == "replaced" else f"room/{number}"
                noise = np.frombuffer(generator.bytes(4 * MEBIBYTE), np.uint8).reshape(2048, 2048)
                written += client.put(key, noise, size="S").stored_bytes
            for number in range(31 if how != "replaced" else 0):
                client.delete(f"room/{number}")
        assert written > 125 * MEBIBYTE
        if how == "deleted before a restart":
            assert daemon.stop() == 0
            daemon.start()
        deadline = time.monotonic() + 30
        while state_bytes(daemon) > 64 * MEBIBYTE and time.monotonic() < deadline:
            time.sleep(0.2)
        assert state_bytes(daemon) <= 64 * MEBIBYTE, f"of {written} bytes that went"
        with daemon.client() as client:
            (last,) = [stat.key for stat in client.ls()]
            assert bits_equal(client[last][...], noise)


def state_bytes(daemon: Daemon) -> int:
    total = 0
    for path in daemon.state.rglob("*"):
        try:
            total += path.stat().st_blocks * 512 if path.is_file() else 0
        except FileNotFoundError:
            continue  # the store removed it meanwhile
    return total


def test_parallel_clients_do_not_mix_their_signals(daemon: Daemon) -> None:
    faults: list[str] = []

    def work(number: int) -> None:
        with daemon.client() as client:
            for step in range(8):
                array = np.full((60 + step, 50 + number), number * 16 + step, np.uint8)
                key = f"parallel/{number}/{step}"
                client.put(key, array)
                if not bits_equal(client[key][...], array):
                    faults.append(key)
                client.delete(key)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_a_refused_replacement_keeps_the_old_signal(client: Client) -> None:
    array = np.arange(30, dtype=np.uint8)
    client.put("kept", array)
    with pytest.raises(BadInputError):
        client.put_bytes("kept", b"\x89PNG\r\n\x1a\nbroken", file_name="a.png")
    assert bits_equal(client["kept"][...], array)
