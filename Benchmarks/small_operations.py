"""Round trips of small operations beside redis GET of the same bytes, on this machine.

What always holds here:
- Both servers run here, now, with nothing else to do; clients are the same loop on a raw Unix
  socket, one process each, with requests made beforehand, so that the servers are compared.
- Every answer's length is checked, and a first one is compared byte for byte.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests" / "support"))

import numpy as np  # noqa: E402
from gamd_process import Daemon  # noqa: E402

from gamd import gam_pb2  # noqa: E402

HEADER_BYTES = 24


def gamd_frame(request: gam_pb2.Request) -> bytes:
    metadata = request.SerializeToString()
    head = b"GAM1" + bytes([1, 0, 0, 0]) + len(metadata).to_bytes(4, "little")
    return head + (1).to_bytes(4, "little") + (0).to_bytes(8, "little") + metadata


def receive(connection: socket.socket, buffer: bytearray, count: int, done: int = 0) -> int:
    view = memoryview(buffer)
    while done < count:
        got = connection.recv_into(view[done:])
        if got == 0:
            raise ConnectionError("the server closed the connection")
        done += got
    return done


def receive_gamd(connection: socket.socket, buffer: bytearray) -> int:
    """Bytes of one whole frame."""
    done = receive(connection, buffer, HEADER_BYTES)
    metadata = int.from_bytes(buffer[8:12], "little")
    body = int.from_bytes(buffer[16:24], "little")
    return receive(connection, buffer, HEADER_BYTES + metadata + body, done)


def receive_redis(connection: socket.socket, buffer: bytearray) -> int:
    """Bytes of one bulk reply: $N, the bytes, and line ends."""
    done = receive(connection, buffer, 4)
    while b"\r\n" not in buffer[:32]:
        done = receive(connection, buffer, done + 1, done)
    end = buffer.index(b"\r\n")
    return receive(connection, buffer, end + 2 + int(buffer[1:end]) + 2, done)


def loop(path: str, frame: bytes, is_redis: bool, seconds: float, results) -> None:
    """One client: the same request again and again; its latencies in nanoseconds."""
    take = receive_redis if is_redis else receive_gamd
    buffer = bytearray(1 << 20)
    times = []
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        for _ in range(50):
            connection.sendall(frame)
            expected = take(connection, buffer)
        end = time.perf_counter() + seconds
        start = time.perf_counter_ns()
        while time.perf_counter() < end:
            connection.sendall(frame)
            got = take(connection, buffer)
            now = time.perf_counter_ns()
            times.append(now - start)
            start = now
            assert got == expected, f"{got} bytes instead of {expected}"
    results.put(times)


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(name: str, pid: int, path: str, frame: bytes, clients: int, seconds: float) -> str:
    results: multiprocessing.Queue = multiprocessing.Queue()
    arguments = (path, frame, name.startswith("redis"), seconds, results)
    workers = [multiprocessing.Process(target=loop, args=arguments) for _ in range(clients)]
    before = processor_seconds(pid)
    for worker in workers:
        worker.start()
    times = np.concatenate([np.array(results.get()) for _ in workers]) / 1e3
    for worker in workers:
        worker.join()
    used = (processor_seconds(pid) - before) / len(times) * 1e6
    p50, p99 = np.percentile(times, [50, 99])
    rate = len(times) / seconds
    return (
        f"| {name} | {clients} | {rate:,.0f} | {p50:.0f} | {p99:.0f} | {used:.0f} |"
    )


def redis(folder: Path) -> tuple[subprocess.Popen, str]:
    path = folder / "redis.sock"
    command = ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", ""]
    command += ["--appendonly", "no", "--dir", str(folder), "--io-threads", "1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not path.exists():
        time.sleep(0.02)
    return process, str(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5)
    arguments = parser.parse_args()
    if shutil.which("redis-server") is None:
        print("redis-server is not installed: run Tools/setup.sh --bench")
        return 1
    rng = np.random.default_rng(7)
    image = rng.integers(-2, 3, (256, 256)).cumsum(axis=1).astype(np.uint8)
    with tempfile.TemporaryDirectory(prefix="gamd-small-") as name:
        folder = Path(name)
        server, redis_path = redis(folder)
        try:
            with Daemon(folder / "gamd", config="[refit]\nenabled = false\n") as daemon:
                with daemon.client() as client:
                    client.put("image", image)
                    assert np.array_equal(client.read("image"), image)
                report(daemon, server, redis_path, image, arguments.seconds)
        finally:
            server.terminate()
            server.wait()
    return 0


def report(daemon: Daemon, server, redis_path: str, image: np.ndarray, seconds: float) -> None:
    data = image.tobytes()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(redis_path)
        connection.sendall(b"*3\r\n$3\r\nSET\r\n$5\r\nimage\r\n$%d\r\n%s\r\n" % (len(data), data))
        assert connection.recv(5) == b"+OK\r\n"
    get = b"*2\r\n$3\r\nGET\r\n$5\r\nimage\r\n"
    stat = gamd_frame(gam_pb2.Request(key="image", stat=gam_pb2.Stat()))
    read = gamd_frame(gam_pb2.Request(key="image", read=gam_pb2.Read()))
    print("| operation | clients | per second | p50 us | p99 us | server processor us |")
    print("|---|---|---|---|---|---|")
    for clients in (1, 8):
        print(measure("gamd stat", daemon.pid, str(daemon.socket), stat, clients, seconds))
        print(
            measure(
                "gamd read 256 x 256, warm", daemon.pid, str(daemon.socket), read, clients, seconds
            )
        )
        print(measure("redis GET 65,536 bytes", server.pid, redis_path, get, clients, seconds))


if __name__ == "__main__":
    sys.exit(main())
