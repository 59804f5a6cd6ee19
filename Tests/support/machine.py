"""A container with a real systemd and an installed gamd, for the tests of the service.

What always holds here:
- systemd runs in a container (systemd-nspawn) on an overlay of this machine's file system, or of a
  fresh Debian in the folder GAMD_ROOT names, with gamd installed by Tools/install.sh, or by the
  package GAMD_DEB names; both stay as they are.
- Where no container can be started, every test that needs one is skipped and says why.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gamd_process import EXAMPLES, ROOT, children

from gamd import Client

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
    kit = root / "usr/share/gamd/plugin-kit"
    for part in ("Package.swift", "Sources/CGAMPlugin", "Sources/GAMPluginKit"):
        assert (kit / part).exists(), f"the kit lacks {part}"


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


@contextlib.contextmanager
def booted_machine(base: Path) -> Iterator[Machine]:
    """Skips the test where none can be started."""
    if reason := obstacle():
        pytest.skip(reason)
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
        # nspawn's own filter knows nothing of sandboxes; the unit's and the workers' are tested.
        sandbox = "landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp"
        command.append(f"--system-call-filter={sandbox}")
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
