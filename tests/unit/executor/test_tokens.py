from pathlib import Path

import pytest
from pydantic import ValidationError
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from services.executor.operators.judging import Tally
from services.executor.operators.tokens import within_tokens
from services.executor.pipeline import materialise, read_materialised
from shared.contracts.mapping import Preference
from shared.contracts.operators import Load, Map, Operator, Tokens
from shared.contracts.run import Dropped, RowCount
from shared.errors import DataFailed
from shared.rows import Sample, sha256_of
from shared.turns import Turn

TEMPLATE = (
    "{% for message in messages %}{{ message.role }} : {{ message.content }} / {% endfor %}"
    "{% if add_generation_prompt %}assistant : {% endif %}"
)
PROMPT_ALONE = 5  # user : / assistant :
ANSWERED = PROMPT_ALONE + 2  # / and the end


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with one that counts words."""
    return save_tokenizer(tmp_path_factory.mktemp("words"), TEMPLATE)


def save_tokenizer(folder: Path, template: str | None) -> str:
    words = Tokenizer(models.WordLevel({"?": 0, "<end>": 1}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=words, eos_token="<end>", unk_token="?"
    )
    made.chat_template = template
    made.save_pretrained(folder)
    return str(folder)


def lengths_kept(samples: list[Sample], wanted: Tokens) -> list[int]:
    found = within_tokens(samples, wanted, Tally("tokens"))
    return [len(one.prompt.split()) for one in found]


def test_samples_within_the_bounds_are_kept_in_order_and_the_others_counted(
    tokenizer: str,
) -> None:
    samples = [Sample("w " * words, "a b") for words in (3, 1, 5, 2, 4)]
    wanted = Tokens(tokenizer=tokenizer, min_tokens=ANSWERED + 2 + 2, max_tokens=ANSWERED + 2 + 4)
    tally = Tally("tokens")

    found = list(within_tokens(samples, wanted, tally))

    assert found == [samples[0], samples[3], samples[4]]
    assert tally.count() == RowCount(
        operator="tokens",
        rows_in=5,
        rows_out=3,
        dropped=(
            Dropped(why="too few tokens", samples=1),
            Dropped(why="too many tokens", samples=1),
        ),
    )


def test_everything_that_was_said_before_counts(tokenizer: str) -> None:
    turns = (Turn("user", "one"), Turn("assistant", "two"))
    chat = Sample("three", "four", system="five", history=turns)

    most = ANSWERED + 3 * 3 + 2 + 3

    for tokens, kept in ((most, 1), (most - 1, 0)):
        wanted = Tokens(tokenizer=tokenizer, max_tokens=tokens)
        assert len(lengths_kept([chat], wanted)) == kept


def test_of_two_answers_the_longer_one_counts(tokenizer: str) -> None:
    samples = [
        Sample("w", "long " * 9, rejected="short"),
        Sample("w w", "short", rejected="long " * 9),
        Sample("w w w", "short", rejected="short"),
    ]

    assert lengths_kept(samples, Tokens(tokenizer=tokenizer, max_tokens=ANSWERED + 9)) == [3]


def test_without_an_answer_the_prompt_alone_counts(tokenizer: str) -> None:
    samples = [Sample("w " * words, "") for words in (1, 2, 3)]

    assert lengths_kept(samples, Tokens(tokenizer=tokenizer, max_tokens=PROMPT_ALONE + 2)) == [1, 2]


def test_more_samples_than_are_tokenised_at_once_all_pass(tokenizer: str) -> None:
    samples = [Sample("w " * (1 + number % 2), "a") for number in range(2500)]

    found = lengths_kept(samples, Tokens(tokenizer=tokenizer, max_tokens=ANSWERED + 2))

    assert found == [1] * 1250


def test_pairs_are_filtered_by_their_tokens_as_a_recipe_says(
    tokenizer: str, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("q,good,bad\nshort,yes,no\nshort,yes,no no no no no no\n")
    mapping = Preference(prompt="{q}", chosen="{good}", rejected="{bad}")
    operators: list[Operator] = [
        Load(path=str(path), sha256=sha256_of(path)),
        Map(mapping=mapping),
        Tokens(tokenizer=tokenizer, max_tokens=ANSWERED + 3),
    ]

    made = materialise(operators, tmp_path / "cache")

    assert [one.rejected for one in read_materialised(made.train)] == ["no"]
    assert made.rows[-1].dropped == (Dropped(why="too many tokens", samples=1),)


def test_a_tokenizer_that_is_not_there_is_named(tmp_path: Path) -> None:
    wanted = Tokens(tokenizer=str(tmp_path / "none"), max_tokens=9)

    with pytest.raises(DataFailed, match=r"tokens: wanted a tokenizer at .*none'.*found none"):
        lengths_kept([Sample("w", "a")], wanted)


def test_a_tokenizer_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    wanted = Tokens(tokenizer=save_tokenizer(tmp_path, None), max_tokens=9)

    with pytest.raises(DataFailed, match="tokens: wanted a chat template"):
        lengths_kept([Sample("w", "a")], wanted)


def test_bounds_that_nothing_is_within_are_refused_with_the_recipe() -> None:
    with pytest.raises(ValidationError, match="min_tokens must be at most max_tokens, which is 9"):
        Tokens(tokenizer="base", min_tokens=10, max_tokens=9)
