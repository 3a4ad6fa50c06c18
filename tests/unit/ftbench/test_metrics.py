import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from ftbench.metrics.accuracy import accuracy
from ftbench.metrics.estimate import Estimate, estimate
from ftbench.metrics.exact_match import exact_match
from ftbench.metrics.rouge import RougeKind, rouge
from shared.contracts.job import MetricName
from shared.errors import ScoringFailed

MOODS = ["positive", "negative"]
CHOICES = ["A", "B", "C", "D"]
KINDS: tuple[RougeKind, ...] = (MetricName.ROUGE_1, MetricName.ROUGE_2, MetricName.ROUGE_L)


def reads_as(answer: str, labels: list[str]) -> str | None:
    """Say which label accuracy finds in an answer."""
    scores = accuracy([answer] * len(labels), labels)
    found = [label for label, score in zip(labels, scores, strict=True) if score]
    assert len(found) <= 1
    return found[0] if found else None


def test_an_estimate_has_the_mean_and_its_standard_error() -> None:
    measured = estimate([0.0, 1.0, 2.0, 3.0, 4.0])

    assert measured == Estimate(mean=2.0, stderr=2.5**0.5 / 5**0.5, n=5)


def test_a_single_item_has_no_standard_error() -> None:
    assert estimate([0.25]) == Estimate(0.25, None, 1)


def test_nothing_to_score_is_a_failure_and_not_a_zero() -> None:
    with pytest.raises(ScoringFailed, match="nothing to score"):
        estimate([])


def test_exact_match_forgives_surrounding_white_space_and_nothing_else() -> None:
    answers = [" 4\n", "4.", "Four", "a  b"]

    assert exact_match(answers, ["4", "4", "four", "a b"]) == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("answer", "labels", "label"),
    [
        ("positive", MOODS, "positive"),
        ("The sentiment is NEGATIVE.", MOODS, "negative"),
        ("negative\n\nReview: fine\nSentiment: positive", MOODS, "negative"),
        ("I cannot tell", MOODS, None),
        ("", MOODS, None),
        ("nonnegative", MOODS, None),
        ("This is not  good at all", ["good", "not good"], "not good"),
        ("good enough", ["good", "good enough"], "good enough"),
        ("not_entailment", ["entailment", "not_entailment"], "not_entailment"),
        ("1", ["0", "1"], "1"),
        ("Label: 1.", ["0", "1"], "1"),
        ("10", ["0", "1"], None),
        ("0.95, so 1", ["0", "1"], "1"),
        ("0.1, so 0", ["0", "1"], "0"),
        ("-1", ["-1", "0", "1"], "-1"),
        ("B", CHOICES, "B"),
        ("(b)", CHOICES, "B"),
        ("a close call: B", CHOICES, "B"),
        ("Because", CHOICES, None),
        ("正确答案：B。", CHOICES, "B"),
        ("答案是C项", CHOICES, "C"),
        ("这句话的情感是积极的", ["积极", "消极"], "积极"),
        ("不积极", ["积极", "不积极"], "不积极"),
        ("긍정입니다", ["긍정", "부정"], "긍정"),
        ("C++ it is", ["C", "C++"], "C++"),
    ],
)
def test_accuracy_finds_the_label_in_an_answer(
    answer: str, labels: list[str], label: str | None
) -> None:
    assert reads_as(answer, labels) == label


def test_labels_that_differ_in_case_only_are_one_label() -> None:
    assert accuracy(["POSITIVE", "positive"], ["Positive", " positive "]) == [1.0, 1.0]


@pytest.mark.parametrize(
    "references",
    [
        [f"sentence number {number % 12}" for number in range(20)],
        [f"label {number % 101}" for number in range(1000)],
    ],
)
def test_accuracy_refuses_references_that_are_no_labels(references: list[str]) -> None:
    if len(set(references)) == 12:
        accuracy(references[:19], references[:19])

    with pytest.raises(ScoringFailed, match="use exact_match or rougeL"):
        accuracy(references, references)


def test_a_hundred_labels_are_not_too_many() -> None:
    references = [f"label {number % 100}" for number in range(200)]

    assert accuracy(references, references) == [1.0] * 200


def test_accuracy_refuses_an_empty_label() -> None:
    with pytest.raises(ScoringFailed, match="number 2 empty"):
        accuracy(["yes", "no"], ["yes", " "])


def test_rouge_counts_shared_stemmed_words() -> None:
    answer, reference = "cats sat on mats", "the cat sat on the mat"

    scores = [rouge([answer], [reference], kind)[0] for kind in KINDS]

    assert scores == pytest.approx([0.8, 0.5, 0.8])


@pytest.mark.parametrize("kind", KINDS)
def test_rouge_refuses_references_it_cannot_read(kind: RougeKind) -> None:
    with pytest.raises(ScoringFailed, match=r"2 of 3 without, the first of them number 2, '答案'"):
        rouge(["an answer"] * 3, ["an answer", "答案", "…"], kind)


def test_a_date_does_not_make_chinese_readable() -> None:
    with pytest.raises(ScoringFailed, match="only 29% of their letters are"):
        rouge(["答"], ["2019年审理了这个案件的人"], MetricName.ROUGE_L)


def test_pairs_of_words_need_two_words() -> None:
    assert rouge(["yes"], ["yes"], MetricName.ROUGE_1) == [1.0]
    with pytest.raises(ScoringFailed, match="at least 2 words"):
        rouge(["yes"], ["yes"], MetricName.ROUGE_2)


@given(st.lists(st.sampled_from(["good film", "bad film", "no film"]), min_size=1))
def test_gold_answers_score_one_and_empty_answers_zero(references: list[str]) -> None:
    empty = [""] * len(references)
    ones, zeros = [1.0] * len(references), [0.0] * len(references)

    assert exact_match(references, references) == ones
    assert accuracy(references, references) == ones
    assert [rouge(references, references, kind) for kind in KINDS] == [ones] * 3
    assert exact_match(empty, references) == accuracy(empty, references) == zeros
    assert [rouge(empty, references, kind) for kind in KINDS] == [zeros] * 3


def test_an_answer_too_few_is_a_bug_of_the_caller() -> None:
    references = ["yes it is", "no it is not"]

    for score in (exact_match, accuracy, lambda a, r: rouge(a, r, MetricName.ROUGE_L)):
        with pytest.raises(ValueError, match="argument"):
            score(references[:1], references)


@given(
    st.lists(
        st.sampled_from(["the", "cats", "sat", "running", "12", "Houses", "mat."]), max_size=40
    ),
    st.lists(
        st.sampled_from(["the", "cats", "sat", "running", "12", "Houses", "mat."]), min_size=1
    ),
)
def test_rouge_l_is_the_librarys_to_the_last_digit(said: list[str], wanted: list[str]) -> None:
    answer, reference = " ".join(said), " ".join(wanted)
    library = RougeScorer(["rougeL"], use_stemmer=True).score(reference, answer)["rougeL"]

    assert rouge([answer], [reference], MetricName.ROUGE_L) == [library.fmeasure]


def test_rouge_l_of_two_long_texts_takes_no_table_of_all_pairs() -> None:
    pages = "the quick brown fox jumps over a lazy dog again " * 5_000

    assert rouge([pages], [pages], MetricName.ROUGE_L) == [1.0]  # 2.5 billion pairs of words
