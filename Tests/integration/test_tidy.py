"""The repository keeps its own rules: layers, sizes, words, and papers that match the code.

What always holds here:
- Rules are read from where people read them (docs/architecture.md, the Makefile, gam.proto), so the
  paper and the code cannot part.
- Only files that git tracks, or would track, are looked at.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from gamd_process import ROOT

from gamd import gam_pb2
from gamd.errors import BY_STATUS

LINES_MAX = 300
# They may shrink, not grow. Kernels are one state machine each.
LONGER = {
    "Sources/CGAMKernels/fit.c": 330,
    # One header and one source are the product: people copy two files, not a folder.
    "C/gamd.c": 1600,
}
PYTHON_COLUMNS_MAX = 100
CODE = {".swift", ".c", ".h", ".cpp", ".py"}
GENERATED = re.compile(r"\.pb\.swift$|_pb2\.pyi?$")
# Made by a tool from data: tables and weights, which nobody reads top to bottom.
TABLES = re.compile(r"(^|/)(tables|Priors?)\b.*\.(c|h|swift)$")
SWIFT_IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|private|fileprivate)\s+)?"
    r"import\s+(?:(?:struct|class|enum|func|protocol|typealias|var|let)\s+)?(\w+)",
    re.MULTILINE,
)
PLUGIN_IMPORTS = {"CGAMPlugin", "GAMPluginKit", "Foundation", "Glibc"}
# Places of somebody's machine; written in pieces so that this file is clean too.
MACHINE_PATHS = re.compile("|".join(["/" + "work/", "/tmp/" + "wt", "/ro" + "ot/", "/ho" + "me/"]))


def tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = [name for name in done.stdout.decode().split("\0") if name]
    return [Path(name) for name in sorted(set(names)) if (ROOT / name).is_file()]


FILES = tracked()
DOCS = [path for path in FILES if path.suffix == ".md"]


def text(path: Path) -> str:
    return (ROOT / path).read_text(errors="replace")


def layers() -> dict[str, int]:
    """Target -> layer, from the table of docs/architecture.md."""
    found = {}
    for line in text(Path("docs/architecture.md")).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) > 2 and cells[0].isdigit():
            for target in re.findall(r"`([\w-]+)`", cells[1]):
                found[target] = int(cells[0])
    return found


def test_every_target_has_a_layer() -> None:
    targets = {path.parts[1] for path in FILES if path.parts[0] == "Sources"}
    assert targets, "no sources found"
    assert targets <= set(layers()), f"not in docs/architecture.md: {targets - set(layers())}"


def test_targets_import_only_from_lower_layers() -> None:
    layer, faults = layers(), []
    for path in FILES:
        if path.parts[0] != "Sources" or path.suffix != ".swift":
            continue
        for name in SWIFT_IMPORT.findall(text(path)):
            if name in layer and layer[name] >= layer[path.parts[1]]:
                faults.append(f"{path} imports {name}")
    assert not faults, faults


def test_the_core_is_free_of_foundation() -> None:
    users = [
        str(path)
        for path in FILES
        if path.parts[:2] == ("Sources", "GAMCore")
        and path.suffix == ".swift"
        and {"Foundation", "FoundationEssentials"} & set(SWIFT_IMPORT.findall(text(path)))
    ]
    assert not users, users


def test_plugins_know_the_interface_and_their_library_only() -> None:
    libraries = {name for name, layer in layers().items() if name.startswith("C") and layer == 0}
    allowed = PLUGIN_IMPORTS | (libraries - {"CGAMKernels", "CRocksDB", "CLinux"})
    faults = []
    for path in FILES:
        if path.parts[0] != "Plugins":
            continue
        if path.suffix == ".swift":
            faults += [f"{path}: {n}" for n in set(SWIFT_IMPORT.findall(text(path))) - allowed]
        if path.suffix in (".c", ".h", ".cpp"):
            headers = re.findall(r'#include\s+[<"](gam\w*\.h)', text(path))
            faults += [f"{path}: {h}" for h in headers if not h.startswith("gam_plugin")]
    assert not faults, faults


def test_files_are_short_enough_to_read() -> None:
    long = {
        str(path): count
        for path in FILES
        if path.suffix in CODE and not GENERATED.search(path.name) and not TABLES.search(str(path))
        if (count := text(path).count("\n")) > LONGER.get(str(path), LINES_MAX)
    }
    assert not long, f"over {LINES_MAX} lines: {long}"
    short = [name for name in LONGER if text(Path(name)).count("\n") <= LINES_MAX]
    assert not short, f"short enough now, take them out of LONGER: {short}"


def test_files_say_what_they_are_first() -> None:
    """The first thing after the imports is a comment; in Swift tests the names are the claims."""
    imports = re.compile(r"(?:\s*(?:@\w+(?:\([^)]*\))?\s+)*import [\w. ]+\n)*\s*")
    openings = ("//", "/*", '"""', "#")
    bare = [
        str(path)
        for path in FILES
        if path.suffix in CODE and not GENERATED.search(path.name)
        if not (path.parts[0] == "Tests" and path.suffix == ".swift")
        if not imports.sub("", text(path), count=1).startswith(openings)
    ]
    assert not bare, bare


