"""The C kernels build for 64-bit ARM, and give there the bits they give here.

What always holds here:
- The kernels and their driver (Tests/kernels) are built by the clang that builds the package,
  without a C library, so only an emulator of the processor is needed to run them.
- Every level of both processors must print the same hashes. Kernels of fitting are float: numbers
  told with `~` may differ by a millionth part.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from gamd_process import ROOT

KERNELS = ROOT / "Sources/CGAMKernels"
DRIVER = ROOT / "Tests/kernels"
ARM = ["--target=aarch64-linux-gnu", "-ffreestanding"]
STRICT = ["-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror"]
NEAR = 1e-6


def compiler() -> str:
    """The toolchain's clang: gcc lacks what the kernels use."""
    swift = shutil.which("swift")
    beside = Path(swift).resolve().with_name("clang") if swift else None
    found = str(beside) if beside and beside.exists() else shutil.which("clang")
    assert found, "no clang in PATH, nor beside swift"
    return found


def build(to: Path, *options: str) -> Path:
    """Links kernels and driver; `options` say for what."""
    to.mkdir()
    sources = sorted(KERNELS.glob("*.c")) + sorted(DRIVER.glob("*.c"))
    is_arm = ARM[0] in options
    sources = [path for path in sources if is_arm or path.name != "bare.c"]
    objects = [to / f"{path.parent.name}-{path.stem}.o" for path in sources]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda pair: compile_one(*pair, options), zip(sources, objects)))
    program = to / "drive"
    link = ["-fuse-ld=lld", "-nostdlib", "-static"] if is_arm else ["-lm"]
    run(compiler(), *options, *objects, *link, "-o", program)
    return program


def compile_one(source: Path, to: Path, options: tuple[str, ...]) -> None:
    """As the package builds it, with warnings as errors."""
    include = KERNELS / "include"
    run(compiler(), *options, "-O2", *STRICT, f"-I{include}", "-c", source, "-o", to)


def run(*command: object) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stderr}"
    return done.stdout


def results(output: str) -> dict[str, dict[str, str]]:
    """Kernel -> level -> what it printed."""
    found: dict[str, dict[str, str]] = {}
    for line in output.splitlines():
        kernel, level, value = line.split()
        assert level not in found.setdefault(kernel, {})
        found[kernel][level] = value
    return found


def number(value: str) -> float:
    return struct.unpack(">d", bytes.fromhex(value.removeprefix("~")))[0]


def differing(values: list[str]) -> bool:
    if values[0].startswith("~"):
        numbers = [number(value) for value in values]
        return max(numbers) - min(numbers) > NEAR * max(map(abs, numbers))
    return len(set(values)) > 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture(scope="module")
def here(folder: Path) -> dict[str, dict[str, str]]:
    return results(run(build(folder / "here")))


@pytest.fixture(scope="module")
def arm_program(folder: Path) -> Path:
    return build(folder / "arm", *ARM)


def test_the_driver_calls_every_kernel() -> None:
    headers = "\n".join(path.read_text() for path in (KERNELS / "include").glob("*.h"))
    declared = r"^(?:void|double|size_t|int32_t|gam_level) (gam_\w+)\("
    kernels = set(re.findall(declared, headers, re.MULTILINE))
    driver = "\n".join(path.read_text() for path in DRIVER.glob("*.c"))
    called = set(re.findall(r"\b(gam_\w+)\(", driver))
    assert len(kernels) > 15 and kernels <= called, kernels - called


def test_every_level_here_gives_the_same_bits(here) -> None:
    assert here and "baseline" in here["infer"]
    assert not [kernel for kernel, by in here.items() if differing(list(by.values()))]


def test_kernels_build_for_64_bit_arm_without_a_c_library(arm_program: Path) -> None:
    machine = struct.unpack_from("<H", arm_program.read_bytes(), 18)[0]
    assert machine == 183, "not an ELF file of 64-bit ARM"


def test_kernels_on_64_bit_arm_give_the_bits_of_this_processor(here, arm_program: Path) -> None:
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if emulator is None:
        pytest.skip("qemu-aarch64 is not installed: run Tools/setup.sh")
    arm = results(run(emulator, arm_program))
    assert set(arm) == set(here) and set(arm["infer"]) == {"baseline", "neon"}
    both = {kernel: [*here[kernel].values(), *arm[kernel].values()] for kernel in here}
    assert not [kernel for kernel, values in both.items() if differing(values)]
