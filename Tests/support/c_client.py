"""Builds the C client and drives it; plays the daemon for it where the real one behaves too well.

What always holds here:
- The driver ends with 0, or the test fails: that is how a sanitizer's report is seen.
- A scripted daemon knows frames from docs/protocol.md alone, and serves one connection at a time.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import struct
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, Sequence

import numpy as np
from gamd_process import ROOT
from xxhash import xxh3_128

from gamd import gam_pb2 as pb
from gamd.samples import dtype_of, shape_of

SOURCE = ROOT / "C" / "gamd.c"
DRIVER = ROOT / "Tests" / "support" / "c_client_driver.c"
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", f"-I{ROOT / 'C'}"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"]
HEADER = struct.Struct("<4sBBHIIQ")
EVERYTHING = 1 << 40
UNREACHABLE = 21


def compile_c(output: Path, *arguments: str | Path, compiler: str = "cc") -> Path:
    done = subprocess.run(
        [compiler, *FLAGS, *map(str, arguments), "-o", str(output)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return output


def build_driver(folder: Path) -> Path:
    """The driver, with the sanitizers for addresses and undefined behaviour where there are any."""
    probe = folder / "probe.c"
    probe.write_text("int main(void) { return 0; }\n")
    command = ["cc", *SANITIZERS, str(probe), "-o", str(folder / "probe")]
    has_them = subprocess.run(command, capture_output=True).returncode == 0
    if not has_them:
        print("the C client is tested without sanitizers: this compiler has none")
    options = SANITIZERS if has_them else []
    return compile_c(folder / "driver", "-O1", *options, SOURCE, DRIVER)


@dataclass(frozen=True)
class Answer:
    status: int
    is_open: bool
    info: list[tuple[str, str]]
    payload: bytes

    def __getitem__(self, name: str) -> str:
        return self.all(name)[0]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.info if key == name]

    @property
    def description(self) -> pb.Description:
        axes = [axis.split(":", 3) for axis in self.all("axis")]
        return pb.Description(
            axes=[
                pb.Axis(extent=int(e), kind=int(k), spacing=float.fromhex(s), unit=u)
                for e, k, s, u in axes
            ],
            channels=[int(channel) for channel in self.all("channel")],
            family=int(self["family"]),
            bits=int(self["depth"]),
        )

    @property
    def array(self) -> np.ndarray:
        assert self.status == 0, self
        described = self.description
        return np.frombuffer(self.payload, dtype_of(described)).reshape(shape_of(described))


class CClient:
    """A process of the driver; one handle at a time."""

    def __init__(self, driver: Path, **environment: str) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [driver], stdin=pipe, stdout=pipe, stderr=pipe, env=environment or None
        )

    def __enter__(self) -> CClient:
        return self

    def __exit__(self, *_: object) -> None:
        _, said = self._process.communicate(timeout=30)
        assert self._process.returncode == 0, said.decode(errors="replace")

    def call(self, *words: object, body: bytes = b"") -> Answer:
        sent, received = self._process.stdin, self._process.stdout
        assert sent is not None and received is not None
        line = "\t".join(map(str, words)).encode("utf-8", "surrogateescape")
        with contextlib.suppress(BrokenPipeError):
            sent.write(line + b"\n" + body)
            sent.flush()
        head = received.readline().split()
        if len(head) != 4:
            _, said = self._process.communicate(timeout=30)
            raise AssertionError(f"{words}: the driver ended:\n{said.decode(errors='replace')}")
        status, is_open, info_bytes, payload_bytes = map(int, head)
        pairs = received.read(info_bytes).decode().split("\0")[:-1]
        info = [(name, value) for name, _, value in (pair.partition("=") for pair in pairs)]
        return Answer(status, bool(is_open), info, received.read(payload_bytes))

    def open(self, path: str | Path, timeout: int = 60_000, deadline: int = 0) -> Answer:
        return self.call("open", path, timeout, deadline)

    def leave(self) -> None:
        """Closes the handle: there is no daemon to open the next one on."""
        assert self.open("/nonexistent").status == UNREACHABLE

    def read(
        self,
        key: str,
        region: Sequence[tuple[int, int]] = (),
        level: int = 0,
        mode: str = "alloc",
        limit: int = EVERYTHING,
    ) -> Answer:
        box = ",".join(f"{start}:{stop}" for start, stop in region)
        return self.call("read", mode, key, level, box, limit)

    def put(
        self, key: str, body: bytes, described: pb.Description, options: str = "\t0\t\t\t0\t0"
    ) -> Answer:
        axes = ",".join(f"{a.extent}:{a.kind}:{a.spacing!r}:{a.unit}" for a in described.axes)
        channels = ",".join(map(str, described.channels))
        words = (axes, channels, described.family, described.bits)
        return self.call("put", len(body), key, options, *words, body=body)


# The daemon's side


def frame(request_id: int, metadata: bytes, body: bytes = b"") -> bytes:
    return HEADER.pack(b"GAM1", 1, 0, 0, len(metadata), request_id, len(body)) + metadata + body


def reply(request_id: int, body: bytes = b"", **fields: object) -> bytes:
    return frame(request_id, pb.Reply(**fields).SerializeToString(), body)


def described(count: int) -> pb.Description:
    """`count` unsigned bytes in a row."""
    return pb.Description(axes=[pb.Axis(extent=count)], channels=[0], family=0, bits=8)


HELLO = reply(1, hello=pb.HelloResult(server="fake", protocol=1), last=True)


def samples_answer(
    request_id: int, parts: Sequence[bytes], described: pb.Description | None
) -> bytes:
    """All frames of an answer whose bodies are `parts`."""
    total = sum(map(len, parts))
    digest = xxh3_128(b"".join(parts)).intdigest()
    frames = []
    for index, part in enumerate(parts):
        result = pb.SamplesResult(total_bytes=total)
        if index == 0 and described is not None:
            result.description.CopyFrom(described)
        last = index == len(parts) - 1
        if last:
            result.hash_low, result.hash_high = digest & (1 << 64) - 1, digest >> 64
        frames.append(reply(request_id, part, samples=result, last=last))
    return b"".join(frames)


class Peer:
    """The daemon's end of a connection."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream

    def receive(self) -> bytes:
        """The next frame as it is; EOFError when the client has gone."""
        header = self._exactly(HEADER.size)
        *_, metadata_bytes, _, body_bytes = HEADER.unpack(header)
        return header + self._exactly(metadata_bytes + body_bytes)

    def request(self) -> tuple[int, pb.Request, bytes]:
        data = self.receive()
        *_, metadata_bytes, request_id, _ = HEADER.unpack(data[: HEADER.size])
        end = HEADER.size + metadata_bytes
        return request_id, pb.Request.FromString(data[HEADER.size : end]), data[end:]

    def send(self, data: bytes) -> None:
        self.stream.sendall(data)

    def blurt(self, data: bytes) -> None:
        """Sends without having been asked, says no more, and waits for the client to leave."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send(data)
            self.stream.shutdown(socket.SHUT_WR)
            while self.stream.recv(1 << 20):
                pass

    def _exactly(self, count: int) -> bytes:
        pieces = bytearray()
        while len(pieces) < count:
            piece = self.stream.recv(count - len(pieces))
            if not piece:
                raise EOFError
            pieces += piece
        return bytes(pieces)


@contextlib.contextmanager
def scripted(folder: Path, *scripts: Callable[[Peer], None]) -> Iterator[Path]:
    """The socket of a daemon whose connections are served by one script after the other."""
    path = folder / "scripted.sock"
    path.unlink(missing_ok=True)
    failures: list[BaseException] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(8)
        listener.settimeout(30)

        def serve() -> None:
            for script in scripts:
                stream, _ = listener.accept()
                stream.settimeout(30)
                with stream:
                    try:
                        script(Peer(stream))
                    except (EOFError, ConnectionError):
                        pass  # a client may leave at any time
                    except BaseException as error:  # noqa: BLE001 - raised below
                        failures.append(error)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path
        thread.join(35)
    assert not failures, failures
    assert not thread.is_alive(), "the scripted daemon still waits for a client"


def compilers() -> list[str]:
    return [name for name in ("gcc", "clang") if shutil.which(name)]
