"""gamd under a real systemd: started by its socket, watched, reloaded, stopped under load.

What always holds here:
- The container is one for all tests of this file; machine.py tells what it is.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gamd_process import BINARIES, EXAMPLES, ROOT
from machine import Machine, booted_machine
from man_pages import make
from readers import bits_equal

from gamd import GamError

UNITS = ROOT / "systemd"
PLUGIN_FAULT = "10176bc76912432f967fd1b2035b6296"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with booted_machine(tmp_path_factory.mktemp("machine")) as booted:
        yield booted


def put_and_get(machine: Machine, user: str, name: str) -> None:
    """The README's tour: what comes back is the file."""
    file, back = f"/srv/examples/{name}", f"/tmp/{user}-{name}"
    machine.run("gamctl", "put", f"tour/{name}", file, user=user, check=True)
    machine.run("gamctl", "get", f"tour/{name}", "-o", back, user=user, check=True)
    machine.run("gamctl", "verify", f"tour/{name}", user=user, check=True)
    assert machine.run("cmp", file, back).returncode == 0


def test_the_socket_starts_the_daemon(machine: Machine) -> None:
    machine.systemctl("enable", "--now", "gamd.socket")
    assert machine.run("systemctl", "is-active", "gamd.service").returncode != 0
    put_and_get(machine, "alice", "torus.npy")
    put_and_get(machine, "alice", "clip.wav")
    assert machine.property("ActiveState") == "active"
    assert machine.property("User") == "gamd"
    plugins = json.loads(
        machine.run("gamctl", "plugin", "list", "--json", user="alice", check=True).stdout
    )
    assert {plugin["state"] for plugin in plugins} == {"ready"}


def test_other_users_are_refused(machine: Machine) -> None:
    done = machine.run("gamctl", "ls", user="mallory")
    assert done.returncode == 77, done.stderr
    assert "group" in done.stderr
    assert machine.run("gamctl", "backup", "create", user="alice").returncode == 77


def test_the_journal_has_fields_and_explains_events(machine: Machine) -> None:
    alice = machine.run("id", "-u", "alice", check=True).stdout.strip()
    show = ("journalctl", "-u", "gamd", "GAMD_OPERATION=put", f"GAMD_UID={alice}")
    lines = machine.run(*show, "-o", "json", check=True).stdout.splitlines()
    assert len(lines) == 2, machine.run("journalctl", "-u", "gamd").stdout
    entry = json.loads(lines[0])
    assert len(entry["GAMD_KEY_HASH"]) == 16 and int(entry["GAMD_DURATION_US"]) > 0
    assert entry["GAMD_STATUS"] == "ok" and entry["PRIORITY"] == "5"
    explained = machine.run(*show, "-x").stdout
    assert "An audit line" in explained, explained


def test_a_reload_is_told_to_systemd(machine: Machine) -> None:
    before = machine.property("MainPID")
    machine.run("sh", "-c", "echo '[log]\nlevel = \"debug\"' > /etc/gamd/gamd.toml.d/t.toml")
    machine.systemctl("reload", "gamd.service")
    assert machine.property("MainPID") == before
    assert machine.property("ActiveState") == "active"
    shown = machine.run("gamctl", "config", "show", "--origin", user="alice", check=True).stdout
    assert 'level = "debug"  # /etc/gamd/gamd.toml.d/t.toml:2' in shown
    machine.run("rm", "/etc/gamd/gamd.toml.d/t.toml")
    machine.systemctl("reload", "gamd.service")


def test_a_daemon_that_hangs_is_restarted_and_loses_nothing(machine: Machine) -> None:
    with machine.client() as client:
        client.put("watched", np.arange(900, dtype=np.uint16))
    before = machine.property("MainPID")
    machine.run("kill", "-STOP", before, check=True)
    machine.wait_until(lambda: machine.property("MainPID") not in (before, "0"), 60)
    machine.wait_until(lambda: machine.property("ActiveState") == "active")
    assert machine.property("NRestarts") == "1"
    with machine.client() as client:
        assert bits_equal(client["watched"][...], np.arange(900, dtype=np.uint16))


