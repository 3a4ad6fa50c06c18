"""What is refused before training, on counts of a few samples."""

import hashlib

import pytest

from services.executor.gates import Counts, trainable
from shared.errors import DataFailed

WHOLE, CUT, TOO_LONG, ALL = (5, 2, True), (5, 1, False), (5, 0, False), (2, 2, True)


class Tokenizer:
    """Knows what the samples were written with."""

    def get_chat_template(self) -> str:
        return "{{ messages }}"


def counts(*samples: tuple[int, int, bool]) -> Counts:
    """Length, trained tokens and whether it ends, of each sample."""
    return Counts(*zip(*samples, strict=True)) if samples else Counts([], [], [])


def test_samples_are_counted_by_what_the_loss_sees_of_them() -> None:
    found = trainable(counts(WHOLE, TOO_LONG, CUT), Tokenizer(), 5)

    assert (found.samples, found.too_long, found.cut) == (2, 1, 1)
    assert found.trained_share == pytest.approx(3 / 10)
    assert found.chat_template == hashlib.sha256(b"{{ messages }}").hexdigest()


@pytest.mark.parametrize(
    ("samples", "found"),
    [
        ([TOO_LONG, TOO_LONG], "found that every prompt fills it; raise limits.max_length"),
        ([CUT, TOO_LONG], "found that all 1 go on beyond it"),
        ([ALL], "found that every token is trained on; correct the mapping's"),
        ([], "found that every prompt fills it"),
    ],
)
def test_a_mask_that_would_teach_the_wrong_thing_is_refused(
    samples: list[tuple[int, int, bool]], found: str
) -> None:
    with pytest.raises(DataFailed, match=found):
        trainable(counts(*samples), Tokenizer(), 5)
