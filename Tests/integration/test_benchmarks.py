"""The arithmetic of the benchmarks: kinds, ratios, verdicts. Nothing is timed here."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from gamd_process import ROOT

sys.path.insert(0, str(ROOT / "Benchmarks"))

import kinds  # noqa: E402
from inputs import Mosaic, mirrored, write_npy_cube, write_png, write_ppm, write_wav  # noqa: E402
from measure import Row, measure_file  # noqa: E402
from pareto import pareto_lines  # noqa: E402
from PIL import Image  # noqa: E402
from publish import DOCS, REPORTS, body, publish, replaced  # noqa: E402
from readers import png_samples, wav_sound  # noqa: E402
from report import Comparison, table, write_csv  # noqa: E402
from scaling_report import Measured, growth  # noqa: E402
from targets import AT_LEAST, AT_MOST, Line, target_lines  # noqa: E402
from tool import LibraryTool, ProcessTool, Spent  # noqa: E402

PHOTO_GROUP = ("photos", kinds.PHOTO)
JXL = "JPEG XL e7"


def row(source: str, tool: str, size: int, encode: list[float], decode: list[float], **more) -> Row:
    return Row(
        source, more.pop("group", PHOTO_GROUP), tool, 1000, 1000, size,
        tuple(Spent(process=seconds) for seconds in encode),
        tuple(Spent(process=seconds) for seconds in decode), **more,
    )


def test_ratios_of_time_are_medians_over_paired_rounds() -> None:
    own = row("a", "gam M effort 0", 90, [1, 10, 1], [1, 1, 1])
    peer = row("a", JXL, 100, [4, 40, 6], [2, 1, 1])
    assert own.times_as_fast(peer, "encode", "process") == 4
    assert own.times_as_fast(peer, "decode", "process") == 1
    assert own.times_as_fast(peer, "decode", "inside") is None
    once = row("a", "gam M effort 1", 80, [2], [1, 1, 1])
    assert once.times_as_fast(peer, "encode", "process") == 3


def test_a_tool_is_compared_on_the_files_it_takes() -> None:
    rows = [
        row("a", "WebP", 50, [1], [1]),
        row("a", JXL, 100, [8], [3]),
        row("b", JXL, 1_000_000, [8], [3]),
    ]
    beside = Comparison.of(rows, "WebP", JXL)
    assert beside.bytes_ratio == 0.5
    assert beside.times_as_fast("encode", "process") == 8
    assert Comparison.of(rows, "WebP", "nobody").bytes_ratio is None
    (line,) = [line for line in table("f", kinds.PHOTO, rows, "process") if "| WebP" in line]
    assert line.startswith("| WebP | 1 | 50 | 0.400 | 0.500 | 0.0 | 8.00 |")


def test_a_verdict_turns_at_its_limit() -> None:
    line = Line("bytes", AT_MOST, {"S": 0.98, "M": 0.94}, {"S": 0.98, "M": 0.941, "L": 2.0})
    assert "met" in line.cell("S") and "missed" in line.cell("M")
    assert line.cell("L") == "2.000"
    speed = Line("speed", AT_LEAST, {"S": 4, "M": 1.5}, {"S": 3.99, "M": 1.5}, 2)
    assert "missed" in speed.cell("S") and "met" in speed.cell("M") and speed.cell("L") == ""


def test_targets_are_told_by_kind_size_and_effort() -> None:
    rows = [
        row("a", "gam M effort 0", 98, [1], [1]),
        row("a", "gam M effort 1", 95, [2], [1], energy_rounds=(3.0, 2.0, 2.5)),
        row("a", JXL, 100, [4.5], [1.4]),
    ]
    lines = {line.what: line for line in target_lines(rows, "process")[f"photos: {kinds.PHOTO}"]}
    assert "met" in lines[f"bytes / {JXL}, prior only"].cell("M")
    assert "missed" in lines[f"bytes / {JXL}, after refit, effort 1"].cell("M")
    assert lines[f"put (effort 0), times {JXL}"].cell("M").startswith("4.50 met")
    assert "missed" in lines[f"recall, times {JXL}"].cell("M")
    assert lines["rounds in which energy rose"].cell("M").startswith("1 **missed**")
    assert lines["refit, seconds per megasample, effort 1"].measured["M"] == pytest.approx(2000)


def test_a_peer_beats_us_only_in_all_three_at_once() -> None:
    rows = [
        row("a", "gam S effort 0", 110, [1], [1]),
        row("a", "gam L effort 0", 90, [4], [4]),
        row("a", "smaller and slow", 80, [5], [1]),
        row("a", "larger and fast", 100, [1], [1]),
    ]
    claim, _, details, _ = pareto_lines(rows, "process")
    assert "met: none" in claim
    assert details == "Beaten in all three: gam S effort 0 by larger and fast."
    rows.append(row("a", "best", 80, [1], [0.5]))
    claim, *_ = pareto_lines(rows, "process")
    assert "**missed**: best beat every one" in claim


def test_kinds_are_told_by_samples() -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (64, 64, 3), np.uint8)
    assert kinds.picture_kind(noise) == kinds.PHOTO
    assert kinds.picture_kind(noise[:, :, 0]) == kinds.DRAWING
    assert kinds.picture_kind(np.repeat(noise, 4, axis=1)) == kinds.DRAWING
    assert kinds.picture_kind(noise.astype(np.uint16)) == kinds.DEEP_PICTURE
    z, y, x = np.mgrid[-16:16, -16:16, -16:16].astype(np.float64)
    ball = (np.sqrt(x * x + y * y + z * z) - 10) * 256
    assert kinds.array_kind(np.rint(ball).astype(np.int16)) == kinds.DISTANCE
    assert kinds.array_kind(np.rint(ball.clip(-768, 768)).astype(np.int16)) == kinds.BAND
    assert kinds.array_kind(rng.integers(0, 9, (32, 32, 32)).astype(np.int16)) == kinds.INT_VOLUME
    assert kinds.array_kind(ball.astype(np.float32)) == kinds.FLOAT_VOLUME


class Halves(LibraryTool):
    """Keeps every sample twice; forgets the last one where it is told to lie."""

    name = "halves"
    lies = False

    def takes(self, source: kinds.Source) -> bool:
        return True

    def pack(self, samples: np.ndarray) -> list[bytes]:
        return [samples.tobytes(), samples.tobytes()]

    def unpack(self, packed: list[bytes], like: np.ndarray) -> np.ndarray:
        found = np.frombuffer(packed[0], like.dtype).reshape(like.shape).copy()
        found.flat[-1] ^= self.lies
        return found


class Copy(ProcessTool):
    name = "copy"

    def encode_command(self, path: Path, packed: Path) -> list:
        return ["cp", path, packed]

    def decode_command(self, packed: Path, plain: Path) -> list:
        return ["cp", packed, plain]

    def is_exact(self, source: kinds.Source, folder: Path) -> bool:
        return self.plain(folder).read_bytes() == source.path.read_bytes()


def test_only_exact_tools_are_told_of(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    samples = np.arange(100, dtype=np.uint8).reshape(10, 10)
    path = tmp_path / "a.bin"
    path.write_bytes(samples.tobytes())
    source = kinds.Source(path, "a.bin", samples, kinds.OTHER_ARRAY)
    liar = Halves()
    liar.lies = True
    rows = measure_file(source, [Halves(), liar, Copy()], tmp_path, rounds=2)
    assert [(row.tool, row.bytes) for row in rows] == [("halves", 208), ("copy", 100)]
    assert "halves left out for a.bin" in capsys.readouterr().err
    assert len(rows[1].seconds("decode", "process")) == 2
    assert rows[0].seconds("encode", "process") == []
    assert len(rows[0].seconds("encode", "inside")) == 2
    write_csv(tmp_path / "rows.csv", rows)
    assert (tmp_path / "rows.csv").read_text().count("\n") == 3
    liar.is_ours = True
    with pytest.raises(RuntimeError, match="other samples came back"):
        measure_file(source, [liar], tmp_path, rounds=1)


def test_large_inputs_are_what_they_say(tmp_path: Path) -> None:
    picture = np.random.default_rng(3).integers(0, 256, (40, 900, 3), np.uint8)
    mosaic = Mosaic([picture], 600, 700, seed=5)
    whole = mosaic.whole()
    assert whole.shape == (600, 700, 3)
    assert not np.array_equal(whole[:512, :188], whole[:512, 512:])
    write_png(tmp_path / "a.png", mosaic)
    assert np.array_equal(png_samples((tmp_path / "a.png").read_bytes()), whole)
    write_ppm(tmp_path / "a.ppm", mosaic)
    assert (tmp_path / "a.ppm").read_bytes() == b"P6\n700 600\n255\n" + whole.tobytes()
    clip = np.arange(-500, 500, dtype=np.int16).reshape(-1, 2)
    write_wav(tmp_path / "a.wav", [clip], 8000, 1234)
    sound = wav_sound((tmp_path / "a.wav").read_bytes())
    assert (sound.samples.shape, sound.rate, sound.bits) == ((1234, 2), 8000, 16)
    assert np.abs(sound.samples).max() <= 500 and sound.samples.std() > 100
    cube = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
    write_npy_cube(tmp_path / "a.npy", cube, 9)
    assert np.load(tmp_path / "a.npy").shape == (9, 9, 9)
    assert mirrored(7, 3).tolist() == [0, 1, 2, 2, 1, 0, 0]


def measured(samples: int, seconds: float, peak: int) -> Measured:
    size = f"{samples} samples"
    return Measured("sound", size, samples, samples, samples, seconds, seconds**2, peak, peak)


def test_growth_is_the_slope_of_the_logarithms() -> None:
    (line, _) = growth([measured(10, 2, 100), measured(1000, 200, 150)])
    assert "put seconds grow as samples^1.00, get as samples^2.00" in line
    assert "(100 times) peak memory of put grows 1.5 times" in line
    assert growth([measured(10, 2, 100)]) == [""]


def test_reports_go_between_their_marks_and_nowhere_else(tmp_path: Path) -> None:
    runs, docs = tmp_path / "runs", tmp_path / "docs"
    runs.mkdir()
    docs.mkdir()
    for paper in {paper for paper, _, _ in REPORTS}:
        (docs / paper).write_text((DOCS / paper).read_text())
    before = (docs / "measurements.md").read_text()
    (runs / "targets.md").write_text("# Title\n\n### Group\n| a | \\1 |\n")
    Image.new("RGB", (30, 20), "red").save(runs / "plot.png")
    assert "compare.md" in publish(runs, docs) and "targets.md" not in publish(runs, docs)
    paper = (docs / "performance.md").read_text()
    assert "<!-- begin targets -->\n#### Group\n| a | \\1 |\n<!-- end targets -->" in paper
    assert "# Title" not in paper
    assert (docs / "measurements.md").read_text() == before
    assert Image.open(docs / "plots" / "plot.png").size == (30, 20)
    assert body("# T\n\n## A\ntext") == "\n### A\ntext"
    with pytest.raises(ValueError, match="one pair of marks"):
        replaced("no marks", "targets", "text")
