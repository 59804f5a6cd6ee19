"""Plugins made outside of the repository: templates, the kit, the conformance tests, other ABIs.

What always holds here:
- Everything is built in a temporary folder with the tools an author has: gamctl, cc, swift.
- The frozen header of ABI 1.0 lies in Tests/support/abi-1.0; it never changes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Iterator

import pytest
from gamd_process import BINARIES, EXAMPLES, PLUGIN_MANIFESTS, ROOT, Daemon, gamctl
from hostile_plugins import FILE, HARMS, HEADERS, SOURCE, build

OLD_HEADERS = ROOT / "Tests" / "support" / "abi-1.0"
CHECKS = {
    "identity", "detection", "corpus", "determinism", "place", "pieces", "generated",
    "extremes", "truncation", "damage", "limits", "abandoned", "options",
}  # fmt: skip


def run(folder: Path, *command: str, **more: str) -> str:
    """Runs a command of an author; its output. gamctl is in the path, as it would be."""
    environment = {**os.environ, "PATH": f"{BINARIES}:{os.environ['PATH']}", **more}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{command} in {folder}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def conformance(folder: Path, *corpus: Path, expect: int = 0) -> dict:
    done = gamctl("plugin", "test", folder, "--json", "--corpus", *corpus)
    assert done.returncode == expect, done.stdout.decode() + done.stderr.decode()
    report = json.loads(done.stdout)
    assert {check["name"] for check in report["checks"]} == CHECKS
    assert report["passed"] == (expect == 0)
    return report


def failed(report: dict) -> set[str]:
    return {check["name"] for check in report["checks"] if check["failureCount"] > 0}


def use(folder: Path, name: str, file: Path, tmp_path: Path) -> None:
    """Stores and gets a file through a daemon that has the plugin of `folder`."""
    with Daemon(tmp_path / f"daemon-{name}", "--plugins", str(folder)) as daemon:
        with daemon.client() as client:
            stat = client.put_file("k", file)
            assert stat.adapter == name and stat.exactness == "file"
            assert client.get_file("k") == file.read_bytes()


@pytest.mark.parametrize("language", ["c", "swift"])
def test_a_new_plugin_builds_passes_and_works(tmp_path: Path, language: str) -> None:
    name = f"made{language}"
    run(tmp_path, "gamctl", "plugin", "new", name, "--lang", language)
    folder = tmp_path / name
    output = run(folder, "make", "test")
    assert "13 checks passed" in output, output
    use(folder / "build", name, folder / "corpus" / f"example.{name}", tmp_path)
    run(folder, "make", "install", f"FOLDER={tmp_path / 'installed'}")
    assert (tmp_path / "installed" / f"{name}.toml").exists()


def test_new_refuses_what_it_cannot_make(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name, code in [("Upper", 64), ("a/b", 64), ("1a", 64), (str(tmp_path / "there"), 64)]:
        assert gamctl("plugin", "new", name, "--lang", "c").returncode == code
    done = subprocess.run(
        [BINARIES / "gamctl", "plugin", "new", "there", "--lang", "c"],
        cwd=tmp_path,
        capture_output=True,
    )
    assert done.returncode == 73 and b"there" in done.stderr
    assert list((tmp_path / "there").iterdir()) == []


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The plugin of docs/plugin-tutorial.md, built from the text of that page alone."""
    folder = tmp_path_factory.mktemp("tutorial") / "edf"
    text = (ROOT / "docs" / "plugin-tutorial.md").read_text()
    blocks = re.findall(r"^<!-- file: (\S+) -->\n```\w*\n(.*?)^```$", text, re.M | re.S)
    assert len(blocks) >= 4, "the tutorial names no files"
    for path, body in blocks:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "a") as file:
            file.write(body.replace("KIT_FOLDER", str(ROOT / "PluginKit")))
    run(folder, "python3", "make_corpus.py")
    run(folder, "make")
    yield folder


def test_the_tutorial_s_plugin_conforms(tutorial: Path) -> None:
    corpus = sorted((tutorial / "corpus").iterdir())
    assert {file.suffix for file in corpus} == {".edf", ".bdf"}
    conformance(tutorial / "build", *corpus)


def test_the_tutorial_s_plugin_works(tutorial: Path, tmp_path: Path) -> None:
    for file in sorted((tutorial / "corpus").iterdir()):
        use(tutorial / "build", "edf", file, tmp_path / file.name)


@pytest.mark.parametrize(
    "name, files",
    [
        ("image", ["elevation.png"]),
        ("array", ["*.npy"]),
        ("audio", ["*.wav", "*.flac"]),
    ],
)
def test_shipped_plugins_conform(tmp_path: Path, name: str, files: list[str]) -> None:
    shutil.copy(PLUGIN_MANIFESTS / f"{name}.toml", tmp_path)
    shutil.copy(BINARIES / f"libgamd-{name}.so", tmp_path)
    corpus = [file for pattern in files for file in sorted(EXAMPLES.glob(pattern))]
    small = [file for file in corpus if file.stat().st_size < 1 << 20]
    if small:
        conformance(tmp_path, *small)


@pytest.mark.parametrize(
    "harm, checks",
    [
        ("segfault", {"corpus", "determinism", "truncation", "damage"}),
        ("wrong", {"corpus", "determinism", "truncation"}),
        ("short", {"corpus", "pieces", "abandoned"}),
    ],
)
def test_the_kit_finds_harm(tmp_path: Path, harm: str, checks: set[str]) -> None:
    build(tmp_path / "plugin", harm)
    file = tmp_path / f"a.{harm}"
    file.write_bytes(FILE[:64])
    report = conformance(tmp_path / "plugin", file, expect=1)
    assert checks <= failed(report), report
    words = next(entry.error for entry in HARMS if entry.name == harm)
    texts = [text for check in report["checks"] for text in check["failures"]]
    assert any(words.split(" gave")[-1] in text or words in text for text in texts), texts


