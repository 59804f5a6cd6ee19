"""Daemons that lie to the C client, by plan and at random.

What always holds here:
- A lie costs one typed error with a text; the handle is closed, the process lives.
- The driver runs under sanitizers; what they find fails a test.
- Random tests print their seed and take it back in GAMD_SEED; GAMD_LONG=1 runs ten times as many.
"""

from __future__ import annotations

import os
import random
import struct
from collections import Counter
from pathlib import Path

import pytest
from c_client import HELLO, Answer, CClient, Peer, described, frame, reply, samples_answer, scripted
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from gamd import gam_pb2 as pb

OK, INTEGRITY, BUSY, PROTOCOL_ERROR, UNSUPPORTED, UNREACHABLE = 0, 3, 11, 14, 15, 21
STATUSES = range(22)
ROUNDS = 100_000 if os.environ.get("GAMD_LONG") else 7_000
SIX = described(6)
STAT = pb.StatResult(
    key="k", kind="array", description=SIX, shard_extents=[6, 7], raw_bytes=6, stored_bytes=300,
    content_hash="0" * 32, order="wave", network_size="S", prior="p", effort=3, shard_count=1,
    generation=5, adapter="a", exactness="file", dtype="uint8", created_unix_ms=1 << 40,
    media_type="image/png", transform="none", file_name="a.é", bits=8, adapter_version="1",
)  # fmt: skip


def described_as(**fields: object) -> bytes:
    """A stat of what cannot be described."""
    return reply(2, stat=pb.StatResult(description=pb.Description(**fields)), last=True)


def part(body: bytes = b"", last: bool = False, **fields: object) -> bytes:
    return reply(2, body, samples=pb.SamplesResult(**fields), last=last)


def page(*keys: str, **fields: object) -> bytes:
    signals = [pb.StatResult(key=key) for key in keys]
    return reply(2, list=pb.ListResult(signals=signals, **fields), last=True)


def header(metadata_bytes: int, body_bytes: int) -> bytes:
    return struct.pack("<8sIIQ", b"GAM1\1\0\0\0", metadata_bytes, 2, body_bytes)


GOOD = reply(2, stat=STAT, last=True)
HUGE = pb.Description(axes=[pb.Axis(extent=1 << 20)] * 2, channels=[0], family=0, bits=8)
OVERFLOWING = pb.Description(axes=[pb.Axis(extent=1 << 32)] * 4, channels=[0], bits=8)
# What is asked, what is answered, and what must come of it where it is not a protocol error.
LIES: dict[str, tuple] = {
    "another magic": ("stat", b"HTTP" + GOOD[4:]),
    "version 2": ("stat", b"GAM1\2" + GOOD[5:]),
    "flags": ("stat", b"GAM1\1\1" + GOOD[6:]),
    "descriptors": ("stat", b"GAM1\1\0\1" + GOOD[7:]),
    "metadata over the cap": ("stat", header((1 << 20) + 1, 0)),
    "metadata of 4 GiB": ("stat", header((1 << 32) - 1, 0)),
    "a body of 2^64 - 1": ("stat", header(0, (1 << 64) - 1)),
    "metadata that is no message": ("stat", frame(2, b"\xff" * 9)),
    "no metadata": ("stat", frame(2, b"")),
    "a number of 65 bits": ("stat", frame(2, b"\x20" + b"\xff" * 9 + b"\x02" + GOOD[24:])),
    "a number of 11 bytes": ("stat", frame(2, b"\x20" + b"\x80" * 10 + b"\0" + GOOD[24:])),
    "a status of 33 bits": ("stat", frame(2, b"\x08\x80\x80\x80\x80\x10" + GOOD[24:])),
    "field 0": ("stat", frame(2, b"\0\0" + GOOD[24:])),
    "a group": ("stat", frame(2, b"\x7b\x7c" + GOOD[24:])),
    "another id": ("stat", reply(7, stat=STAT, last=True)),
    "another result": ("stat", reply(2, put=pb.PutResult(stat=STAT), last=True)),
    "two results": ("stat", frame(2, GOOD[24:] * 2)),
    "a body of a stat": ("stat", reply(2, b"x", stat=STAT, last=True)),
    "a stat without an end": ("stat", reply(2, stat=STAT)),
    "five axes": ("stat", described_as(axes=[pb.Axis(extent=1)] * 5)),
    "65 channels": ("stat", described_as(channels=[0] * 65)),
    "a unit of 17 bytes": ("stat", described_as(axes=[pb.Axis(unit="u" * 17)])),
    "a NUL in a key": ("stat", reply(2, stat=pb.StatResult(key="a\0b"), last=True)),
    "an error that goes on": ("stat", reply(2, status=2)),
    "busy for all": ("stat", reply(0, status=BUSY, text="full", last=True), BUSY),
    "hung up": ("stat", b"", UNREACHABLE),
    "half a header": ("stat", GOOD[:11], UNREACHABLE),
    "half of the metadata": ("stat", GOOD[:50], UNREACHABLE),
    "no shape": ("read", samples_answer(2, [b"abc"], None)),
    "another size": ("read", samples_answer(2, [b"abc"], SIX)),
    "too many bytes": ("read", part(b"x" * 7, description=SIX, total_bytes=6)),
    "too few bytes": ("read", part(b"x" * 5, True, description=SIX, total_bytes=6)),
    "2^62 bytes": ("read", part(description=SIX, total_bytes=1 << 62)),
    "extents that overflow": ("read", part(description=OVERFLOWING)),
    "a TiB and no byte": ("read", part(description=HUGE, total_bytes=1 << 40), UNREACHABLE),
    "empty parts": ("read", part(description=SIX, total_bytes=6) + part() * 9),
    "another region": ("region", samples_answer(2, [b"abcdef"], SIX)),
    "an error half way": (
        "read",
        part(b"x", description=SIX, total_bytes=6) + reply(2, status=3, text="shard", last=True),
        INTEGRITY,
    ),
    "a put before its end": ("put", reply(2, put=pb.PutResult(stat=STAT), last=True)),
    "keys out of order": ("list", page("b", "a")),
    "a key twice": ("list", page("k", "k")),
    "a key of another prefix": ("list", page("z")),
    "no key": ("list", page("")),
    "an empty page": ("list", page(cursor="k")),
    "a cursor of 4 KiB": ("list", page("k", cursor="k" * 4096)),
}