def test_python_lines_fit() -> None:
    wide = [
        f"{path}:{number}"
        for path in FILES
        if path.suffix == ".py" and not GENERATED.search(path.name)
        for number, line in enumerate(text(path).splitlines(), 1)
        if len(line) > PYTHON_COLUMNS_MAX
    ]
    assert not wide, wide


def test_nothing_names_a_machine_or_is_left_for_later() -> None:
    later = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")
    faults = []
    for path in FILES:
        if path.suffix in CODE | {".md", ".toml", ".proto", ".sh", ".txt", ".service", ""}:
            for number, line in enumerate(text(path).splitlines(), 1):
                if MACHINE_PATHS.search(line) or later.search(line):
                    faults.append(f"{path}:{number}: {line.strip()[:100]}")
    assert not faults, faults


def test_nothing_built_is_tracked() -> None:
    built = [str(path) for path in FILES if ".build" in path.parts or path.name.endswith(".pyc")]
    assert not built and Path("Package.resolved") not in FILES


def test_every_test_file_tests() -> None:
    for path in FILES:
        if path.parts[0] == "Tests" and path.name.endswith("Tests.swift"):
            assert "@Test" in text(path) or "func test" in text(path), path
        if path.name.startswith("test_") and path.suffix == ".py":
            assert re.search(r"^def test_\w+", text(path), re.MULTILINE), path


def test_every_plugin_has_a_manifest_and_a_product() -> None:
    manifests = [path for path in FILES if path.parts[0] == "Plugins" and path.suffix == ".toml"]
    assert manifests
    package = text(Path("Package.swift"))
    for path in manifests:
        library = re.search(r'^library\s*=\s*"lib([\w-]+)\.so"', text(path), re.MULTILINE)
        assert library, f"{path} names no library"
        assert f'"{library[1]}"' in package, f"{library[1]} is no product of Package.swift"


def test_every_option_is_explained_in_the_configuration_file() -> None:
    keys = text(Path("Sources/GAMServer/Configuration/ConfigurationKeys.swift"))
    options = re.findall(r'\.init\(\s*"(\w+)\.(\w+)"', keys)
    assert options
    file = text(Path("Config/gamd.toml"))
    for section, option in options:
        body = re.search(rf"^\[{section}\]\n(.*?)(?=^\[|\Z)", file, re.MULTILINE | re.DOTALL)
        assert body, f"no section [{section}] in Config/gamd.toml"
        line = re.compile(rf"^#.*\n(?:#.*\n)*{option}\s*=|^#\s*{option}\s*=|{option}\s*=.*#", re.M)
        assert line.search(body[1]), f"{section}.{option} is not explained in Config/gamd.toml"


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*##", text(Path("Makefile")), re.MULTILINE))


def test_the_papers_name_the_make_targets_that_exist() -> None:
    assert DOCS and make_targets()
    papers = "\n".join(text(path) for path in DOCS)
    named = set(re.findall(r"`make ([a-z][a-z-]*)", papers))
    named |= set(re.findall(r"^\s*make ([a-z][a-z-]*)", papers, re.MULTILINE))
    assert named <= make_targets(), f"no such target: {named - make_targets()}"
    assert make_targets() <= named, f"in no paper: {make_targets() - named}"


def prose(path: Path) -> str:
    """A paper without its listings."""
    return re.sub(r"^```.*?^```", "", text(path), flags=re.MULTILINE | re.DOTALL)


def test_links_between_papers_lead_somewhere() -> None:
    broken = [
        f"{path}: {target}"
        for path in DOCS
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose(path))
        if "://" not in target and not (ROOT / path.parent / target).exists()
    ]
    assert not broken, broken


def test_ci_runs_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text()


def test_the_python_messages_are_those_of_the_protocol(tmp_path: Path) -> None:
    descriptors = tmp_path / "gam.bin"
    subprocess.run(
        ["protoc", "-ISources/GAMProtocol", f"--descriptor_set_out={descriptors}", "gam.proto"],
        cwd=ROOT,
        check=True,
    )
    from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

    written = FileDescriptorSet.FromString(descriptors.read_bytes()).file[0]
    committed = FileDescriptorProto()
    gam_pb2.DESCRIPTOR.CopyToProto(committed)
    for message in [*written.message_type, *committed.message_type]:
        for nested in [message, *message.nested_type]:
            for field in nested.field:
                field.ClearField("json_name")
    assert written == committed, "gam_pb2.py is not of this gam.proto: run 'make python-protocol'"


def test_the_python_errors_are_the_statuses() -> None:
    source = text(Path("Sources/GAMProtocol/Status.swift"))
    enum = source[source.index("enum Status") : source.index("var exitCode")]
    statuses = {int(n) for n in re.findall(r"^\s*case \w+ = (\d+)", enum, re.MULTILINE)}
    assert statuses == {0, *BY_STATUS}, statuses ^ {0, *BY_STATUS}


@pytest.mark.parametrize("path", [p for p in FILES if p.suffix == ".py"], ids=str)
def test_python_compiles(path: Path) -> None:
    compile(text(path), str(path), "exec")
