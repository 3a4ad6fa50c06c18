from typing import Any

import pytest

from services.researcher.bank import Experience, banked, relevant
from services.researcher.factors import replaced, with_method
from shared.contracts.base import ROOT, JobId
from shared.contracts.job import MetricName
from shared.contracts.lesson import BankedLesson, DiagnoseRequest
from shared.contracts.run import Failed
from tests.support.examples import DIAGNOSE_REQUEST, JOB, LESSON, banked_lesson, recipe

PARENT, CHILD = recipe(1e-3), recipe(4e-3)


def request(**changes: Any) -> DiagnoseRequest:
    usual: dict[str, Any] = {
        "experiment": 3,
        "parent": 1,
        "recipe": CHILD,
        "parent_recipe": PARENT,
        "task_type": "extraction",
        "metric": MetricName.EXACT_MATCH,
        "base_parameters": 1_000_000,
    }
    return DIAGNOSE_REQUEST.model_copy(update=usual | changes)


def bank(asked: DiagnoseRequest, **changes: Any) -> tuple[BankedLesson, ...]:
    return banked(asked, LESSON.model_copy(update=changes), family="qwen3", at=9.0)


def look_up(*lessons: BankedLesson, **changes: Any) -> tuple[Experience, ...]:
    job: dict[str, Any] = {
        "task_type": "classification",
        "base_family": "qwen3",
        "base_model": "Qwen/Qwen3-1.7B",
        "metric": MetricName.EXACT_MATCH,
    }
    return relevant(lessons, **(job | changes))


def several(*effects: float | None, **changes: Any) -> list[BankedLesson]:
    """Lessons on one change, each of another job."""
    return [
        banked_lesson(job_id=f"j-{place}", effect=effect, at=float(place), **changes)
        for place, effect in enumerate(effects)
    ]


def test_the_one_factor_that_was_changed_is_banked_with_its_effect() -> None:
    assert bank(request(), cause="the loss fell too slowly") == (
        BankedLesson(
            id=f"{JOB}/3/learning_rate",
            job_id=JOB,
            experiment=request().experiment,
            task_type="extraction",
            metric=MetricName.EXACT_MATCH,
            base_model="base",
            base_family="qwen3",
            base_parameters=1_000_000,
            factor="learning_rate",
            before="0.001",
            after="0.004",
            toward="up",
            alone=True,
            effect=0.4,
            effect_stderr=0.02,
            cause="the loss fell too slowly",
            at=9.0,
        ),
    )


def test_factors_changed_together_are_banked_apart_and_said_to_be_together() -> None:
    both = with_method(CHILD, num_train_epochs=4.0)

    found = bank(request(recipe=both))

    assert [(one.factor, one.alone) for one in found] == [
        ("learning_rate", False),
        ("num_train_epochs", False),
    ]


def test_without_a_cause_the_lesson_itself_is_what_is_banked() -> None:
    [found] = bank(request())

    assert found.cause == LESSON.sentence


@pytest.mark.parametrize(
    "nothing_to_learn",
    [
        request(parent=ROOT),
        request(parent_recipe=None),
        request(metric=None),
        request(recipe=replaced(PARENT, seed=5)),
    ],
)
def test_where_no_factor_made_the_difference_nothing_is_banked(
    nothing_to_learn: DiagnoseRequest,
) -> None:
    assert bank(nothing_to_learn) == ()


@pytest.mark.parametrize("error", ["OutOfTime", "ScoringFailed"])
def test_a_recipe_that_failed_is_banked_without_an_effect(error: str) -> None:
    failed = Failed(error=error, detail="gone")

    [found] = bank(request(outcome=failed), verdict="failed", effect=None, effect_stderr=None)

    assert found.effect is None


@pytest.mark.parametrize("error", ["WorkerLost", "Cancelled", "NotCertified"])
def test_what_a_machine_is_to_blame_for_is_not_banked(error: str) -> None:
    failed = Failed(error=error, detail="gone")

    assert bank(request(outcome=failed), verdict="failed", effect=None, effect_stderr=None) == ()