def ask(client: CClient, operation: str, count: int = 9) -> Answer:
    if operation == "stat":
        return client.call("stat", "k")
    if operation == "list":
        return client.call("list", "k", 1 << 30)
    if operation == "put":
        return client.put("k", bytes(count), described(count))
    if operation == "delete":
        return client.call("delete", "k")
    if operation == "get":
        return client.call("get", "k", "", 1 << 30)
    region = [(1, 2)] if operation == "region" else []
    return client.read("k", region, mode="stream" if operation == "stream" else "alloc")


@pytest.mark.parametrize("lie", sorted(LIES))
def test_a_lie_is_one_typed_error(c_client: CClient, tmp_path: Path, lie: str) -> None:
    operation, answer, *status = LIES[lie]

    def script(peer: Peer) -> None:
        peer.blurt(HELLO + answer)

    with scripted(tmp_path, script) as path:
        assert c_client.open(path).status == OK
        told = ask(c_client, operation, 3_000_000)
        c_client.leave()
    assert told.status == (status or [PROTOCOL_ERROR])[0], told
    assert told["error"]
    assert told.is_open == (lie == "an error half way"), told


def test_a_greeting_may_lie_too(c_client: CClient, tmp_path: Path, rng: random.Random) -> None:
    greetings = {
        b"": UNREACHABLE,
        HELLO[:30]: UNREACHABLE,
        rng.randbytes(100): PROTOCOL_ERROR,
        reply(1, last=True): PROTOCOL_ERROR,
        reply(1, hello=pb.HelloResult(protocol=2), last=True): UNSUPPORTED,
        reply(0, status=BUSY, text="full", last=True): BUSY,
    }
    scripts = [lambda peer, data=data: peer.blurt(data) for data in greetings]
    with scripted(tmp_path, *scripts) as path:
        for status in greetings.values():
            assert c_client.open(path).status == status


# Random lies

SKIPPED = {"Reply": [3, *range(15, 26)], "StatResult": [12]}

