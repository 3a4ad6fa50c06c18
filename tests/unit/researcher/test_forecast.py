import math

from services.researcher.factors import replaced
from services.researcher.forecast import forecast
from services.researcher.prior import factors
from shared.contracts.method import Dpo
from tests.unit.researcher.researcher_examples import BRIEF, CONTEXT, DIVERGED, finding, recipe

FACTORS = tuple(factors(BRIEF, CONTEXT).values())


def landscape(rate: float) -> float:
    return 0.8 * math.exp(-(math.log(rate / 1e-3) ** 2) / 4)


def test_nothing_is_foreseen_from_a_single_score() -> None:
    assert forecast([finding(1, recipe())], FACTORS) is None


def test_what_was_measured_is_foreseen_again() -> None:
    rates = (1e-4, 3e-4, 1e-3, 3e-3)
    findings = [
        finding(n, recipe(learning_rate=rate), landscape(rate)) for n, rate in enumerate(rates, 1)
    ]

    seen = forecast(findings, FACTORS)

    assert seen is not None
    for rate in rates:
        mean, deviation = seen.expected(recipe(learning_rate=rate))
        assert abs(mean - landscape(rate)) < 0.03
        assert deviation < 0.05


def test_doubt_grows_with_the_distance_from_what_was_measured() -> None:
    seen = forecast([finding(1, recipe(), 0.4), finding(2, recipe(r=64), 0.5)], FACTORS)

    assert seen is not None
    near = seen.expected(recipe(learning_rate=3e-4))[1]
    far = seen.expected(recipe(learning_rate=1e-2))[1]
    assert near < far


def test_another_method_is_foreseen_with_more_doubt() -> None:
    preferring = Dpo.model_validate(recipe().method.model_dump(exclude={"kind", "loss_type"}))
    seen = forecast([finding(1, recipe(), 0.4), finding(2, recipe(r=64), 0.5)], FACTORS)

    assert seen is not None
    same = seen.expected(recipe())[1]
    other = seen.expected(replaced(recipe(), method=preferring))[1]
    assert other > 2 * same


def test_what_broke_down_is_not_worth_coming_near() -> None:
    scored = [finding(1, recipe(), 0.6), finding(2, recipe(num_train_epochs=8), 0.3)]
    broken = finding(3, recipe(learning_rate=1e-2), value=None, outcome=DIVERGED)

    before = forecast(scored, FACTORS)
    after = forecast([*scored, broken], FACTORS)

    assert before is not None
    assert after is not None
    risky = recipe(learning_rate=8e-3)
    assert after.improvement(risky) < before.improvement(risky) / 2


def test_what_is_under_way_promises_nothing_beside_it() -> None:
    scored = [finding(1, recipe(), 0.6), finding(2, recipe(num_train_epochs=8), 0.3)]
    new = recipe(learning_rate=1e-3)

    before = forecast(scored, FACTORS)
    after = forecast([*scored, finding(3, new, value=None)], FACTORS)

    assert before is not None
    assert after is not None
    assert after.improvement(new) < before.improvement(new) / 2


def test_doubtful_scores_are_believed_less() -> None:
    findings = [finding(1, recipe(), 0.2), finding(2, recipe(learning_rate=2e-3), 0.8)]
    doubtful = [f.model_copy(update={"stderr": 0.3}) for f in findings]

    sure, unsure = forecast(findings, FACTORS), forecast(doubtful, FACTORS)

    assert sure is not None
    assert unsure is not None
    at = findings[1].recipe
    assert abs(sure.expected(at)[0] - 0.8) < abs(unsure.expected(at)[0] - 0.8)
