"""What an administrator does: look, back up, export, scrub, collect, restrict.

What always holds here:
- Every daemon is this file's own, on folders of the test.
- Commands are the real gamctl and gamd; JSON is what scripts would read.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from gamd_process import BINARIES, EXAMPLES, ROOT, Daemon, gamctl
from readers import bits_equal

from gamd import IntegrityError


def figures(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


# Access and audit


def test_access_rules_hold_for_other_users() -> None:
    """The one other user at hand is nobody; only root can become it."""
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")
    nobody = 65534
    # pytest's folder is closed to others again by every other run of pytest.
    with tempfile.TemporaryDirectory() as folder:
        check_access_rules(Path(folder), nobody)


def check_access_rules(tmp_path: Path, nobody: int) -> None:
    tmp_path.chmod(0o755)
    config = "[socket]\nmode = \"0666\"\n[access]\nread_only_users = [65534]\n"

    def as_nobody(*arguments: str) -> int:
        command = [BINARIES / "gamctl", *arguments, "--socket", daemon.socket]
        done = subprocess.run(command, capture_output=True, user=nobody, group=nobody, timeout=60)
        return done.returncode

    with Daemon(tmp_path / "daemon", config=config) as daemon:
        daemon.folder.chmod(0o755)
        with daemon.client() as client:
            client.put("k", np.zeros((20, 20), np.uint8))
        try:
            assert as_nobody("stat", "k") == 0
        except PermissionError:
            pytest.skip("another user cannot run the programs where they lie")
        assert as_nobody("rm", "k") == 77
        assert as_nobody("backup", "create") == 77
        assert as_nobody("scrub") == 77
        assert as_nobody("metrics") == 0
        (daemon.folder / "gamd.toml").write_text(config + "deny_users = [65534]\n")
        os.kill(daemon.pid, signal.SIGHUP)
        time.sleep(0.5)
        assert as_nobody("stat", "k") == 77
        assert daemon.gamctl("stat", "k").returncode == 0


def test_audit_lines_name_user_and_key(own_daemon: Daemon) -> None:
    with own_daemon.client() as client:
        client.put("audited", np.zeros(9, np.uint8))
        client.put("audited", np.ones(9, np.uint8))
        client.delete("audited")
    log = own_daemon.log.read_text()
    for what in ("stored", "replaced", "removed"):
        assert re.search(rf'user {os.geteuid()}, process {os.getpid()}: {what} "audited"', log)


# Figures


def test_metrics_are_openmetrics_and_count(own_daemon: Daemon, tmp_path: Path) -> None:
    with own_daemon.client() as client:
        client.put_file("photo", EXAMPLES / "photo.png")
        for _ in range(3):
            client.read("photo", [(0, 256), (0, 256)])
    target = tmp_path / "gamd.prom"
    assert own_daemon.gamctl("metrics", "-o", target).returncode == 0
    text = target.read_text()
    assert text.endswith("# EOF\n")
    values = figures(text)
    assert values['gamd_requests_total{operation="put",status="ok"}'] == 1
    assert values['gamd_requests_total{operation="read",status="ok"}'] == 3
    assert values['gamd_cache_hits_total{cache="shards"}'] >= 2
    assert values["gamd_signals"] == 1
    # The put read the file, and the trial before it wrote and read it again.
    assert values['gamd_plugin_files_total{plugin="image"}'] >= 1
    assert values['gamd_plugin_workers_started_total{plugin="image"}'] >= 1
    assert values['gamd_plugin_quarantined{plugin="image"}'] == 0
    assert 0 < values["gamd_stored_ratio"] < 1
    assert values["process_resident_memory_bytes"] > 1 << 20
    # Next to nothing where the daemon runs with another malloc than the one it is linked with.
    assert values['gamd_heap_bytes{state="used"}'] > 1 << 20
    assert values['gamd_heap_bytes{state="free"}'] > 0
    families = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    dashboard = json.loads((ROOT / "Config" / "grafana-dashboard.json").read_text())
    used = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\b((?:gamd|process)_\w+?)(?:_total|_bucket)?\{", target["expr"])
    }
    assert used and used <= families, used - families
    manual = (ROOT / "docs" / "operations.md").read_text()
    for family in families:
        known = family in manual or family.startswith("process_") or family == "gamd_build_info"
        assert known or family == "gamd_cache_misses" or "block_cache" in family, family


def test_top_shows_a_picture(own_daemon: Daemon) -> None:
    with own_daemon.client() as client:
        client.put("k", np.zeros((64, 64), np.uint8))
    done = own_daemon.gamctl("top", "--count", "2", "--interval", "0.2")
    assert done.returncode == 0
    text = done.stdout.decode()
    for part in ("1 signals", "operation", "put", "refit", "health"):
        assert part in text, text


# Backup, export


def test_backup_is_restored_elsewhere(own_daemon: Daemon, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    arrays = {f"k{n}": rng.integers(0, 999, (50, n + 9)).astype(np.uint16) for n in range(12)}
    with own_daemon.client() as client:
        for key, array in arrays.items():
            client.put(key, array)
        client.put_file("photo", EXAMPLES / "photo.png")
    made = own_daemon.gamctl_json("backup", "create")[0]
    assert made["signals"] == 13
    with own_daemon.client() as client:
        client.delete("k3")
    folder = own_daemon.state / "backup"
    assert own_daemon.gamctl("backup", "verify", "--folder", folder).returncode == 0
    listed = json.loads(gamctl("backup", "list", "--folder", folder, "--json").stdout)
    assert [entry["id"] for entry in listed] == [1]
    other = tmp_path / "other"
    other.mkdir()
    restored = gamctl("backup", "restore", "1", other / "state", "--folder", folder)
    assert restored.returncode == 0, restored.stderr
    with Daemon(other) as second, second.client() as client:
        assert len(list(client.ls())) == 13
        for key, array in arrays.items():
            assert bits_equal(client[key][...], array)
        assert client["photo"].shape[:2] == (500, 500)
    assert gamctl("backup", "restore", "1", other / "state", "--folder", folder).returncode != 0
    assert gamctl("backup", "restore", "7", tmp_path / "x", "--folder", folder).returncode == 3


def test_export_and_import_bring_everything_along(
    own_daemon: Daemon, tmp_path: Path, rng
) -> None:
    generator = np.random.default_rng(rng.randrange(1 << 32))
    with own_daemon.client() as client:
        for name in ("photo.png", "clip.wav", "torus.npy", "elevation.png"):
            client.put_file(f"files/{name}", EXAMPLES / name)
        client.put("arrays/a", generator.normal(size=(7, 8, 9)).astype(np.float32))
        colour = generator.integers(0, 255, (30, 40, 3)).astype(np.uint8)
        client.put("arrays/ä/../b", colour, channels_last=True)
        client.put("arrays/time", generator.integers(-9, 9, 500).astype(np.int16), axes="time")
        client.put("other", np.zeros(3, np.uint8))
        before = {stat.key: stat for stat in client.ls()}
    folder = tmp_path / "export"
    assert own_daemon.gamctl("export", "", folder).returncode == 0
    manifest = json.loads((folder / "gamd-export.json").read_text())
    assert {entry["key"] for entry in manifest["signals"]} == set(before)
    exported = next(e for e in manifest["signals"] if e["key"] == "files/clip.wav")
    assert (folder / exported["file"]).read_bytes() == (EXAMPLES / "clip.wav").read_bytes()
    array = next(e for e in manifest["signals"] if e["key"] == "arrays/a")
    assert np.load(folder / array["file"]).shape == (7, 8, 9)
    assert own_daemon.gamctl("export", "", folder).returncode == 73, "it is not empty"
    with Daemon(tmp_path / "second") as second:
        assert second.gamctl("import", folder).returncode == 0
        with second.client() as client:
            after = {stat.key: stat for stat in client.ls()}
        for key, stat in before.items():
            for field in ("content_hash", "kind", "adapter", "description", "file_name"):
                assert getattr(after[key], field) == getattr(stat, field), (key, field)
        assert second.gamctl("import", folder).returncode == 73, "everything exists"
        assert second.gamctl("import", folder, "--replace").returncode == 0
        assert second.gamctl("import", folder, "--prefix", "again/").returncode == 0
        damaged = folder / array["file"]
        damaged.write_bytes(damaged.read_bytes()[:-4] + b"\x01\x02\x03\x04")
        assert second.gamctl("import", folder, "--prefix", "bad/").returncode == 4


# Scrub, collection


def flip(path: Path, rng, count: int) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(count):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def test_scrub_finds_damage_on_the_disk(own_daemon: Daemon, rng) -> None:
    """Bits flip in the blob files of a stopped store: what is hit is found, the rest is exact."""
    generator = np.random.default_rng(1)
    arrays = {f"k{n:02}": generator.integers(0, 255, (200, 200)).astype(np.uint8) for n in range(9)}
    with own_daemon.client() as client:
        for key, array in arrays.items():
            client.put(key, array)
        client.collect()
    assert own_daemon.gamctl("scrub").returncode == 0
    assert own_daemon.stop() == 0
    blobs = sorted((own_daemon.state / "store" / "db").glob("*.blob"))
    assert blobs, "nothing lies in blob files"
    flip(blobs[-1], rng, 2)
    own_daemon.start()
    done = own_daemon.gamctl("scrub", "--json")
    assert done.returncode == 4, (done.returncode, done.stderr)
    report = json.loads(done.stdout)
    assert report["state"] == "done" and report["signals"] == 9
    damaged = {entry["key"] for entry in report["damages"]}
    assert 1 <= len(damaged) <= 2
    with own_daemon.client() as client:
        for key, array in arrays.items():
            if key in damaged:
                with pytest.raises(IntegrityError):
                    client.read(key)
                client.put(key, array)
            assert bits_equal(client[key][...], array)
    assert own_daemon.gamctl("scrub", "--status").returncode == 0


def test_gc_gives_space_back(own_daemon: Daemon) -> None:
    generator = np.random.default_rng(2)
    with own_daemon.client() as client:
        for n in range(12):
            noise = np.frombuffer(generator.bytes(1 << 20), np.uint8).reshape(1024, 1024)
            client.put(f"k{n}", noise, size="S")
        for n in range(11):
            client.delete(f"k{n}")
        time.sleep(1)
    report = own_daemon.gamctl_json("gc")
    assert report["orphans"] == 0
    assert report["bytesAfter"] < 3 << 20 < report["bytesBefore"]
    with own_daemon.client() as client:
        assert client["k11"].shape == (1024, 1024)


def test_refits_pause_and_resume(tmp_path: Path) -> None:
    config = "[refit]\nidle_seconds = 1\nmax_cpu = 50\n"
    with Daemon(tmp_path / "daemon", config=config) as daemon:
        assert b"paused" in daemon.gamctl("jobs", "--pause").stdout
        with daemon.client() as client:
            client.put_file("torus", EXAMPLES / "torus.npy")
        time.sleep(2.5)
        assert daemon.gamctl_json("jobs") == []
        assert b"on" in daemon.gamctl("jobs", "--resume").stdout
        deadline = time.monotonic() + 90
        while not any(job["progress"] == 1 for job in daemon.gamctl_json("jobs")):
            assert time.monotonic() < deadline, "nothing was fitted"
            time.sleep(0.5)
        with daemon.client() as client:
            assert bits_equal(client["torus"][...], np.load(EXAMPLES / "torus.npy"))
