from statistics import fmean

import pytest

from shared.comparison import paired_difference
from shared.contracts.score import Score
from tests.support.examples import score


def scored(items: list[float]) -> Score:
    return score().model_copy(update={"value": fmean(items), "items": tuple(items)})


def test_what_is_hard_for_both_does_not_count_as_doubt() -> None:
    better, worse = scored([1.0, 0.25, 0.25]), scored([0.75, 0.0, 0.0])

    assert paired_difference(better, worse) == (0.25, 0.0)


def test_the_doubt_of_a_difference_shrinks_with_the_items() -> None:
    few = paired_difference(scored([1.0, 0.0] * 8), scored([0.0, 0.0] * 8))[1]
    many = paired_difference(scored([1.0, 0.0] * 800), scored([0.0, 0.0] * 800))[1]

    assert few == pytest.approx(0.129, abs=0.001)
    assert many == pytest.approx(0.0125, abs=0.0001)


def test_one_item_says_nothing_about_its_doubt() -> None:
    assert paired_difference(scored([1.0]), scored([0.0])) == (1.0, None)


def test_scores_on_different_rows_cannot_be_paired() -> None:
    other = score().model_copy(update={"data_sha256": "2" * 64})

    with pytest.raises(ValueError, match="on different rows cannot be paired"):
        paired_difference(score(), other)
    with pytest.raises(ValueError, match="10 and 3 items"):
        paired_difference(score(), score(n=3))


def test_scores_whose_items_are_withheld_cannot_be_paired() -> None:
    told = score().model_copy(update={"items": (), "withheld": 10})

    with pytest.raises(ValueError, match="items are withheld"):
        paired_difference(told, told)
