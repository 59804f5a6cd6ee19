"""`get --format`: exact where another format holds everything, refused with a reason where not.

What always holds here:
- Files that come out are read by Pillow, pypng, tifffile, numpy and the flac program.
- A refusal names what would be lost; --drop-metadata is the only way around it.
"""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tifffile
from containers import au_file, caf_file, w64_file
from corpus import png_file, wav_file
from corpus_media import webp_file
from gamd_process import Daemon
from hostile_plugins import FILE, SAMPLES, build
from PIL import Image
from readers import bits_equal, flac_sound, npy_array, png_samples, wav_sound

from gamd import AdapterMissingError, BadInputError, Client, UsageError

RGB = (np.indices((24, 31, 3)).sum(axis=0) * 7 % 256).astype(np.uint8)
STEREO = (np.indices((3000, 2)).sum(axis=0) * 911 % 50000 - 25000).astype(np.int16)


def _pnm(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


PICTURES = {
    "png": (png_file(RGB, 8), png_samples),
    "tiff": (None, lambda data: tifffile.imread(io.BytesIO(data))),
    "pnm": (b"P6\n31 24\n255\n" + RGB.tobytes(), _pnm),
    "webp": (webp_file(RGB), _pnm),
}


def _tiff() -> bytes:
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "TIFF")
    return file.getvalue()


@pytest.mark.parametrize("target", PICTURES)
@pytest.mark.parametrize("source", PICTURES)
def test_pictures_convert_exactly(client: Client, source: str, target: str) -> None:
    data = PICTURES[source][0] or _tiff()
    client.put_bytes("picture", data, file_name=f"a.{source}")
    dropped = "" if source != "tiff" or target == "tiff" else ",drop_metadata=1"
    out = client.get_file("picture", format=target + dropped)
    assert bits_equal(PICTURES[target][1](out), RGB)


def _flac(data: bytes, tmp_path: Path) -> np.ndarray | None:
    path = tmp_path / "a.flac"
    path.write_bytes(data)
    return flac_sound(path, 2, 16)


@pytest.mark.parametrize(
    "name, data",
    [
        ("a.wav", wav_file(STEREO, 16)),
        ("a.w64", w64_file(STEREO)),
        ("a.au", au_file(STEREO)),
        ("a.caf", caf_file(STEREO)),
    ],
)
def test_sounds_convert_exactly(client: Client, tmp_path: Path, name: str, data: bytes) -> None:
    client.put_bytes("sound", data, file_name=name)
    flac = client.get_file("sound", format="flac")
    assert bits_equal(_flac(flac, tmp_path), STEREO)
    client.put_bytes("again", flac, file_name="a.flac")
    assert bits_equal(wav_sound(client.get_file("again", format="wav")).samples, STEREO)


def test_arrays_convert_exactly(client: Client) -> None:
    volume = np.random.default_rng(4).normal(0, 1, (5, 6, 7)).astype(np.float32)
    file = io.BytesIO()
    np.save(file, volume)
    client.put_bytes("array", file.getvalue(), file_name="a.npy")
    nrrd = client.get_file("array", format="nrrd")
    client.put_bytes("nrrd", nrrd, file_name="a.nrrd")
    assert bits_equal(npy_array(client.get_file("nrrd", format="npy")), volume)
    vdb = client.get_file("array", format="vdb")
    client.put_bytes("vdb", vdb, file_name="a.vdb")
    assert bits_equal(client.read("vdb"), volume)


LOSSY = [
    ("a.png", png_file(RGB, 8, gamma=0.45), "tiff", "gAMA"),
    ("a.png", png_file(RGB[..., 0] % 4, 8, palette=[(9, 9, 9)] * 4), "pnm", "palette"),
    ("a.webp", webp_file(RGB, icc_profile=b"p" * 140), "png", "ICCP"),
    ("a.pgm", b"P5\n# made by me\n31 24\n255\n" + RGB[..., 0].tobytes(), "png", "comments"),
    ("a.wav", wav_file(STEREO, 16, tail=b"LIST" + struct.pack("<I", 4) + b"INFO"), "flac", "LIST"),
    ("a.au", au_file(STEREO, b"from the moon\0\0\0"), "wav", "annotation"),
]


@pytest.mark.parametrize("name, data, target, loss", LOSSY, ids=[case[3] for case in LOSSY])
def test_what_would_be_lost_is_named(
    client: Client, name: str, data: bytes, target: str, loss: str
) -> None:
    client.put_bytes("lossy", data, file_name=name)
    with pytest.raises(UsageError, match=loss) as caught:
        client.get_file("lossy", format=target)
    assert "--drop-metadata" in str(caught.value)
    assert client.get_file("lossy", format=target + ",drop_metadata=1")
    assert client.get_file("lossy")


