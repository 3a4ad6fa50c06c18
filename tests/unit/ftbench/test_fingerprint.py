import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.fingerprint import MAX_GROUPS, fingerprint
from ftbench.task import Item, Split
from shared.fingerprint import FEWEST, NGRAM, Fingerprint, hashed, tokens
from tests.support.benchmark import fixture_items
from tests.support.toy import toy_item

COPY = 2 * NGRAM - 1


def words(n: int, seed: int = 0) -> list[str]:
    """Return words that no two calls with different seeds share."""
    draw = random.Random(seed)
    return [f"{seed}w{draw.randrange(10**6)}" for _ in range(n)]


def sealed(*texts: str, group: str = "a", split: Split = Split.TEST) -> Item:
    return toy_item(f"{group}/{split}", split, group=group, record={"text": list(texts)})


def leaks(found: Fingerprint, row: str) -> bool:
    """Look for copies in a training row the way the module tells everybody to."""
    row_tokens = tokens(row)
    runs = (row_tokens[i : i + found.ngram] for i in range(len(row_tokens) - found.ngram + 1))
    return any(hashed(run) in found.ngrams for run in runs)


def test_the_sizes_are_those_that_were_published() -> None:
    assert (NGRAM, COPY, FEWEST, MAX_GROUPS) == (13, 25, 5, 5)


def test_a_copy_of_25_tokens_is_found_wherever_it_was_cut() -> None:
    text = words(100)
    found = fingerprint("toy", [sealed(" ".join(text))])

    for start in range(len(text) - COPY + 1):
        row = [*words(7, 1), *text[start : start + COPY], *words(7, 2)]
        assert leaks(found, " ".join(row))


@given(st.integers(COPY, 60), st.integers(0, 60), st.integers(0, 30))
def test_a_copy_of_25_tokens_is_found_in_a_text_of_any_length(
    length: int, start: int, before: int
) -> None:
    text = words(length)
    start = min(start, length - COPY)
    row = [*words(before, 1), *text[start : start + COPY]]

    assert leaks(fingerprint("toy", [sealed(" ".join(text))]), " ".join(row))


def test_other_text_is_no_copy() -> None:
    text = words(100)
    found = fingerprint("toy", [sealed(" ".join(text))])

    assert not leaks(found, " ".join(words(1000, 1)))
    assert not leaks(found, " ".join(text[1:NGRAM]))


def test_a_copy_is_found_whatever_its_case_and_punctuation() -> None:
    text = words(30)
    found = fingerprint("toy", [sealed(" ".join(text))])

    assert leaks(found, "_".join(word.upper() for word in text))
    assert leaks(found, "“" + "”, “".join(text) + "”!")


def test_a_chinese_copy_is_found() -> None:
    law = "用人单位自用工之日起即与劳动者建立劳动关系用人单位应当建立职工名册备查"
    found = fingerprint("toy", [sealed(law)])

    assert leaks(found, f"问题：{law[5:30]}。")
    assert not leaks(found, "甲" + law[:12] + "乙")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat's 2 hats", ["the", "cat", "s", "2", "hats"]),
        ("snake_case", ["snake", "case"]),
        ("劳动法, Art. 12", ["劳", "动", "法", "art", "12"]),
        ("第12条", ["第", "12", "条"]),
        ("ＡＢＣ１２", ["abc12"]),
        ("한국어 テスト", ["한", "국", "어", "テ", "ス", "ト"]),
        ("ﬁne", ["fine"]),
        ("naïve Straße", ["naïve", "straße"]),
        ("... — !", []),
    ],
)
def test_tokens_are_words_numbers_and_chinese_characters(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_the_hash_is_one_that_anybody_can_compute() -> None:
    # b2sum --length 64, of "the quick fox" without a line end.
    assert hashed(["the", "quick", "fox"]) == "42608efda9c68aff"


def test_a_short_text_is_hashed_whole() -> None:
    short, long = words(NGRAM - 1, 1), words(NGRAM, 2)

    found = fingerprint("toy", [sealed(" ".join(short), " ".join(long))])

    assert found.texts == (hashed(short),)
    assert found.ngrams == (hashed(long),)


def test_labels_and_single_words_are_not_hashed() -> None:
    enough = words(FEWEST)

    found = fingerprint("toy", [sealed("positive", " ".join(words(FEWEST - 1)), " ".join(enough))])

    assert found.texts == (hashed(enough),)


def test_what_many_groups_share_is_left_out() -> None:
    shared, sentence = words(20, 1), words(6, 2)
    items = [
        sealed(" ".join(shared), " ".join(sentence), " ".join(words(20, 10 + n)), group=str(n))
        for n in range(MAX_GROUPS + 1)
    ]

    few = fingerprint("toy", items[:MAX_GROUPS])
    many = fingerprint("toy", items)

    assert leaks(few, " ".join(shared))
    assert few.texts == (hashed(sentence),)
    assert not leaks(many, " ".join(shared))
    assert many.texts == ()
    assert leaks(many, " ".join(words(20, 10)))


def test_what_one_group_repeats_is_kept() -> None:
    text = " ".join(words(20))
    items = [toy_item(f"q/{n}", group="a", record={"text": text}) for n in range(MAX_GROUPS + 2)]

    assert leaks(fingerprint("toy", items), text)


def test_train_items_leave_no_hash() -> None:
    items = [sealed(" ".join(words(20)), " ".join(words(6)), split=Split.TRAIN)]

    assert fingerprint("toy", items) == Fingerprint(
        task="toy", splits=(Split.DEV, Split.CONFIRM, Split.TEST), items=0, ngrams=(), texts=()
    )


@pytest.mark.parametrize("split", [Split.DEV, Split.CONFIRM, Split.TEST])
def test_every_sealed_split_leaves_hashes(split: Split) -> None:
    text = " ".join(words(20))

    found = fingerprint("toy", [sealed(text, split=split), sealed(text, split=Split.TRAIN)])

    assert found.items == 1
    assert leaks(found, text)


def test_text_is_found_however_deep_it_stands_in_a_record() -> None:
    text = words(20)
    record = {"n": 7, "none": None, "turns": [{"role": "user", "content": (" ".join(text),)}]}

    assert leaks(fingerprint("toy", [toy_item("q/1", record=record)]), " ".join(text))


def test_column_names_are_no_text() -> None:
    name = " ".join(words(20))

    assert fingerprint("toy", [toy_item("q/1", record={name: "yes"})]).ngrams == ()


def test_no_text_can_be_read_from_a_fingerprint() -> None:
    items = fixture_items("sst2")
    found = fingerprint("sst2", items).model_dump_json()

    for item in items:
        for word in tokens(item.record["sentence"]):
            assert len(word) < 4 or word not in found
    assert set(json.loads(found)) == {
        "version", "task", "ngram", "splits", "items", "ngrams", "texts"
    }  # fmt: skip


def test_a_fingerprint_does_not_depend_on_the_order_of_the_items() -> None:
    items = list(fixture_items("cs_bench"))

    assert fingerprint("cs_bench", items) == fingerprint("cs_bench", items[::-1])
    assert fingerprint("cs_bench", items).ngrams
