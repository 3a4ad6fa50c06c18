"""How a step is shared by several processes."""

import pytest

from services.executor.trainers.together import any_of, micro_batch, short_of_memory
from shared.errors import TrainingFailed


@pytest.mark.parametrize(
    ("batch", "most", "shared_by", "micro"),
    [
        (8, 8, 1, 8),
        (8, 8, 2, 4),
        (32, 8, 2, 8),
        (24, 8, 2, 6),  # 12 each: two passes of 6, not one of 8 and one of 4
        (7, 7, 7, 1),
    ],
)
def test_passes_are_as_large_as_makes_every_step_whole(
    batch: int, most: int, shared_by: int, micro: int
) -> None:
    assert micro_batch(batch, most, shared_by=shared_by) == micro
    assert batch % (micro * shared_by) == 0


@pytest.mark.parametrize(("batch", "shared_by", "least"), [(8, 3, 1), (2, 4, 1), (6, 2, 2)])
def test_a_step_that_cannot_be_shared_evenly_is_refused(
    batch: int, shared_by: int, least: int
) -> None:
    said = f"wanted steps that {shared_by} processes share evenly, found {batch} samples"

    with pytest.raises(TrainingFailed, match=said):
        micro_batch(batch, 2, shared_by=shared_by, least=least)


def test_memory_that_is_short_is_answered_with_the_batch_to_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")

    failure = short_of_memory(8, 4, batch=64, said="CUDA out of memory")

    assert "8 samples at a time in each of 4 processes" in str(failure)
    assert "per_device_train_batch_size to 4 and gradient_accumulation_steps to 16" in str(failure)


def test_a_process_alone_decides_alone() -> None:
    assert any_of(True, False) == (True, False)
