"""TIFF files of every layout that tifffile writes: samples exact, or refused with a reason.

What always holds here: the samples are those given to tifffile; what comes back is read by Pillow
or tifffile.
"""

from __future__ import annotations

import io
import itertools

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