def test_a_stop_under_load_loses_nothing(machine: Machine) -> None:
    acknowledged: list[tuple[str, int]] = []
    stopping = threading.Event()
    strange: list[str] = []

    def write_files() -> None:
        """Keeps a worker busy: the stop must not reach it before gamd is done with it."""
        try:
            with machine.client() as client:
                while True:
                    client.put_file("load/file", EXAMPLES / "photo.png")
        except GamError as error:
            if not stopping.is_set():
                strange.append(f"{type(error).__name__}: {error}")

    def write(number: int) -> None:
        step = 0
        try:
            with machine.client() as client:
                while True:
                    step += 1
                    client.put(f"load/{number}/{step}", np.full(400, step, np.int32), size="S")
                    acknowledged.append((f"load/{number}/{step}", step))
        except GamError as error:
            if not stopping.is_set():
                strange.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    threads.append(threading.Thread(target=write_files))
    for thread in threads:
        thread.start()
    time.sleep(2)
    stopping.set()
    machine.systemctl("stop", "gamd.service")
    for thread in threads:
        thread.join()
    assert not strange
    assert machine.property("Result") == "success"
    assert len(acknowledged) > 10
    faults = machine.run("journalctl", "-u", "gamd", f"MESSAGE_ID={PLUGIN_FAULT}", "-o", "cat")
    assert faults.stdout == "", faults.stdout
    # The next connection starts it again.
    with machine.client() as client:
        for key, step in acknowledged:
            assert bits_equal(client[key][...], np.full(400, step, np.int32)), key


def test_figures_are_collected_by_the_timer_unit(machine: Machine) -> None:
    machine.run("systemd-tmpfiles", "--create", "gamd.conf", check=True)
    machine.systemctl("start", "gamd-metrics.service")
    text = machine.run("cat", "/var/lib/prometheus/node-exporter/gamd.prom", check=True).stdout
    assert "gamd_signals " in text and text.endswith("# EOF\n")


def test_a_user_has_an_instance_of_their_own(machine: Machine) -> None:
    uid = machine.run("id", "-u", "mallory", check=True).stdout.strip()
    if machine.run("systemctl", "start", f"user@{uid}.service").returncode != 0:
        pytest.skip("no user manager in this container")
    runtime = f"/run/user/{uid}"
    home = Path("/", "home", "mallory")
    own = ["env", f"XDG_RUNTIME_DIR={runtime}", f"HOME={home}"]
    machine.run(*own, "systemctl", "--user", "start", "gamd.socket", user="mallory", check=True)
    socket = ["--socket", f"{runtime}/gamd/gamd.sock"]
    machine.run(
        *own, "gamctl", "put", "own", "/srv/examples/torus.npy", *socket, user="mallory", check=True
    )
    shown = machine.run(*own, "gamctl", "ls", *socket, user="mallory", check=True).stdout
    assert shown.startswith("own\t")
    machine.run(*own, "systemctl", "--user", "stop", "gamd.service", "gamd.socket", user="mallory")


# Without a container


def test_systemd_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("gamd", "gamctl"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    names = []
    for unit in [*UNITS.glob("*.service"), *UNITS.glob("*.socket"), *UNITS.glob("*.timer")]:
        target = tmp_path / unit.name
        target.write_text(unit.read_text().replace("@BINDIR@", str(programs)))
        names.append(str(target))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True
    )
    assert done.stderr == "" and done.returncode == 0


@pytest.mark.parametrize(("unit", "limit"), [("gamd.service", 1.0), ("gamd-metrics.service", 2.0)])
def test_the_service_is_confined(tmp_path: Path, unit: str, limit: float) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    target = tmp_path / unit
    target.write_text((UNITS / unit).read_text().replace("@BINDIR@", "/usr/bin"))
    line = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(target)],
        capture_output=True,
        text=True,
    ).stdout.splitlines()[-1]
    score = float(line.split(":")[1].split()[0])
    assert score <= limit, line


def test_every_event_is_explained_in_the_catalog() -> None:
    source = (ROOT / "Sources/GAMServer/Service/LogEvents.swift").read_text()
    ids = set(re.findall(r'case \w+ = "([0-9a-f]{32})"', source))
    catalog = (UNITS / "gamd.catalog").read_text()
    assert ids and ids == set(re.findall(r"^-- ([0-9a-f]{32})$", catalog, re.MULTILINE))


def test_man_pages_have_no_faults(tmp_path: Path) -> None:
    make(BINARIES, tmp_path)
    pages = sorted(path.name for path in tmp_path.iterdir())
    assert pages == ["gamctl.1", "gamd-plugin.7", "gamd.8", "gamd.toml.5"]
    text = (tmp_path / "gamctl.1").read_text()
    named = ["put", "backup restore", "export", "scrub", "top", "config show"]
    for command in [*named, "plugin list", "plugin info", "plugin new", "plugin test"]:
        assert f".SS gamctl {command}\n" in text, command
    assert "connections_max = 1200" in (tmp_path / "gamd.toml.5").read_text()
    if shutil.which("man") is None:
        pytest.skip("man is not installed: the language of the pages was not checked")
    for page in pages:
        done = subprocess.run(
            ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(tmp_path / page)],
            capture_output=True,
            text=True,
        )
        assert done.stderr == "", (page, done.stderr)