def test_formats_that_cannot_hold_the_samples_are_refused(client: Client) -> None:
    client.put("deep", np.arange(24, dtype=np.float32).reshape(4, 6))
    for target in ["png", "webp", "pnm", "wav", "flac"]:
        with pytest.raises(UsageError):
            client.get_file("deep", format=target)
    read = np.asarray(Image.open(io.BytesIO(client.get_file("deep", format="tiff"))))
    assert bits_equal(read, np.arange(24, dtype=np.float32).reshape(4, 6))
    with pytest.raises(UsageError, match="no plugin writes"):
        client.get_file("deep", format="gif")
    with pytest.raises(UsageError, match="name=value"):
        client.get_file("deep", format="png,oops")


def test_gamctl_names_the_file_after_the_format(daemon: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(png_file(RGB, 8, gamma=0.45))
    assert daemon.gamctl("put", "named", path).returncode == 0
    out = tmp_path / "out.tiff"
    refused = daemon.gamctl("get", "named", "--format", "tiff", "-o", out)
    assert refused.returncode == 64 and b"gAMA" in refused.stderr and not out.exists()
    done = daemon.gamctl("get", "named", "--format", "tiff", "--drop-metadata", "-o", out)
    assert done.returncode == 0, done.stderr
    assert bits_equal(tifffile.imread(out), RGB)


def _jpeg(**options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "JPEG", **options)
    return file.getvalue()


def test_a_jpeg_is_kept_only_as_its_decoded_samples(daemon: Daemon, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a title"
    for options in [{}, {"progressive": True}, {"exif": exif.tobytes(), "dpi": (300, 300)}]:
        path = tmp_path / "a.jpg"
        path.write_bytes(_jpeg(quality=85, **options))
        refused = daemon.gamctl("put", "jpeg", path)
        assert refused.returncode == 65 and b"--decoded" in refused.stderr
        assert daemon.gamctl("put", "jpeg", path, "--decoded").returncode == 0
        out = tmp_path / "a.png"
        assert daemon.gamctl("get", "jpeg", "-o", out).returncode == 0
        decoded = np.asarray(Image.open(path))
        assert np.abs(png_samples(out.read_bytes()).astype(int) - decoded).max() <= 2
        if "exif" in options:
            back = Image.open(out)
            assert back.getexif()[0x010E] == "a title"
            assert round(back.info["dpi"][0]) == 300


def jxl_file(folder: Path, png: bytes, *options: str) -> Path:
    (folder / "in.png").write_bytes(png)
    command = ["cjxl", folder / "in.png", folder / "a.jxl", "--quiet", *options]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "a.jxl"


@pytest.mark.parametrize("bits", [8, 16])
def test_a_lossless_jpeg_xl_comes_back(client: Client, tmp_path: Path, bits: int) -> None:
    samples = RGB if bits == 8 else RGB.astype(np.uint16) * 257 + 3
    path = jxl_file(tmp_path, png_file(samples, bits), "-d", "0")
    client.put_file("jxl", path)
    assert bits_equal(client.read("jxl"), samples)
    back = tmp_path / "back.jxl"
    back.write_bytes(client.get_file("jxl"))
    command = ["djxl", back, tmp_path / "back.png", "--quiet"]
    subprocess.run(command, check=True, capture_output=True)
    assert bits_equal(png_samples((tmp_path / "back.png").read_bytes()), samples)
    assert bits_equal(png_samples(client.get_file("jxl", format="png")), samples)


def test_a_lossy_jpeg_xl_is_refused_without_decoded(client: Client, tmp_path: Path) -> None:
    path = jxl_file(tmp_path, png_file(RGB, 8), "-d", "1")
    with pytest.raises(BadInputError, match="--decoded"):
        client.put_file("jxl", path)
    client.put_file("jxl", path, options={"decoded": "1"})
    assert np.median(np.abs(client.read("jxl").astype(int) - RGB)) < 5


def test_a_lossy_webp_is_refused_without_decoded(client: Client) -> None:
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "WEBP", quality=80)
    with pytest.raises(BadInputError, match="--decoded"):
        client.put_bytes("webp", file.getvalue(), file_name="a.webp")
    client.put_bytes("webp", file.getvalue(), file_name="a.webp", options={"decoded": "1"})
    expected = np.asarray(Image.open(io.BytesIO(file.getvalue())))
    assert np.abs(client.read("webp").astype(int) - expected).max() <= 2
    assert bits_equal(_pnm(client.get_file("webp")), client.read("webp"))


def test_a_signal_outlives_its_plugin(tmp_path: Path) -> None:
    build(tmp_path / "plugins", "none")
    daemon = Daemon(tmp_path / "daemon", "--plugins", str(tmp_path / "plugins"))
    with daemon, daemon.client() as client:
        client.put_bytes("orphan", FILE, file_name="a.none")
    with Daemon(tmp_path / "daemon") as daemon, daemon.client() as client:
        assert [entry.key for entry in client.ls()] == ["orphan"]
        assert client.stat("orphan").adapter == "harm-none"
        client.verify("orphan")
        assert client.read("orphan").tobytes() == SAMPLES
        assert npy_array(client.get_file("orphan", format="npy")).tobytes() == SAMPLES
        with pytest.raises(AdapterMissingError, match="harm-none.*not installed"):
            client.get_file("orphan")
