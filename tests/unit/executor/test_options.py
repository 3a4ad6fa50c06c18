import random
from dataclasses import replace
from itertools import islice
from math import factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.executor.operators.options import reordered
from shared.rows import Sample

CAPITAL = "What is the capital of France?\nA. Rome\nB. Paris\nC. Oslo\nAnswer with a letter."
MARKS = ["{}. ", "({}) ", "({})", "{}) ", "[{}] ", "  {}. ", "{}、"]
LABELS = ["ABCDEFGH", "abcdefgh", "12345678"]
WORDS = st.text("xyzåß0 (", min_size=1).map(str.strip).filter(bool)


def variants(prompt: str, completion: str, rejected: str | None = None) -> list[Sample]:
    draw = random.Random(0).random
    return list(reordered(Sample(prompt, completion, rejected=rejected), draw))


def test_the_letter_follows_its_option_into_every_other_order() -> None:
    found = variants(CAPITAL, "B")

    asked = {tuple(one.prompt.split("\n")[1:4]): one.completion for one in found}
    assert asked == {
        ("A. Rome", "B. Oslo", "C. Paris"): "C",
        ("A. Paris", "B. Rome", "C. Oslo"): "A",
        ("A. Paris", "B. Oslo", "C. Rome"): "A",
        ("A. Oslo", "B. Rome", "C. Paris"): "C",
        ("A. Oslo", "B. Paris", "C. Rome"): "B",
    }
    assert {one.prompt.split("\n")[-1] for one in found} == {"Answer with a letter."}


@given(
    texts=st.lists(WORDS, min_size=2, max_size=8, unique_by=lambda text: " ".join(text.split())),
    mark=st.sampled_from(MARKS),
    labels=st.sampled_from(LABELS),
    right=st.integers(0, 7),
    told=st.booleans(),
    seed=st.integers(0, 9),
)
def test_a_variant_has_the_same_options_and_the_same_right_one(
    texts: list[str], mark: str, labels: str, right: int, told: bool, seed: int
) -> None:
    right %= len(texts)
    marks = [mark.format(label) for label in labels[: len(texts)]]
    lines = [f"{mark}{text}" for mark, text in zip(marks, texts, strict=True)]
    answer = marks[right] + (texts[right] if told else "")
    prompt = "\n".join(["Which one?", *lines, "", "Say which."])

    found = list(islice(reordered(Sample(prompt, answer), random.Random(seed).random), 5))

    assert len({one.prompt for one in found} - {prompt}) == min(5, factorial(len(texts)) - 1)
    for one in found:
        first, *options, blank, last = one.prompt.split("\n")
        now = [line.removeprefix(mark) for line, mark in zip(options, marks, strict=True)]
        assert (first, blank, last) == ("Which one?", "", "Say which.")
        assert sorted(now) == sorted(texts)
        place = now.index(texts[right])
        assert one.completion == marks[place] + (texts[right] if told else "")


@pytest.mark.parametrize(
    ("answer", "becomes"),
    [
        ("B", "A"),
        ("(B)", "(A)"),
        (" B.\n", " A.\n"),
        ("B. Paris", "A. Paris"),
        ("B) Paris", "A) Paris"),
        ("The answer is B.", "The answer is A."),
        ("Answer: (B) Paris", "Answer: (A) Paris"),
        ("The correct option is B", "The correct option is A"),
        ("答案是B", "答案是A"),
    ],
)
def test_an_answer_keeps_its_words_and_changes_its_letter(answer: str, becomes: str) -> None:
    found = variants("Capital of France?\nA. Rome\nB. Paris", answer)

    assert [one.completion for one in found] == [becomes]


def test_a_worse_answer_changes_its_letter_too() -> None:
    (found,) = variants("Capital of France?\nA. Rome\nB. Paris", "B", rejected="The answer is A")

    assert (found.completion, found.rejected) == ("A", "The answer is B")


def test_of_several_lists_the_last_one_that_holds_the_answer_counts() -> None:
    shown = "1+1?\n(A) 2\n(B) 3\n(A)\n"
    asked = "2+2?\n(A) 5\n(B) 4\nRules:\n1. Think.\n2. Say a letter."

    found = variants(shown + asked, "(B)")

    assert [(one.prompt, one.completion) for one in found] == [
        (shown + asked.replace("(A) 5\n(B) 4", "(A) 4\n(B) 5"), "(A)")
    ]


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("Capital of France?", "Paris"),
        ("Capital of France?\nA. Rome\nB. Paris", "D"),
        ("Capital of France?\nA. Rome\nB. Paris", "b"),
        ("Capital of France?\nA. Rome\nB. Paris", "Because it is B"),
        ("Capital of France?\nA. Rome\nB. Paris", "B. Rome"),
        ("Capital of France?\nA. Rome\nB. Paris", "A, B"),
        ("How is it?\nA. new\nB. old", "Bold"),
        ("Capital of France?\nA. Rome\nB. Paris", "Both"),
        ("Capital of France?\nA. Rome\nB. Paris", ""),
        ("A. Rome\nC. Paris", "A"),
        ("A. Rome\n(B) Paris", "A"),
        ("A. Rome\nand more\nB. Paris", "A"),
        ("B. Rome\nC. Paris", "B"),
        ("1.5 metres\n2.5 metres", "1"),
        ("A. Paris\nB. paris ", "A"),
        ("A. Rome\nB. Oslo\nC. All of the above", "C"),
        ("A. Rome\nB. Oslo\nC. A and B", "C"),
        ("1. Rome\n2. Oslo\n3. both 1 and 2", "3"),
        ("A. 罗马\nB. 巴黎\nC. 以上都是", "B"),
        ("A. 罗马\nB. 巴黎\nC. 只有A和B是", "B"),
    ],
)
def test_what_cannot_change_places_or_names_no_option_has_no_variants(
    prompt: str, answer: str
) -> None:
    assert variants(prompt, answer) == []


def test_a_pair_has_no_variants_unless_both_answers_name_an_option() -> None:
    assert variants(CAPITAL, "B", rejected="I do not know") == []


def test_options_with_blank_lines_between_them_or_carriage_returns_are_found() -> None:
    (found,) = variants("Capital?\r\nA. Rome\r\n\r\nB. Paris\r\n", "B")

    assert found == replace(found, prompt="Capital?\r\nA. Paris\r\n\r\nB. Rome\r\n", completion="A")
