import pytest

from services.evaluator.diagnosis import EXAMPLES, Marked, confusions_of, faults_of
from shared.contracts.score import Confusion, FaultKind


def marked(expected: str, got: str, *, grade: float = 0.0, cut: bool = False) -> Marked:
    return Marked("question", expected, got, cut, grade)


def right(*answers: str) -> list[Marked]:
    return [marked(answer, answer, grade=1.0) for answer in answers]


DATES = ("2021-03-03", "1999-12-31", "2000-01-01", "1987-06-05")
LABELS = ("joy", "fear", "sadness") * 4
OBJECTS = ('{"a": 1}', '{"a": 2}')
NUMBERS = ("41", "1,204.5", "-3")
LINES = ("the black cat sat on the mat", "a dog: barks", "rain?")
PROSE = ("First.\nSecond.", "a longer text", "{}")


@pytest.mark.parametrize(
    ("others", "expected", "got", "kind"),
    [
        (DATES, "2021-03-03", " \n", "empty"),
        (DATES, "2021-03-03", "3 March 2021", "format"),
        (DATES, "2021-03-03", "2021-03-13", "near"),
        (DATES, "2021-03-03", "1999-10-28", "wrong"),
        (LABELS, "fear", "sadness", "wrong"),
        (LABELS, "fear", "I would say Sadness.", "wrong"),
        (LABELS, "fear", "anger", "format"),
        (LABELS, "fear", "It is fear.", "format"),
        (LABELS, "joy", "fear or joy", "format"),
        (OBJECTS, '{"a": 1}', '{"a": 1', "format"),
        (OBJECTS, '{"a": 1}', '{"b": [2, 3]}', "wrong"),
        (NUMBERS, "41", "forty-one", "format"),
        (NUMBERS, "41", "7", "wrong"),
        (LINES, "rain?", "rain?\nOr not.", "format"),
        (LINES, "the black cat sat on the mat", "the black cat sat on a mat", "near"),
        (PROSE, "a longer text", "one\ntwo", "wrong"),
    ],
)
def test_an_answer_has_the_first_fault_that_fits(
    others: tuple[str, ...], expected: str, got: str, kind: FaultKind
) -> None:
    [fault] = faults_of([*right(*others), marked(expected, got)])

    assert (fault.kind, fault.count) == (kind, 1)
    assert (fault.examples[0].expected, fault.examples[0].got) == (expected, got)


def test_an_answer_that_never_ended_is_cut_whatever_it_says() -> None:
    [fault] = faults_of([*right(*DATES), marked("2021-03-03", "On the third", cut=True)])

    assert fault.kind == "cut"


def test_faults_are_counted_and_the_most_frequent_comes_first() -> None:
    wrong = [
        marked(f"2021-03-{day}", f"1654-11-{day}", grade=day / 100) for day in range(28, 10, -1)
    ]

    faults = faults_of([*right(*DATES), marked("2021-03-03", ""), *wrong])

    assert [(fault.kind, fault.count) for fault in faults] == [("wrong", 18), ("empty", 1)]
    assert [case.got for case in faults[0].examples] == [
        f"1654-11-{day}" for day in range(11, 11 + EXAMPLES)
    ]


def test_answers_with_full_marks_have_no_fault() -> None:
    assert faults_of(right(*DATES)) == ()


def test_answers_without_a_known_right_one_are_wrong_at_worst() -> None:
    [fault] = faults_of([marked("", "anything"), marked("", "else\nwhere")])

    assert (fault.kind, fault.count) == ("wrong", 2)


def test_long_texts_are_shown_cut() -> None:
    [fault] = faults_of([Marked("q" * 999, "r" * 999, "a" * 999, False, 0.0)])

    [case] = fault.examples
    assert [len(text) for text in (case.prompt, case.expected, case.got)] == [500, 200, 200]


def test_labels_answered_for_others_are_counted() -> None:
    twice = [marked("Fear", "sadness"), marked("Fear", "It is sadness, I think.")]
    neither = [marked("Fear", "anger"), marked("Fear", "fear!")]

    found = confusions_of([*right(*LABELS), *twice, marked("joy", "fear"), *neither])

    assert found == (
        Confusion(expected="fear", got="sadness", count=2),
        Confusion(expected="joy", got="fear", count=1),
    )


def test_written_answers_are_not_confused_with_each_other() -> None:
    assert confusions_of([*right(*DATES), marked("2021-03-03", "1999-12-31")]) == ()
