"""What napari is given: views by level, spacing, and only for paths that are ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gamd.napari
from gamd import Client

VOLUME = np.arange(200 * 150, dtype=np.uint16).reshape(200, 150)


@pytest.fixture(autouse=True)
def stored(socket: str, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMD_SOCKET", socket)
    client.put("scan", VOLUME, spacing=0.25, unit="um")
    client.put("colors", np.zeros((10, 12, 3), np.uint8), channels_last=True)
    client.put("bands", np.zeros((10, 12, 7), np.uint8), channels_last=True)


def test_a_signal_is_a_lazy_pyramid(tmp_path: Path) -> None:
    named = tmp_path / "scan.gamdkey"
    named.write_text("gamd://scan\n")
    for path in ("gamd://scan", str(named), ["gamd://scan"]):
        [(levels, settings, kind)] = gamd.napari.get_reader(path)(path)
        assert kind == "image" and settings["multiscale"] and settings["scale"] == (0.25, 0.25)
        assert settings["axis_labels"] == ["y", "x"] and settings["units"] == ["um", "um"]
        assert [level.shape for level in levels] == [(200, 150), (100, 75)]
        assert np.array_equal(np.asarray(levels[1][10:20]), VOLUME[::2, ::2][10:20])


def test_channels_are_colors_or_layers() -> None:
    (colors, settings, _), (_, more, _) = gamd.napari.read(["gamd://colors", "gamd://bands"])
    assert settings["rgb"] and not settings["multiscale"] and colors.shape == (10, 12, 3)
    assert more["channel_axis"] == 2 and "rgb" not in more


@pytest.mark.parametrize("path", ["picture.png", [], ["gamd://a", "b.tif"]])
def test_other_paths_are_left_alone(path) -> None:
    assert gamd.napari.get_reader(path) is None


def test_the_manifest_is_one() -> None:
    npe2 = pytest.importorskip("npe2", reason="npe2 is not installed")
    folder = Path(gamd.napari.__file__).parent
    manifest = npe2.PluginManifest.from_file(folder / "napari.yaml")
    [reader] = manifest.contributions.readers
    assert reader.filename_patterns == ["gamd://*", "*.gamdkey"]
    [command] = manifest.contributions.commands
    assert command.python_name == "gamd.napari:get_reader"
