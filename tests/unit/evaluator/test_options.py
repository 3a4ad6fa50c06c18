"""Choosing among options, by what a model finds likely."""

from math import log, nan

import pytest

from services.evaluator.options import likeliest
from services.evaluator.scorer import Weighed
from shared.errors import ScoringFailed


def test_the_likeliest_option_is_the_answer() -> None:
    assert likeliest(("yes", "no", "maybe"), (log(0.2), log(0.5), log(0.3))) == "no"


def test_of_equally_likely_options_the_first_is_taken() -> None:
    assert likeliest(("yes", "no", "maybe"), (-2.0, -1.0, -1.0)) == "no"


def test_a_probability_that_is_no_number_is_refused() -> None:
    with pytest.raises(ScoringFailed, match="wanted the log-probability of an answer, found NaN"):
        Weighed(nan, 3)
