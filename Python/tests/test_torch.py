"""Data sets of torch: one request per batch, memory that is never pulled away, any process."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from torch.utils.data import DataLoader  # noqa: E402

from gamd import Client, UsageError  # noqa: E402
from gamd.torch import SignalDataset  # noqa: E402

KEYS = [f"pictures/{number}" for number in range(6)]


def picture(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (40, 50, 3)).astype(np.uint8)


@pytest.fixture(scope="module", autouse=True)
def pictures(socket: str) -> None:
    with Client(socket) as client:
        for number, key in enumerate(KEYS):
            client.put(key, picture(number), channels_last=True)


def middle(index: int, view) -> tuple[slice, slice]:
    return np.s_[index : index + 8, 4:-4]


def twice(tensor):
    return tensor.float() * 2


def test_whole_signals_and_single_samples(socket: str) -> None:
    data = SignalDataset(KEYS, socket)
    assert len(data) == 6
    assert np.array_equal(data[2].numpy(), picture(2))
    assert np.array_equal(data[-1].numpy(), picture(5))
    with pytest.raises(IndexError):
        data[6]


def test_random_crops_depend_on_seed_epoch_and_index_alone(socket: str) -> None:
    data = SignalDataset(KEYS, socket, crop=(16, 16), crops_per_signal=4, seed=7)
    first = data.__getitems__(list(range(24)))
    assert first.shape == (24, 16, 16, 3)
    again = SignalDataset(KEYS, socket, crop=(16, 16), crops_per_signal=4, seed=7)
    assert torch.equal(torch.stack([again[n] for n in reversed(range(24))]).flip(0), first)
    data.set_epoch(1)
    assert not torch.equal(data.__getitems__(list(range(24))), first)


def test_crops_by_a_function_levels_and_transforms(socket: str) -> None:
    data = SignalDataset(KEYS, socket, crop=middle, level=1, transform=twice)
    expected = picture(3)[::2, ::2][3:11, 4:-4].astype(np.float32) * 2
    assert np.array_equal(data[3].numpy(), expected)
    assert [each.shape for each in data.__getitems__([0, 1])] == [(8, 17, 3)] * 2


def test_a_batch_is_one_request_and_lies_in_shared_memory(socket: str, monkeypatch) -> None:
    data = SignalDataset(KEYS, socket, crop=(8, 8))
    data[0]
    session, asked = data._place.get()._session, []
    plain = session.start

    def start(answer, request, *rest):
        asked.append(request.WhichOneof("operation"))
        return plain(answer, request, *rest)

    monkeypatch.setattr(session, "start", start)
    data.__getitems__([0, 0])
    asked.clear()
    batch = data.__getitems__([0, 0, 0, 0])
    assert asked == ["read_many"]
    pool = np.frombuffer(data._memory._pool.memory(0), np.uint8)
    assert np.shares_memory(batch.numpy(), pool)


def test_memory_is_used_again_only_when_its_batch_is_gone(socket: str) -> None:
    data = SignalDataset(KEYS, socket, batches_kept=2)
    kept = [data.__getitems__([n]) for n in range(5)]  # more than there are places
    for number, batch in enumerate(kept):
        assert np.array_equal(batch[0].numpy(), picture(number))
    part = kept.pop(0)[0, 3:5]
    place = part.data_ptr()
    data.__getitems__([5])
    assert np.array_equal(part.numpy(), picture(0)[3:5]), "a part keeps the whole batch"
    del part
    assert data.__getitems__([5]).data_ptr() == place - 3 * 50 * 3


def test_signals_of_several_shapes_are_a_list(socket: str, client: Client) -> None:
    client["small"] = picture(0)[:5, :5, 0]
    samples = SignalDataset([KEYS[0], "small"], socket).__getitems__([0, 1])
    assert [tuple(each.shape) for each in samples] == [(40, 50, 3), (5, 5)]
    with pytest.raises(UsageError, match="axes"):
        SignalDataset(["small"], socket, crop=(3,))[0]


@pytest.mark.parametrize("start", [None, "fork", "spawn"])
def test_loaders_with_workers_give_what_one_process_gives(socket: str, start: str | None) -> None:
    data = SignalDataset(KEYS, socket, crop=(12, 20), crops_per_signal=5, seed=3)
    expected = data.__getitems__(list(range(30))).clone()
    loader = DataLoader(
        data,
        batch_size=7,
        num_workers=2 if start else 0,
        multiprocessing_context=start,
        collate_fn=SignalDataset.collate,
    )
    assert torch.equal(torch.cat(list(loader)), expected)


def test_a_signal_replaced_by_another_shape_is_noticed(socket: str, client: Client) -> None:
    client["changing"] = picture(0)[..., 0]
    data = SignalDataset(["changing"], socket)
    data[0]
    client["changing"] = picture(0)[..., 0].astype(np.int32)
    with pytest.raises(UsageError, match="replaced"):
        data[0]
