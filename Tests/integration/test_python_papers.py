"""The package as a user gets it: a wheel, installed alone, that runs every listing of its pages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from gamd_process import EXAMPLES, ROOT, Daemon

PAGES = ["Python/README.md", "docs/python.md"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left in the source tree; no network is needed."""
    pytest.importorskip("setuptools", "70.1", reason="setuptools 70.1 is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("*.egg-info", "__pycache__", "build", "tests")
    shutil.copytree(ROOT / "Python", folder / "source", ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    command += ["--no-index", "--quiet", "--wheel-dir", str(folder), str(folder / "source")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [found] = folder.glob("gamd-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH with the wheel's contents and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def test_the_wheel_has_types_and_manifests_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("py.typed", "gam_pb2.pyi", "napari.yaml", "torch.py"):
        assert f"gamd/{name}" in names
    assert not [name for name in names if "test" in name]
    metadata = next(name for name in names if name.endswith("METADATA"))
    text = zipfile.ZipFile(wheel).read(metadata).decode()
    for extra in ("hash", "torch", "zarr", "fsspec", "xarray", "napari"):
        assert f"Provides-Extra: {extra}\n" in text


def test_the_wheel_installs_into_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "fresh", with_pip=True)
    python = tmp_path / "fresh" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--no-index", "--no-deps", "--quiet", wheel]
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # What it depends on comes from the environment of the tests: an index may be out of reach.
    beside = ":".join(path for path in sys.path if path.endswith("site-packages"))
    program = "import gamd, sys; print(gamd.__file__); print(gamd.Client, gamd.AsyncClient)"
    environment = {**os.environ, "PYTHONPATH": beside}
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "fresh") in done.stdout


def test_the_package_is_typed_throughout() -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(ROOT / ".build" / "mypy")]
    done = subprocess.run(command, cwd=ROOT / "Python", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", PAGES)
def test_every_listing_runs(
    own_daemon: Daemon, installed: Path, tmp_path: Path, page: str
) -> None:
    shutil.copy(EXAMPLES / "photo.png", tmp_path / "cat.png")
    program = ROOT / "Tests" / "support" / "run_examples.py"
    environment = {
        **os.environ, "PYTHONPATH": str(installed), "GAMD_SOCKET": str(own_daemon.socket),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, program, ROOT / page],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        timeout=300,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr
