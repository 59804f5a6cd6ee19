"""gamd under a real systemd: started by its socket, watched, reloaded, stopped under load.

What always holds here:
- systemd runs in a container (systemd-nspawn) on an overlay of this machine's file system, or of a
  fresh Debian in the folder GAMD_ROOT names, with gamd installed by Tools/install.sh, or by the
  package GAMD_DEB names; both stay as they are.
- Where no container can be started, every test that needs one is skipped and says why.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gamd_process import BINARIES, EXAMPLES, ROOT, children
from man_pages import make
from readers import bits_equal

from gamd import Client, GamError

UNITS = ROOT / "systemd"
BOOT_SECONDS = 90
WATCHDOG_DROP_IN = "[Service]\nWatchdogSec=3\n"


class Machine:
    """A booted container."""

    def __init__(self, root: Path, process: subprocess.Popen) -> None:
        self.root = root
        self.process = process
        self.leader = 0

    def run(self, *command: str, user: str | None = None, check: bool = False):
        if user:
            command = ("runuser", "-u", user, "--", *command)
        spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        full = ["nsenter", "--target", str(self.leader), *spaces, "--", *command]
        done = subprocess.run(full, capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, (command, done.stdout, done.stderr)
        return done

    def systemctl(self, *arguments: str) -> str:
        return self.run("systemctl", *arguments, check=True).stdout.strip()

    def property(self, name: str) -> str:
        return self.systemctl("show", "gamd.service", "--value", "--property", name)

    def client(self) -> Client:
        return Client(Path("/proc", str(self.leader), "root", "run/gamd/gamd.sock"), timeout=60)

    def wait_until(self, question, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not question():
            if time.monotonic() > deadline:
                raise AssertionError(self.run("journalctl", "-u", "gamd", "-n", "40").stdout)
            time.sleep(0.1)

    def boot(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        state = ""
        while time.monotonic() < deadline and self.process.poll() is None:
            leaders = children(self.process.pid)
            if leaders:
                self.leader = leaders[0]
                done = self.run("systemctl", "is-system-running")
                state = done.stdout.strip()
                if state in ("running", "degraded"):
                    return
            time.sleep(0.2)
        raise RuntimeError(f"systemd did not boot in {BOOT_SECONDS} s ({state or 'no answer'})")


def obstacle() -> str | None:
    """Why no container can be started here."""
    if os.geteuid() != 0:
        return "starting a container needs root"
    for program in ("systemd-nspawn", "nsenter", "patchelf"):
        if shutil.which(program) is None:
            return f"{program} is not installed: run Tools/setup.sh"
    return None


def install(root: Path) -> None:
    package = os.environ.get("GAMD_DEB")
    if package:
        shutil.copy(package, root / "gamd.deb")
        command = ["chroot", root, "apt-get", "install", "-q", "-y", "--no-install-recommends"]
        command.append("/gamd.deb")
    else:
        command = [str(ROOT / "Tools" / "install.sh")]
    environment = {**os.environ, "DESTDIR": str(root), "PREFIX": "/usr"}
    environment["UNITDIR"] = "/lib/systemd/system"
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


def prepare(root: Path) -> None:
    """Users, and nothing that would only cost time at the boot."""
    subprocess.run(["systemd-sysusers", f"--root={root}"], check=True, capture_output=True)
    for user, groups in (("alice", "gamd"), ("mallory", "")):
        command = ["useradd", "--root", str(root), "--create-home", "--shell", "/bin/sh"]
        subprocess.run([*command, "--groups", groups, user], check=True, capture_output=True)
    drop_in = root / "etc/systemd/system/gamd.service.d/test.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text(WATCHDOG_DROP_IN)
    (root / "etc/machine-id").write_text("")
    shutil.copytree(EXAMPLES, root / "srv/examples")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    if reason := obstacle():
        pytest.skip(reason)
    base = tmp_path_factory.mktemp("machine")
    upper, root = base / "upper", base / "root"
    for folder in (upper, root):
        folder.mkdir()
    mounts = [["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", str(upper)]]
    lower = os.environ.get("GAMD_ROOT", "/")
    layers = f"lowerdir={lower},upperdir={upper}/files,workdir={upper}/work"
    mounts.append(["mount", "-t", "overlay", "overlay", "-o", layers, str(root)])
    mounted: list[Path] = []
    process = None
    try:
        for place, mount in zip((upper, root), mounts, strict=True):
            done = subprocess.run(mount, capture_output=True, text=True)
            if done.returncode != 0:
                pytest.skip(f"{' '.join(mount)}: {done.stderr.strip()}")
            mounted.append(place)
            if place == upper:
                (upper / "files").mkdir()
                (upper / "work").mkdir()
        install(root)
        prepare(root)
        log = open(base / "boot.log", "wb")
        command = ["systemd-nspawn", "--quiet", "--boot", "--directory", str(root)]
        command += ["--register=no", "--keep-unit", "--private-network"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        booted = Machine(root, process)
        try:
            booted.boot()
        except RuntimeError as error:
            tail = (base / "boot.log").read_text(errors="replace")[-600:]
            pytest.skip(f"no systemd in a container here: {error}; {tail}")
        booted.run("journalctl", "--update-catalog")
        yield booted
    finally:
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for place in reversed(mounted):
            subprocess.run(["umount", "--lazy", str(place)], check=True)


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
    own = ["env", f"XDG_RUNTIME_DIR={runtime}"]
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
    for command in ("put", "backup restore", "export", "scrub", "top", "config show"):
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
