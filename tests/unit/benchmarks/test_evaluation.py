from benchmarks.evaluation import Row, line, questions_of


def test_a_line_says_both_paces_and_how_many_times_faster_ours_is() -> None:
    row = Row("answers", ours=2.0, theirs=9.0, wanted=3.0)

    assert line(row, 500) == "| answers | 2.0 s, 250 items/s | 9.0 s, 56 items/s | 4.50 | ≥ 3 |"


def test_questions_differ_in_what_they_ask_and_in_length() -> None:
    asked = [question[0]["content"] for question in questions_of(32)]

    assert len(set(asked)) == 32
    assert {len(one.split("?")) - 1 for one in asked} == set(range(1, 17))
