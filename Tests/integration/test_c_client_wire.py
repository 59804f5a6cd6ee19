"""The C client's side of the wire: the documented bytes, hashes of every length, time-outs.

What always holds here:
- The daemon is scripted, so that every byte of both directions is known to the test.
- The driver runs under sanitizers; what they find fails a test.
"""

from __future__ import annotations

import random
import re
import socket
import time
from pathlib import Path
from typing import Callable

import pytest
from c_client import HELLO, CClient, Peer, described, frame, reply, samples_answer, scripted
from gamd_process import ROOT
from xxhash import xxh3_128

from gamd import gam_pb2 as pb

OK, NOT_FOUND, INTEGRITY, PARTIAL, TIMED_OUT = 0, 2, 3, 4, 13


# What it says


def documented_session() -> list[tuple[str, bytes]]:
    """The frames of docs/protocol.md: who sends, and the bytes."""
    text = (ROOT / "docs" / "protocol.md").read_text()
    listing = re.search(r"^## A session in hex.*?^```\n(.*?)^```", text, re.M | re.S)
    assert listing
    frames = re.split(r"^(?=[CS]  )", listing[1], flags=re.M)[1:]
    octet = re.compile(r"\b[0-9a-f]{2}\b")
    bodies = [part.split("\n", 1) for part in frames]
    hexes = [re.sub(r"^   (header|metadata|body)", "", lines, flags=re.M) for _, lines in bodies]
    return [(part[0], bytes.fromhex("".join(octet.findall(h)))) for part, h in zip(frames, hexes)]


def test_it_sends_the_documented_bytes(c_client: CClient, tmp_path: Path) -> None:
    """All but its own name in Hello, and the hash that the document's put does without."""
    session = documented_session()
    assert [who for who, _ in session] == list("CSCCCCSCSCS")
    heard: list[bytes] = []

    def script(peer: Peer) -> None:
        for index, (who, data) in enumerate(session):
            if who == "C":
                heard.append(peer.receive())
            else:
                peer.send(data)
            if index == 4:
                peer.send(reply(2, put=pb.PutResult(stat=pb.StatResult(key="a")), last=True))

    samples = bytes([10, 11, 12, 20, 21, 22])
    axes = [pb.Axis(extent=2), pb.Axis(extent=3)]
    with scripted(tmp_path, script) as path:
        assert c_client.open(path)["server"] == "gamd 0.1.0"
        put = c_client.put("a", samples, pb.Description(axes=axes, channels=[0], bits=8))
        assert put["key"] == "a"
        assert c_client.read("a", [(1, 2), (0, 3)]).array.tolist() == [[20, 21, 22]]
        assert c_client.call("delete", "a").status == OK
        assert "not in the store" in c_client.call("stat", "a")["error"]
        c_client.leave()
    sent = [data for who, data in session if who == "C"]
    assert heard[1:3] + heard[4:] == sent[1:3] + sent[4:]
    assert heard[0] == sent[0].replace(b"\x07\x0a\x03doc", b"\x0a\x0a\x06gamd-c").replace(
        b"\x09\0\0\0\x01", b"\x0c\0\0\0\x01"
    )
    digest = xxh3_128(samples).intdigest()
    low, high = digest & (1 << 64) - 1, digest >> 64
    commit = pb.PutCommit(body_hash_low=low, body_hash_high=high, has_hash=True)
    assert heard[3] == frame(2, pb.Request(put_commit=commit).SerializeToString())


SIZES = [*range(1, 520), 1023, 1024, 1025, 1088, 4096, 65_537, 1 << 20, (1 << 20) + 1, 2_500_000]


def test_puts_carry_the_xxh3_of_their_bytes(
    c_client: CClient, tmp_path: Path, rng: random.Random
) -> None:
    bodies = [rng.randbytes(size) for size in SIZES]

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(HELLO)
        for body in bodies:
            got = bytearray()
            while True:
                request_id, request, piece = peer.request()
                got += piece
                if request.HasField("put_commit"):
                    break
            commit = request.put_commit
            digest = commit.body_hash_high << 64 | commit.body_hash_low
            assert commit.has_hash and digest == xxh3_128(body).intdigest(), len(body)
            assert got == body
            peer.send(reply(request_id, put=pb.PutResult(), last=True))

    with scripted(tmp_path, script) as path:
        c_client.open(path)
        for body in bodies:
            assert c_client.put("k", body, described(len(body))).status == OK


def test_answers_are_checked_in_whatever_pieces_they_come(
    c_client: CClient, tmp_path: Path, rng: random.Random
) -> None:
    sizes = [*rng.sample(range(1, 520), 120), 4097, 65_536, 300_000, 2_000_000]

    def pieces(body: bytes) -> list[bytes]:
        count = min(len(body), rng.randint(1, 9))
        cuts = sorted(rng.sample(range(1, len(body)), count - 1))
        return [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)])]

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(HELLO)
        for size in sizes:
            for spoiled in [False, True]:
                request_id, _, _ = peer.request()
                parts = pieces(rng.randbytes(size))
                answer = bytearray(samples_answer(request_id, parts, described(size)))
                if spoiled:
                    answer[-1] ^= 1
                at = 0
                while at < len(answer):
                    step = rng.choice([1, 7, 24, 1000]) if at < 2000 else 1 << 20
                    peer.send(answer[at : at + step])
                    at += step

    with scripted(tmp_path, script) as path:
        c_client.open(path)
        for size in sizes:
            mode = rng.choice(["alloc", "stream", "buffer"])
            assert len(c_client.read("k", mode=mode, limit=size).payload) == size
            spoiled = c_client.read("k", mode=mode, limit=size)
            assert (spoiled.status, spoiled.is_open) == (INTEGRITY, True), size


