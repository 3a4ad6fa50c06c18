"""What is refused before training, on examples written out token by token."""

import hashlib

import pytest

from services.executor.chat_tokens import Example
from services.executor.gates import shown, trainable
from shared.errors import DataFailed

STOP = 9


class Tokenizer:
    """Knows how an answer ends, and what the samples were written with."""

    eos_token_id = STOP

    def get_chat_template(self) -> str:
        return "{{ messages }}"

    def decode(self, ids: list[int]) -> str:
        return " ".join(str(one) for one in ids)


def example(prompt: int, *completion: int) -> Example:
    """A prompt of so many tokens and a completion of these."""
    return Example([1] * prompt + list(completion), [0] * prompt + [1] * len(completion))


def test_samples_are_counted_by_what_the_loss_sees_of_them() -> None:
    whole, cut, too_long = example(3, 5, STOP), example(4, 5), example(5)

    kept, found = trainable([whole, too_long, cut], Tokenizer(), 5)

    assert kept == [whole, cut]
    assert (found.samples, found.too_long, found.cut) == (2, 1, 1)
    assert found.trained_share == pytest.approx(3 / 10)
    assert found.chat_template == hashlib.sha256(b"{{ messages }}").hexdigest()


def test_what_follows_the_end_of_an_answer_does_not_make_it_cut() -> None:
    _, found = trainable([example(2, 5, STOP, 3)], Tokenizer(), 5)

    assert found.cut == 0


def test_an_end_in_the_prompt_is_not_the_end_of_the_answer() -> None:
    ended_before = Example([STOP, 1, 5], [0, 0, 1])

    _, found = trainable([ended_before, example(2, STOP)], Tokenizer(), 3)

    assert found.cut == 1


@pytest.mark.parametrize(
    ("examples", "found"),
    [
        ([example(5), example(5)], "found that every prompt fills it; raise limits.max_length"),
        ([example(4, 5), example(5)], "found that all 1 go on beyond it"),
        ([example(0, 5, STOP)], "found that every token is trained on; correct the mapping's"),
        ([], "found that every prompt fills it"),
    ],
)
def test_a_mask_that_would_teach_the_wrong_thing_is_refused(
    examples: list[Example], found: str
) -> None:
    with pytest.raises(DataFailed, match=found):
        trainable(examples, Tokenizer(), 5)


def test_a_sample_is_shown_with_what_the_loss_counts_between_marks() -> None:
    assert shown(example(2, 5, STOP), Tokenizer(), before="[", after="]") == "1 1[5 9]"
