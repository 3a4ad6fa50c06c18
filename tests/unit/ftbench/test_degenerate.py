from collections.abc import Sequence

import pytest

from ftbench.degenerate import Outputs, flags_of, outputs_of
from ftbench.task import Item
from tests.support.toy import toy_item


def asked(answers: Sequence[str | None], subtask: str = "") -> list[Item]:
    return [
        toy_item(f"{subtask}/{n}", answer=answer, subtask=subtask)
        for n, answer in enumerate(answers)
    ]


def different(n: int, length: int = 8) -> list[str]:
    return [f"{i:0{length}}" for i in range(n)]


def test_answers_are_described_from_outside() -> None:
    assert outputs_of(["yes", " yes\n", "no", "", "  ", "not at all"]) == Outputs(
        unique_share=4 / 6,
        commonest_share=2 / 6,
        empty_share=2 / 6,
        median_chars=2.5,
        longest_chars=10,
    )


def test_good_answers_raise_no_flag() -> None:
    answers = different(100)

    assert flags_of(asked(answers), answers) == []


def test_a_handful_of_answers_may_well_be_alike() -> None:
    published = different(20)

    assert flags_of(asked(published[:19]), [""] * 19) == []
    assert flags_of(asked(published), [""] * 20) != []


def test_empty_answers_are_pointed_out() -> None:
    items = asked(different(100))

    assert flags_of(items, ["", " ", "\n", "", "", *different(95)]) == []
    assert flags_of(items, ["", " ", "\n", "", "", "\t", *different(94)]) == [
        "6% of the answers are empty"
    ]


def test_one_answer_for_many_items_is_suspected() -> None:
    items = asked(different(100))
    trick = "C" * 50

    assert flags_of(items, [trick] * 20 + different(80)) == []
    assert flags_of(items, [trick] * 20 + [f" {trick}\n"] + different(79)) == [
        f"21% of the answers are '{'C' * 40}'"
    ]


def test_labels_may_be_as_common_as_the_published_ones_and_somewhat_more() -> None:
    items = asked(["yes"] * 40 + ["no"] * 30 + ["so"] * 30)

    assert flags_of(items, ["yes"] * 70 + ["no"] * 30) == []
    assert flags_of(items, ["yes"] * 71 + ["no"] * 29) == ["71% of the answers are 'yes'"]


@pytest.mark.parametrize("published", [60, 99])
def test_always_the_same_label_is_suspected_however_common_it_is(published: int) -> None:
    items = asked(["yes"] * published + ["no"] * (100 - published))

    assert flags_of(items, ["yes"] * 99 + ["no"]) == []
    assert flags_of(items, ["yes"] * 100) == ["100% of the answers are 'yes'"]


def test_answers_that_go_on_and_on_are_pointed_out() -> None:
    items = asked(different(20, 100))

    assert flags_of(items, different(20, 400)) == []
    assert flags_of(items, different(20, 401)) == [
        "the answers are 401 characters long by their median, the published ones 100"
    ]


def test_short_published_answers_may_be_answered_with_a_sentence() -> None:
    items = asked(different(20, 3))

    assert flags_of(items, different(20, 100)) == []
    assert flags_of(items, different(20, 101)) == [
        "the answers are 101 characters long by their median, the published ones 3"
    ]


def test_one_long_answer_is_none_of_the_median() -> None:
    assert flags_of(asked(different(20)), ["y" * 9999, *different(19)]) == []


def test_each_part_is_looked_at_for_itself() -> None:
    items = asked(different(20), "law") + asked(different(20), "art")
    answers = different(20) + ["same"] * 5 + different(15)

    assert flags_of(items, answers) == ["art: 25% of the answers are 'same'"]


def test_a_part_too_small_is_not_looked_at() -> None:
    items = asked(different(20), "law") + asked(different(19), "art")

    assert flags_of(items, different(20) + [""] * 19) == []


def test_without_published_answers_repeats_and_gaps_are_still_seen() -> None:
    items = asked([None] * 20)

    assert flags_of(items, different(20, 999)) == []
    assert flags_of(items, ["x" * 999] * 5 + different(15, 999)) == [
        f"25% of the answers are '{'x' * 40}'"
    ]
    assert flags_of(items, [""] * 2 + different(18)) == ["10% of the answers are empty"]


def test_the_published_answers_that_there_are_are_compared_with() -> None:
    items = asked(["yes"] * 10 + [None] * 10)

    assert flags_of(items, ["yes"] * 19 + ["no"]) == []
