"""Audio with odd headers, as sox, ffmpeg and careless hands write it: exact, or refused in words.

What always holds here:
- The samples are those another program found; the bytes that come back are those that were put.
"""

from __future__ import annotations

import json

import pytest
from odd_audio import CASES, FOLDER, Odd, digest

from gamd import BadInputError, Client, UnsupportedError

KEPT = [odd for odd in CASES if not odd.refused]
REFUSED = [odd for odd in CASES if odd.refused]
TRUTHS = json.loads((FOLDER / "samples.json").read_text())


@pytest.mark.parametrize("odd", KEPT, ids=lambda odd: odd.name)
def test_odd_headers_are_exact(client: Client, odd: Odd) -> None:
    key, data, truth = f"odd/{odd.name}", (FOLDER / odd.name).read_bytes(), TRUTHS[odd.name]
    stat = client.put_bytes(key, data, file_name=odd.name)
    samples = client[key][...]
    assert (stat.kind, stat.bits) == ("audio", truth["bits"]), odd.danger
    assert len(stat.description.channels) == truth["channels"]
    assert len(samples) == truth["frames"]
    assert digest(samples.tobytes()) == truth["sha256"], odd.danger
    assert round(1 / stat.description.axes[0].spacing) == truth["rate"]
    assert client.get_file(key) == data, odd.danger
    client.delete(key)


@pytest.mark.parametrize("odd", REFUSED, ids=lambda odd: odd.name)
def test_odd_headers_are_refused_in_words(client: Client, odd: Odd) -> None:
    key, data = f"odd/{odd.name}", (FOLDER / odd.name).read_bytes()
    with pytest.raises((BadInputError, UnsupportedError), match=odd.refused):
        client.put_bytes(key, data, file_name=odd.name)
    assert key not in client


def test_every_odd_file_has_a_case() -> None:
    files = {path.name for path in FOLDER.iterdir()} - {"samples.json"}
    assert files == {odd.name for odd in CASES}
    assert set(TRUTHS) == {odd.name for odd in KEPT}