def test_it_looks_where_other_clients_look(c_driver: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gamd"
    folder.mkdir()
    with scripted(folder, lambda peer: peer.blurt(HELLO), lambda peer: peer.blurt(HELLO)) as path:
        path.rename(folder / "gamd.sock")
        with CClient(c_driver, GAMD_SOCKET=str(folder / "gamd.sock")) as client:
            assert client.open("").status == OK
        with CClient(c_driver, XDG_RUNTIME_DIR=str(tmp_path)) as client:
            installed = Path("/run/gamd/gamd.sock").exists()
            assert client.open(folder / "gamd.sock" if installed else "").status == OK


def test_damaged_entries_are_listed_by_their_key(c_client: CClient, tmp_path: Path) -> None:
    sound = pb.StatResult(key="k2", description=described(6))
    pages = [
        pb.ListResult(signals=[pb.StatResult(key="k1"), sound], cursor="k2"),
        pb.ListResult(signals=[pb.StatResult(key="k3")]),
    ]

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(HELLO)
        for number, result in enumerate(pages):
            request_id, request, _ = peer.request()
            assert request.list == pb.List(prefix="k", cursor="k2" * number)
            text = f"page {number}"
            peer.send(reply(request_id, list=result, status=PARTIAL, text=text, last=True))

    with scripted(tmp_path, script) as path:
        c_client.open(path)
        told = c_client.call("list", "k", 9)
    assert (told.status, told.is_open, told["error"]) == (PARTIAL, True, "page 0")
    assert told.all("key") == ["k1", "k2", "k3"] and told.all("axis") == ["6:0:0x0p+0:"]


def test_long_words_are_cut_between_letters(c_client: CClient, tmp_path: Path) -> None:
    texts = ["x" * shift + letter * 1100 for letter in "xé€😀" for shift in range(5)]
    refusals = b"".join(
        reply(number, status=NOT_FOUND, text=text, last=True)
        for number, text in enumerate(texts, 2)
    )
    with scripted(tmp_path, lambda peer: peer.blurt(HELLO + refusals)) as path:
        c_client.open(path)
        for text in texts:
            told = c_client.call("stat", "k")["error"]
            assert text.startswith(told) and 1019 <= len(told.encode()) <= 1023
        c_client.leave()


def test_a_file_may_be_empty(c_client: CClient, tmp_path: Path) -> None:
    answer = samples_answer(2, [b""], None)
    with scripted(tmp_path, lambda peer: peer.blurt(HELLO + answer)) as path:
        c_client.open(path)
        told = c_client.call("get", "k", "", 9)
        assert (told.status, told.payload) == (OK, b"")
        c_client.leave()


# Time


def wait(peer: Peer) -> None:
    peer.stream.recv(1 << 20)
    while peer.stream.recv(1 << 20):
        pass


def greet_and(then: Callable[[Peer], None]) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(HELLO)
        then(peer)

    return script


def part(peer: Peer) -> None:
    peer.receive()
    peer.send(samples_answer(2, [b"abc", b"def"], described(6))[:-2])
    wait(peer)


def deaf(peer: Peer) -> None:
    time.sleep(1)


@pytest.mark.parametrize("then", [wait, part, deaf], ids=["silent", "half way", "deaf"])
def test_a_silent_daemon_times_out(c_client: CClient, tmp_path: Path, then: Callable) -> None:
    with scripted(tmp_path, greet_and(then)) as path:
        assert c_client.open(path, timeout=400).status == OK
        start = time.monotonic()
        if then is deaf:
            answer = c_client.put("k", bytes(4_000_000), described(4_000_000))
        else:
            answer = c_client.read("k")
        assert (answer.status, answer.is_open) == (TIMED_OUT, False), answer
        assert 0.35 < time.monotonic() - start < 4
        c_client.leave()


def silent(peer: Peer) -> None:
    _, request, _ = peer.request()
    assert 0 < request.deadline_ms <= 100
    wait(peer)


def drip(peer: Peer) -> None:
    request_id, _, _ = peer.request()
    for byte in samples_answer(request_id, [bytes(5000)], described(5000)):
        peer.send(bytes([byte]))
        time.sleep(0.02)


@pytest.mark.parametrize("then", [silent, drip])
def test_a_deadline_ends_every_answer(c_client: CClient, tmp_path: Path, then: Callable) -> None:
    with scripted(tmp_path, greet_and(then)) as path:
        assert c_client.open(path, timeout=0, deadline=100).status == OK
        start = time.monotonic()
        answer = c_client.read("k")
        assert (answer.status, answer.is_open) == (TIMED_OUT, False)
        assert 2 < time.monotonic() - start < 5
        c_client.leave()


def test_a_full_queue_of_connections_times_out(c_client: CClient, tmp_path: Path) -> None:
    path = tmp_path / "full.sock"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(str(path))
        listener.listen(0)
        first.connect(str(path))
        answer = c_client.open(path, timeout=150)
        assert (answer.status, answer.is_open) == (TIMED_OUT, False)
