"""Audio files with headers as sox and ffmpeg write them, and as nobody should: danger and verdict.

What always holds here:
- The files lie in odd_audio/, all under 20 KB: 50 ms of a tone at 8 kHz, made by the line beside
  their name (`python Tests/support/odd_audio.py` makes them anew; it needs sox and ffmpeg, tests
  do not). They are ours, free for any use.
- A verdict is what gamd does: nothing (the same bytes come back) or words of its refusal.
- The samples are those that ffmpeg, or sox where ffmpeg misreads a header, found when the files
  were made: their hashes are in odd_audio/samples.json.
"""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).with_name("odd_audio")
Patch = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Odd:
    name: str
    danger: str
    made_by: str
    """Arguments of sox ("sox ...") or ffmpeg ("ff ..."), with "| " where it writes into a pipe."""
    refused: str = ""
    patch: Patch | None = None
    """What is changed by hand afterwards."""
    read_by: str = "ff"
    """"ff", "sox", or the name of a file before it that has the same samples."""


def _size(at: int, value: int, form: str = "<I") -> Patch:
    """Writes `value` at `at`."""
    return lambda data: data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :]


def _chunk(kind: bytes, body: bytes, before: bytes = b"") -> Patch:
    """A RIFF chunk at the end, or before the chunk `before`; the RIFF size counts it."""

    def apply(data: bytes) -> bytes:
        at = data.index(before, 12) if before else len(data)
        chunk = kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
        whole = data[:at] + chunk + data[at:]
        return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]

    return apply


def _format_tag(tag: int) -> Patch:
    return _size(20, tag, "<H")


def _without_pad(data: bytes) -> bytes:
    """An odd data chunk that ends without its pad byte, as many writers leave it."""
    assert len(data) % 2 == 0 and data[-1] == 0
    return _size(4, len(data) - 9)(data[:-1])


SIX = "-af pan={}|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0"
ODD = "-af atrim=end_sample=399"
NOT_KEPT = "are not kept; convert the file to"

