import math
from collections.abc import Callable

import pytest

from services.researcher.diagnosis import diagnose
from shared.contracts.base import ExperimentId, JobId
from shared.contracts.job import MetricName
from shared.contracts.lesson import DiagnoseRequest, Lesson
from shared.contracts.run import Failed, LossPoint, Trained
from shared.contracts.score import Score
from tests.unit.researcher.researcher_examples import DIVERGED, recipe, trained

Curve = tuple[LossPoint, ...]


def score(items: list[float]) -> Score:
    return Score(
        metric=MetricName.EXACT_MATCH,
        split="dev",
        data_sha256="1" * 64,
        value=sum(items) / len(items),
        stderr=0.1,
        items=tuple(items),
        empty_share=0.0,
        cut_share=0.0,
        engine="test",
        seconds=1.0,
    )


def curve(loss: Callable[[float], float], points: int = 40) -> Curve:
    """Draw a loss as a function of the share of training done, over 400 steps."""
    return tuple(LossPoint(step=10 * n, loss=loss(n / (points - 1))) for n in range(points))


def lesson_of(
    outcome: Trained | Failed,
    mine: list[float] | None = None,
    theirs: list[float] | None = None,
    parent: int = 1,
) -> Lesson:
    return diagnose(
        DiagnoseRequest(
            job_id=JobId("j-1"),
            experiment=ExperimentId(2),
            recipe=recipe(),
            changed=("learning_rate 0.0001 → 0.0002",),
            outcome=outcome,
            score=score(mine) if mine else None,
            parent=ExperimentId(parent),
            parent_score=score(theirs) if theirs else None,
        )
    )


def test_a_difference_within_its_doubt_is_the_same() -> None:
    lesson = lesson_of(trained(), [1, 0, 1, 1, 0, 1], [1, 0, 1, 0, 1, 0])

    assert lesson.verdict == "same"
    assert lesson.effect == pytest.approx(1 / 6)
    assert "no clear difference from its parent #1" in lesson.sentence


def test_the_same_scores_in_pairs_show_what_the_means_would_not() -> None:
    base = [n / 100 for n in range(100)]
    raised = [min(1.0, value + (0.02 if n % 2 else 0.01)) for n, value in enumerate(base)]

    lesson = lesson_of(trained(), raised, base)

    assert lesson.verdict == "better"
    assert lesson.effect_stderr is not None
    assert lesson.effect_stderr < 0.001


def test_losing_on_every_item_is_worse() -> None:
    lesson = lesson_of(trained(), [0.0] * 8, [1.0] * 8)

    assert (lesson.verdict, lesson.effect, lesson.effect_stderr) == ("worse", -1.0, 0.0)
    assert "1.000 ± 0.000 below its parent #1" in lesson.sentence


def test_answering_the_same_is_the_same() -> None:
    assert lesson_of(trained(), [1.0, 0.0], [1.0, 0.0]).verdict == "same"


def test_a_single_item_proves_nothing() -> None:
    lesson = lesson_of(trained(), [1.0], [0.0])

    assert (lesson.verdict, lesson.effect, lesson.effect_stderr) == ("same", 1.0, None)


def test_a_draft_is_compared_with_the_base_model() -> None:
    lesson = lesson_of(trained(), [1.0] * 8, [0.0] * 8, parent=0)

    assert lesson.verdict == "better"
    assert "above the base model" in lesson.sentence


def test_a_failure_teaches_why_and_what_to_lower() -> None:
    lesson = lesson_of(DIVERGED)

    assert (lesson.verdict, lesson.fit, lesson.effect) == ("failed", "unknown", None)
    assert "Diverged: the loss became NaN; try a learning_rate below 0.0002" in lesson.sentence


def test_a_held_out_loss_that_rises_while_training_falls_is_overfitting() -> None:
    outcome = trained(
        train_curve=curve(lambda t: 2 * math.exp(-4 * t)),
        held_out_curve=curve(lambda t: 1 + (t - 0.4) ** 2, points=6),
    )

    lesson = lesson_of(outcome, [1.0, 0.0], [1.0, 0.0])

    assert lesson.fit == "overfitting"
    assert "held-out loss rose from 1.000" in lesson.sentence


def test_a_held_out_loss_that_rises_a_little_is_healthy() -> None:
    outcome = trained(
        train_curve=curve(lambda t: 0.5 + 2 * math.exp(-6 * t)),
        held_out_curve=curve(lambda t: 1 + 0.1 * (t - 0.4) ** 2, points=6),
    )

    assert lesson_of(outcome, [1.0], [1.0]).fit == "healthy"


def test_both_losses_rising_is_not_overfitting() -> None:
    rising = curve(lambda t: 1 + (t - 0.4) ** 2)

    fit = lesson_of(trained(train_curve=rising, held_out_curve=rising), [1.0], [1.0]).fit

    assert fit != "overfitting"


@pytest.mark.parametrize(
    ("loss", "fit"),
    [
        (lambda t: 2 - t, "underfitting"),
        (lambda t: 0.5 + math.exp(-2 * t), "underfitting"),
        (lambda t: 0.5 + math.exp(-5 * t), "healthy"),
        (lambda t: 2 - 0.1 * t, "underfitting"),
        (lambda t: 0.005 - 0.0001 * t, "healthy"),
    ],
    ids=["a straight fall", "stopped at 2 tau", "stopped at 5 tau", "hardly moved", "all learnt"],
)
def test_the_training_curve_shows_whether_it_ended_too_early(
    loss: Callable[[float], float], fit: str
) -> None:
    assert lesson_of(trained(train_curve=curve(loss)), [1.0], [1.0]).fit == fit


def test_a_curve_of_a_few_points_says_nothing() -> None:
    outcome = trained(train_curve=curve(lambda t: 2 - t, points=5))

    assert lesson_of(outcome, [1.0], [1.0]).fit == "unknown"


@pytest.mark.parametrize(
    ("stopped", "said"),
    [
        ("time", "time was up before"),
        ("tokens", "its tokens were used up"),
        ("patience", "its held-out loss had stopped falling"),
        ("diverged", "its loss became NaN"),
    ],
)
def test_the_lesson_says_why_training_ended_early(stopped: str, said: str) -> None:
    lesson = lesson_of(trained(stopped=stopped), [1.0, 1.0], [0.0, 0.0])

    assert said in lesson.sentence