PARTS = [b"abc" * 90, b"defg" * 60, b"h" * 30]
HONEST: dict[str, list[bytes]] = {
    "stat": [GOOD],
    "delete": [reply(2, last=True)],
    "put": [reply(2, put=pb.PutResult(stat=STAT), last=True)],
    "read": [samples_answer(2, PARTS, described(540))],
    "stream": [samples_answer(2, PARTS, described(540))],
    "get": [samples_answer(2, PARTS, None)],
    "list": [page("k1", "k2", "k3", cursor="k3"), reply(3, list=pb.ListResult(), last=True)],
}


def damaged(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice([0, 1, 1, 1, 2, 4, 9])):
        at = rng.randrange(len(out) + 1)
        kind = rng.randrange(7)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(out):
            out[at] = rng.randrange(256)
        elif kind == 2:
            out[at : at + rng.randint(1, 8)] = rng.choice([b"\xff", b"\0", b"\x7f"]) * 4
        elif kind == 3:
            del out[at : at + rng.randint(1, 30)]
        elif kind == 4:
            out[at:at] = rng.randbytes(rng.randint(1, 30))
        elif kind == 5:
            out[at:at] = out[rng.randrange(len(out) + 1) :][: rng.randint(1, 60)]
        elif rng.random() < 0.3:
            del out[at:]
    return bytes(out)


def reframed(rng: random.Random, data: bytes) -> bytes:
    """The frames of `data` with damaged metadata, their headers made right again."""
    frames = b""
    while data:
        _, metadata_bytes, request_id, body_bytes = struct.unpack("<8sIIQ", data[:24])
        end = 24 + metadata_bytes
        frames += frame(request_id, damaged(rng, data[24:end]), data[end : end + body_bytes])
        data = data[end + body_bytes :]
    return frames


def test_random_lies_harm_nobody(c_client: CClient, tmp_path: Path, rng: random.Random) -> None:
    plans = []
    for number in range(ROUNDS):
        operation = sorted(HONEST)[number % len(HONEST)]
        answer = b"".join(HONEST[operation])
        lie = rng.choice([damaged, reframed])(rng, answer)
        plans.append((operation, (damaged(rng, HELLO) if rng.random() < 0.05 else HELLO) + lie))
    seen: Counter[int] = Counter()
    scripts = [lambda peer, data=data: peer.blurt(data) for _, data in plans]
    with scripted(tmp_path, *scripts) as path:
        for operation, _ in plans:
            told = c_client.open(path, timeout=10_000)
            if told.status == OK:
                told = ask(c_client, operation)
            seen[told.status] += 1
        c_client.leave()
    print("statuses:", dict(seen))
    assert set(seen) <= set(STATUSES) and min(seen[OK], seen[PROTOCOL_ERROR]) > ROUNDS // 20


def subset() -> type:
    """Reply of a gam.proto that has only the fields the C client reads."""
    file = descriptor_pb2.FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(file)
    for message in file.message_type:
        for number in SKIPPED.get(message.name, ()):
            (field,) = [field for field in message.field if field.number == number]
            message.field.remove(field)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("gam.v1.Reply"))


def test_what_it_understands_is_what_protobuf_understands(
    c_client: CClient, tmp_path: Path, rng: random.Random
) -> None:
    """It may refuse more (see gamd.c), never read a message differently."""
    metadata = [damaged(rng, GOOD[24:]) for _ in range(ROUNDS // 2)]
    scripts = [lambda peer, data=data: peer.blurt(HELLO + frame(2, data)) for data in metadata]
    reply_type, understood = subset(), 0
    with scripted(tmp_path, *scripts) as path:
        for data in metadata:
            c_client.open(path)
            told = ask(c_client, "stat")
            try:
                expected = reply_type.FromString(data)
            except DecodeError:
                assert told.status != OK, data.hex()
                continue
            if told.status != OK:
                continue
            understood += 1
            compare(told, expected.stat)
        c_client.leave()
    assert understood > len(metadata) // 10


def compare(told: Answer, expected: pb.StatResult) -> None:
    for name in ["key", "kind", "content_hash", "media_type", "file_name", "quarantine", "prior"]:
        assert told[name] == getattr(expected, name), name
    for name in ["raw_bytes", "stored_bytes", "effort", "generation", "created_unix_ms", "bits"]:
        assert int(told[name]) == getattr(expected, name), name
    assert [int(n) for n in told.all("shard_extent")] == list(expected.shard_extents)
    # As bytes, so that a spacing that is no number equals itself.
    expected.DiscardUnknownFields()
    assert told.description.SerializeToString() == expected.description.SerializeToString()