CASES = [
    Odd("extensible-24.wav", "WAVE_FORMAT_EXTENSIBLE and a fact chunk", "sox -b 24 -c 2"),
    Odd("info.wav", "a LIST chunk before the samples", "ff -metadata title=tone"),
    Odd("bext-levl.wav", "a bext chunk before, a levl chunk behind the samples",
        "ff -write_bext 1 -metadata originator=us -write_peak on -peak_block_size 16"),
    Odd("id3.wav", "an ID3 tag in a chunk of odd length behind the samples", "ff",
        patch=_chunk(b"id3 ", b"ID3\4\0\0\0\0\0\7TIT2...")),
    Odd("junk.wav", "alignment and unknown chunks before the samples", "ff",
        patch=_chunk(b"JUNK", bytes(29), b"data")),
    Odd("rf64.wav", "64-bit sizes in ds64, all ones in the 32-bit fields",
        "ff -rf64 always -write_bext 1 -metadata description=tone"),
    Odd("rf64-pipe.wav", "RF64 into a pipe: ds64 stays empty", "ff -rf64 always |",
        refused="does not say how many"),
    Odd("odd-pad.wav", "a data chunk of odd length with its pad byte", f"ff {ODD} -c:a pcm_u8"),
    Odd("odd-chunk.wav", "a chunk behind a padded data chunk", f"ff {ODD} -c:a pcm_u8",
        patch=_chunk(b"note", b"behind the pad byte")),
    Odd("odd-unpadded.wav", "a data chunk of odd length without its pad byte",
        f"ff {ODD} -c:a pcm_u8 -bitexact", patch=_without_pad),
    Odd("pipe-ffmpeg.wav", "both sizes all ones: a stream", "ff |"),
    Odd("pipe-sox.wav", "sizes of 2 GiB less a page: sox into a pipe", "sox -b 16 |",
        read_by="sox"),
    Odd("pipe-zero.wav", "both sizes 0: a stream cut off before its sizes were filled in",
        "ff -bitexact", patch=lambda data: _size(40, 0)(_size(4, 0)(data)),
        refused="does not say how many"),
    Odd("unclosed.wav", "the sizes of an empty file, never filled in", "ff -bitexact",
        patch=lambda data: _size(40, 0)(_size(4, 8)(data))),
    Odd("unsigned-8.wav", "bytes are unsigned in WAV", "ff -c:a pcm_u8"),
    Odd("int-24.wav", "three bytes for each sample", "ff -c:a pcm_s24le"),
    Odd("int-32.wav", "four bytes for each sample", "ff -c:a pcm_s32le"),
    Odd("float-32.wav", "IEEE floats with a fact chunk", "ff -c:a pcm_f32le"),
    Odd("float-64.wav", "64-bit floats have no place in a signal", "ff -c:a pcm_f64le",
        refused=NOT_KEPT),
    Odd("surround-24.wav", "six channels and a mask", f"ff {SIX.format('5.1')} -c:a pcm_s24le"),
    Odd("surround-side.wav", "the other mask of 5.1", f"ff {SIX.format('5.1(side)')}"),
    Odd("valid-20.wav", "20 valid bits in 24", "sox -b 24 -c 2", patch=_size(38, 20, "<H")),
    Odd("big-endian.wav", "RIFX: a WAV in big-endian order", "sox -B -b 16", read_by="sox"),
    Odd("mu-law.wav", "a codec of 8 bits that means 14", "ff -c:a pcm_mulaw", refused=NOT_KEPT),
    Odd("adpcm.wav", "a lossy codec in blocks", "ff -c:a adpcm_ms", refused=NOT_KEPT),
    Odd("mp3.wav", "MP3 in a WAV", "ff -c:a libmp3lame", refused=NOT_KEPT),
    Odd("wavpack.wav", "the format tag of WavPack", "ff", patch=_format_tag(0x5756),
        refused="tag 0x5756 " + NOT_KEPT),
    Odd("tag-0.wav", "the unknown format tag", "ff", patch=_format_tag(0), refused=NOT_KEPT),
    Odd("cut-off.wav", "the header announces more than there is", "ff",
        patch=lambda data: data[:-200], refused="cut off"),
    Odd("cut-off-sizes.wav", "sizes just below those of sox's streams", "sox -b 16 |",
        patch=_size(40, 0x7FFFEFFE), refused="cut off"),
    Odd("sowt.aiff", "little-endian samples in an AIFF-C", "ff -c:a pcm_s16le"),
    Odd("id3.aiff", "an ID3 tag in a chunk", "ff -write_id3v2 1 -metadata title=tone"),
    Odd("int-24.aiff", "three bytes, big-endian", "ff -c:a pcm_s24be"),
    Odd("fl32.aiff", "floats in an AIFF-C", "ff -c:a pcm_f32be"),
    Odd("fl64.aiff", "64-bit floats in an AIFF-C", "ff -c:a pcm_f64be", refused=NOT_KEPT),
    Odd("ulaw.aiff", "mu-law in an AIFF-C", "ff -c:a pcm_mulaw", refused=NOT_KEPT),
    Odd("none.aifc", "AIFF-C without compression", "sox -b 16", read_by="sox"),
    Odd("comment.aiff", "a COMT chunk before COMM", "sox -b 16", read_by="sox"),
    Odd("pipe-sox.aiff", "sizes of almost 2 GiB: sox into a pipe", "sox -b 16 |", read_by="sox"),
    Odd("pipe-ffmpeg.aiff", "no frames and no bytes: ffmpeg into a pipe", "ff |",
        read_by="sowt.aiff"),
    Odd("long-note.au", "an annotation of 2,000 bytes", f"sox --comment {'note' * 500} -b 16"),
    Odd("pipe.au", "a size of all ones: a stream", "ff |"),
    Odd("int-24.au", "three bytes, big-endian", "ff -c:a pcm_s24be"),
    Odd("a-law.au", "A-law", "ff -c:a pcm_alaw", refused=NOT_KEPT),
    Odd("double.au", "64-bit floats", "ff -c:a pcm_f64be", refused=NOT_KEPT),
    Odd("little.caf", "little-endian samples, chan and info chunks", "ff -c:a pcm_s16le"),
    Odd("free.caf", "a free chunk of 4 KiB", "sox -b 16", read_by="sox"),
    Odd("float.caf", "little-endian floats", "ff -c:a pcm_f32le"),
    Odd("pipe.caf", "a size of all ones: a stream, which libsndfile does not read", "ff |",
        refused="does not say how many samples there are"),
    Odd("alac.caf", "a compressed CAF", "ff -c:a alac", refused=NOT_KEPT),
    Odd("int-24.w64", "chunks padded to 8 bytes", "ff -c:a pcm_s24le"),
    Odd("unsigned-8.w64", "bytes are unsigned in Wave64", f"ff {ODD} -c:a pcm_u8"),
    Odd("pipe-ffmpeg.w64", "sizes of all ones: a stream, which ffmpeg itself cannot read", "ff |",
        read_by="pipe.au"),
]


