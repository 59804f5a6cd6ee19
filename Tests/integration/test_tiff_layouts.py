"""TIFF files of every layout that tifffile writes: samples exact, or refused with a reason.

What always holds here: the samples are those given to tifffile; what comes back is read by Pillow
or tifffile.
"""

from __future__ import annotations

import io
import itertools
import zlib

import numpy as np
import pytest
import tifffile
from readers import bits_equal

from gamd import Client

DTYPES = ["u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4"]
LAYOUTS = {
    "one-strip": {"rowsperstrip": 50},
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 32)},
}
SHAPES = {
    "gray": ((37, 45), {"photometric": "minisblack"}),
    "rgb": ((37, 45, 3), {"photometric": "rgb", "planarconfig": "contig"}),
    "planes": ((3, 37, 45), {"photometric": "rgb", "planarconfig": "separate"}),
    "pages": ((4, 37, 45), {"photometric": "minisblack"}),
}


def _samples(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    if dtype.startswith("f"):
        return rng.normal(0, 100, shape).astype(dtype)
    top = 1 << 8 * int(dtype[1]) - (dtype[0] == "i")
    return rng.integers(0, top, shape, dtype=np.int64).astype(dtype)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_layout_is_exact(client: Client, layout: str, shape: str) -> None:
    rng = np.random.default_rng(9)
    extents, options = SHAPES[shape]
    for dtype, big, order, packed in itertools.product(
        DTYPES, [False, True], "<>", [None, "zlib"]
    ):
        samples = _samples(rng, extents, dtype)
        file = io.BytesIO()
        tifffile.imwrite(
            file, samples.astype(np.dtype(dtype).newbyteorder(order)), bigtiff=big,
            byteorder=order, compression=packed, metadata=None, **LAYOUTS[layout], **options,
        )  # fmt: skip
        case = f"{dtype} big={big} {order} {packed}"
        client.put_bytes("tiff", file.getvalue(), file_name="a.tif")
        expected = np.moveaxis(samples, 0, -1) if shape == "planes" else samples
        assert bits_equal(client.read("tiff"), np.ascontiguousarray(expected)), case
    client.get_file("tiff")


def test_a_tile_that_holds_more_than_it_should(client: Client) -> None:
    """Its end is not what lay in memory: libdeflate leaves it unwritten, libtiff does not say."""
    samples = np.repeat(np.arange(45, dtype=np.uint8), 3 * 37).reshape(45, 37, 3)
    file = io.BytesIO()
    tifffile.imwrite(
        file, samples, photometric="rgb", planarconfig="contig", compression="zlib", tile=(16, 32),
        metadata=None,
    )  # fmt: skip
    data = file.getvalue()
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        page = tiff.pages[0]
        at = page.tags["SamplesPerPixel"].valueoffset
        blocks = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    wrong = data[:at] + b"\x02" + data[at + 1 :]
    expected = np.zeros((48, 64, 2), np.uint8)
    for index, (start, length) in enumerate(blocks):
        tile = np.frombuffer(zlib.decompress(data[start : start + length])[:1024], np.uint8)
        top, left = 16 * (index // 2), 32 * (index % 2)
        expected[top : top + 16, left : left + 32] = tile.reshape(16, 32, 2)
    client.put_bytes("tiff", wrong, file_name="a.tif")
    assert bits_equal(client.read("tiff"), np.ascontiguousarray(expected[:45, :37]))