def test_a_difference_that_could_not_be_measured_is_not_banked() -> None:
    assert bank(request(), verdict="same", effect=None, effect_stderr=None) == ()


def test_lessons_on_one_change_add_up_to_one_sentence() -> None:
    lessons = several(0.05, 0.03, 0.04)

    [found] = look_up(*reversed(lessons))

    assert found.sentence == "learning_rate up: tried 3 times in 3 jobs, +0.040 ± 0.025, helps"
    assert found.evidence == tuple(lesson.id for lesson in lessons)


def test_what_did_harm_is_told_as_well() -> None:
    [found] = look_up(*several(-0.05, -0.03, -0.06))

    assert found.verdict == "harms"
    assert found.effect == pytest.approx(-0.0467, abs=1e-3)


def test_two_experiments_never_make_a_clear_case() -> None:
    [found] = look_up(*several(0.5, 0.5))

    assert found.verdict == "unclear"


def test_experiments_that_disagree_make_no_clear_case() -> None:
    [found] = look_up(*several(0.2, -0.1, 0.15))

    assert found.verdict == "unclear"


def test_a_change_that_mostly_fails_does_harm_though_no_effect_was_measured() -> None:
    [found] = look_up(*several(None, None, 0.05, None))

    assert found.sentence == (
        "learning_rate up: tried 4 times in 4 jobs, 3 of them failed, +0.050 ± 0.044, harms"
    )


def test_a_change_that_only_failed_has_no_effect_to_tell() -> None:
    [found] = look_up(banked_lesson(effect=None, effect_stderr=None))

    assert found.sentence == ("learning_rate up: tried once in 1 job, 1 of them failed, unclear")


def test_the_two_directions_of_a_factor_are_told_apart() -> None:
    up, down = banked_lesson(experiment=1), banked_lesson(experiment=2, toward="down")

    assert [one.toward for one in look_up(up, down)] == ["down", "up"]


def test_lessons_of_another_kind_of_task_or_by_another_metric_are_passed_over() -> None:
    lesson = banked_lesson()

    assert len(look_up(lesson)) == 1
    assert look_up(lesson, task_type="code") == ()
    assert look_up(lesson, metric=MetricName.ROUGE_1) == ()


def test_lessons_a_person_ignores_and_those_of_the_job_itself_are_passed_over() -> None:
    lesson = banked_lesson()

    assert look_up(lesson.model_copy(update={"ignored": True})) == ()
    assert look_up(lesson, but=lesson.job_id) == ()
    assert len(look_up(lesson, but=JobId("j-0"))) == 1


def test_lessons_count_less_the_further_their_base_model_is_away() -> None:
    lessons = several(0.05, 0.03, 0.04)
    errors = [
        look_up(*lessons, base_model=model, base_family=family)[0].stderr
        for model, family in [
            ("Qwen/Qwen3-1.7B", "qwen3"),
            ("Qwen/Qwen3-4B", "qwen3"),
            ("meta-llama/Llama-3.2-1B", "llama"),
        ]
    ]

    assert errors == sorted(errors, key=lambda error: error or 0.0)
    assert len(set(errors)) == 3


def test_two_unknown_families_are_not_the_same_family() -> None:
    unknown = several(0.05, 0.03, 0.04, base_family="unknown", base_model="one")

    [one] = look_up(*unknown, base_family="unknown", base_model="other")
    [other] = look_up(*unknown, base_family="llama", base_model="other")

    assert one.stderr == other.stderr


def test_a_lesson_of_several_factors_counts_less_than_one_of_its_own() -> None:
    together = [lesson.model_copy(update={"alone": False}) for lesson in several(0.0, 0.0, 0.0)]
    alone = banked_lesson(job_id="j-9", effect=0.1)

    [found] = look_up(*together, alone)

    assert found.effect == pytest.approx(0.1 / 2.5)


def test_what_persons_wrote_comes_along() -> None:
    noted = banked_lesson(note="the rows were sorted")

    [found] = look_up(noted)

    assert found.notes == ("the rows were sorted",)
