import pytest

from services.researcher.pooling import LEAST_SPREAD, Effect, pooled


def test_alike_experiments_share_their_mean_and_lower_its_error() -> None:
    one, four = (pooled([Effect(0.05, 0.02, 1.0)] * count) for count in (1, 4))

    assert one[0] == four[0] == pytest.approx(0.05)
    assert four[1] == pytest.approx(one[1] / 2)


def test_one_lucky_precise_experiment_does_not_decide() -> None:
    lucky, others = Effect(0.3, 0.001, 1.0), [Effect(0.0, 0.05, 1.0)] * 4

    mean, stderr = pooled([lucky, *others])

    assert mean < 0.1
    assert mean < 1.96 * stderr


def test_a_single_experiment_is_doubted_more_than_its_own_error_says() -> None:
    _, stderr = pooled([Effect(0.05, 0.0, 1.0)])

    assert stderr == pytest.approx(LEAST_SPREAD)


def test_the_spread_between_experiments_is_that_of_dersimonian_and_laird() -> None:
    # By hand: equal errors of 0.1, so Q / 100 = sum of squares 0.18; (18 - 2) / 200 = 0.08.
    effects = [Effect(value, 0.1, 1.0) for value in (-0.3, 0.0, 0.3)]

    mean, stderr = pooled(effects)

    assert mean == pytest.approx(0.0)
    assert stderr == pytest.approx(((0.01 + 0.08) / 3) ** 0.5)


def test_an_effect_of_half_the_weight_counts_as_one_of_twice_the_variance() -> None:
    _, full = pooled([Effect(0.05, 0.02, 1.0)])
    mean, half = pooled([Effect(0.05, 0.02, 0.5)])
    near, _ = pooled([Effect(0.06, 0.02, 1.0), Effect(0.03, 0.02, 0.5)])

    assert mean == pytest.approx(0.05)
    assert half**2 == pytest.approx(2 * full**2)
    assert near == pytest.approx(0.05)