def _run(command: list[str]) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout


def _make(odd: Odd) -> bytes:
    path = FOLDER / odd.name
    program, *words = odd.made_by.split()
    kind = path.suffix[1:]
    into_pipe = words[-1:] == ["|"]
    words = words[:-1] if into_pipe else words
    target = "-" if into_pipe else str(path)
    if program == "sox":
        words += ["" if "-c" in words else "-c 1"]
        plain = " ".join(words).split()
        command = ["sox", "-D", "-R", "-n", "-r", "8000", *plain, "-t", kind, target]
        command += "synth 0.05 sine 440 vol 0.5".split()
    else:
        command = "ffmpeg -loglevel error -y -f lavfi -i sine=f=440:r=8000:d=0.05".split()
        command += [*words, "-f", {"aifc": "aiff"}.get(kind, kind), target]
    written = _run(command)
    data = written if into_pipe else path.read_bytes()
    return odd.patch(data) if odd.patch else data


def canonical(samples: np.ndarray, bits: int, is_float: bool, is_unsigned: bool) -> bytes:
    """Samples at the top of 32 bits as gamd gives them."""
    if is_float:
        return samples.tobytes()
    low = samples >> (32 - bits)
    if is_unsigned:
        low = low + (1 << bits - 1)
    return low.astype({8: np.uint8, 16: np.int16}.get(bits, np.int32)).tobytes()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _truth(odd: Odd) -> dict[str, object]:
    path = str(FOLDER / odd.name)
    facts = "stream=bits_per_sample,channels,sample_rate,codec_name"
    probe = ["ffprobe", "-v", "error", "-of", "json", "-show_entries", facts, path]
    stream = json.loads(_run(probe))["streams"][0]
    is_float = stream["codec_name"].startswith("pcm_f")
    form = "f32" if is_float else "s32"
    if odd.read_by == "sox":
        raw = _run(["sox", path, "-t", "s32", "-L", "-"])
    else:
        command = ["ffmpeg", "-v", "error", "-i", path, "-c:a", f"pcm_{form}le", "-f", f"{form}le"]
        raw = _run([*command, "-"])
    bits = int(stream["bits_per_sample"])
    samples = np.frombuffer(raw, "<f4" if is_float else "<i4")
    is_unsigned = stream["codec_name"] == "pcm_u8"
    return {
        "rate": int(stream["sample_rate"]),
        "channels": stream["channels"],
        "bits": bits,
        "frames": len(samples) // stream["channels"],
        "sha256": digest(canonical(samples, bits, is_float, is_unsigned)),
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    truths = {}
    for odd in CASES:
        (FOLDER / odd.name).write_bytes(_make(odd))
        assert (FOLDER / odd.name).stat().st_size < 20_000, odd.name
        if not odd.refused:
            truths[odd.name] = truths.get(odd.read_by) or _truth(odd)
    (FOLDER / "samples.json").write_text(json.dumps(truths, indent=1) + "\n")


if __name__ == "__main__":
    main()