def test_the_kit_compares_samples_in_the_file_with_rows(tmp_path: Path) -> None:
    build(tmp_path / "plugin", "place")
    file = tmp_path / "a.place"
    file.write_bytes(FILE[:64])
    report = conformance(tmp_path / "plugin", file, expect=1)
    assert failed(report) == {"place"}, report
    place = next(check for check in report["checks"] if check["name"] == "place")
    assert "byte 0 of the samples is 0 in the file and 1 in what read_rows gives" in str(place)


def plugin_of_abi(folder: Path, headers: Path, abi: str) -> None:
    """The honest plugin, compiled against `headers`, with a manifest that says `abi`."""
    build(folder, "none")
    command = ["cc", "-shared", "-fPIC", "-w", '-DHARM="none"', f"-I{headers}", str(SOURCE)]
    subprocess.run([*command, "-o", str(folder / "libgamd-harm-none.so")], check=True)
    manifest = folder / "harm-none.toml"
    manifest.write_text(manifest.read_text().replace('abi = "1.3"', f'abi = "{abi}"'))


def test_a_plugin_of_abi_1_0_works_in_this_host(tmp_path: Path) -> None:
    plugin_of_abi(tmp_path / "old", OLD_HEADERS, "1.0")
    file = tmp_path / "a.none"
    file.write_bytes(FILE)
    report = conformance(tmp_path / "old", file)
    assert report["abi"] == "1.0"
    use(tmp_path / "old", "harm-none", file, tmp_path)


@pytest.mark.parametrize(
    "manifest, words",
    [
        ("1.4", ["harm-none", "needs ABI 1.4", "offers 1.3", "update the host"]),
        ("1.3", ["harm-none", "built for the newer ABI 1.4", "offers 1.3", "update the host"]),
    ],
)
def test_a_plugin_of_a_newer_abi_is_refused(
    tmp_path: Path, manifest: str, words: list[str]
) -> None:
    """The manifest alone tells it; where the manifest lies, the code's own table does."""
    headers = tmp_path / "headers"
    shutil.copytree(HEADERS, headers)
    header = headers / "gam_plugin.h"
    text = header.read_text()
    assert "#define GAM_ABI_MINOR 3\n" in text
    header.write_text(text.replace("#define GAM_ABI_MINOR 3\n", "#define GAM_ABI_MINOR 4\n"))
    plugin_of_abi(tmp_path / "new", headers, manifest)
    done = gamctl("plugin", "info", "harm-none", "--plugins", tmp_path / "new")
    assert done.returncode == 78
    for word in words:
        assert word in done.stderr.decode(), done.stderr.decode()


def test_the_frozen_header_is_a_part_of_this_one() -> None:
    """Every struct of ABI 1.0 is the beginning of today's, every constant has its value."""
    old = (OLD_HEADERS / "gam_plugin.h").read_text()
    new = (HEADERS / "gam_plugin.h").read_text()

    def code(text: str) -> str:
        return re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", text, flags=re.S))

    structs = re.findall(r"typedef struct (\w+) \{(.*?)\} \1;", code(old))
    assert len(structs) > 8
    now = dict(re.findall(r"typedef struct (\w+) \{(.*?)\} \1;", code(new)))
    for name, body in structs:
        assert now[name].startswith(body.rstrip()), f"{name} changed"
        if now[name].strip() != body.strip():
            assert body.strip().startswith("size_t struct_size;"), f"{name} cannot grow"
    for constant in re.findall(r"GAM_[A-Z_]+ = \d+", code(old)):
        assert constant in code(new), constant


def test_pkg_config_leads_to_the_header(tmp_path: Path) -> None:
    run(ROOT, "make", "install-kit", f"PREFIX={tmp_path}")
    paths = {"PKG_CONFIG_PATH": str(tmp_path / "lib" / "pkgconfig")}
    flags = run(tmp_path, "pkg-config", "--cflags", "gam-plugin", **paths).split()
    kit = run(tmp_path, "pkg-config", "--variable=kitdir", "gam-plugin", **paths).strip()
    command = ["cc", "-shared", "-fPIC", "-w", '-DHARM="none"', *flags, str(SOURCE)]
    run(tmp_path, *command, "-o", "libgamd-harm-none.so")
    assert (Path(kit) / "Package.swift").exists()
    assert (Path(kit) / "Sources" / "GAMPluginKit" / "SignalAdapter.swift").is_file()
    assert not any(path.is_symlink() for path in Path(kit).rglob("*"))


def test_the_reference_is_that_of_the_header() -> None:
    written = run(ROOT, "python3", "Tools/plugin_reference.py")
    assert (ROOT / "docs" / "plugin-reference.md").read_text() == written, (
        "docs/plugin-reference.md is not of this header: run 'make plugin-reference'"
    )


def test_info_tells_what_a_plugin_reads() -> None:
    done = gamctl(
        "plugin", "info", "image", "--json", "--plugins", PLUGIN_MANIFESTS, "--plugins", BINARIES
    )
    assert done.returncode == 0, done.stderr
    info = json.loads(done.stdout)
    assert info["id"] == "image" and info["kit"] == "c 1.3"
    assert {"png", "tiff", "pnm"} <= {entry["name"] for entry in info["types"]}
    assert any(option["name"] == "format" and option["help"] for option in info["options"])
