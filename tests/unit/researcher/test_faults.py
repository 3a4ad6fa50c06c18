import pytest

from services.researcher.diagnosis import diagnose
from services.researcher.faults import fault_words
from shared.contracts.score import Confusion, Fault, FaultKind, Score
from tests.support.examples import DIAGNOSE_REQUEST, WRONG, score


def faulty(*counts: tuple[FaultKind, int], confusions: tuple[Confusion, ...] = ()) -> Score:
    faults = tuple(Fault(kind=kind, count=count, examples=(WRONG,)) for kind, count in counts)
    return score(0.4, n=100).model_copy(update={"faults": faults, "confusions": confusions})


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([("cut", 41), ("near", 19)], "; 41 of 100 answers are cut: raise limits.max_new_tokens"),
        ([("wrong", 50), ("format", 10)], "; 10 of 100 answers have not the form of right ones"),
        ([("empty", 60)], "; 60 of 100 answers are empty: a lower learning rate"),
    ],
)
def test_the_most_frequent_fault_with_a_remedy_is_said(
    counts: list[tuple[FaultKind, int]], said: str
) -> None:
    assert fault_words(faulty(*counts)).startswith(said)


def test_a_rare_fault_and_answers_that_are_simply_wrong_are_no_word_worth() -> None:
    assert fault_words(faulty(("wrong", 51), ("cut", 9))) == ""


def test_the_most_frequent_confusion_is_said_and_a_rare_one_is_not() -> None:
    often = Confusion(expected="Sadness", got="Fear", count=12)

    found = fault_words(faulty(("wrong", 12), confusions=(often,)))

    assert found.startswith("; labels are confused: Fear for Sadness 12 times")
    assert fault_words(faulty(confusions=(often.model_copy(update={"count": 9}),))) == ""


def test_a_lesson_says_what_is_wrong_with_the_answers() -> None:
    request = DIAGNOSE_REQUEST.model_copy(
        update={"score": faulty(("cut", 41)), "parent_score": None}
    )

    assert "; 41 of 100 answers are cut: raise" in diagnose(request).sentence
