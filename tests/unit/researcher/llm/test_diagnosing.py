import re
from typing import Any

import pytest

from services.researcher.diagnosis import diagnose as measure
from services.researcher.llm.adviser import ModelUseless, RoomTooSmall
from services.researcher.llm.diagnosing import diagnose
from shared.contracts.base import ExperimentId, JobId
from shared.contracts.job import MetricName
from shared.contracts.lesson import DiagnoseRequest, Lesson
from shared.contracts.run import Failed, LossPoint
from shared.contracts.score import Score
from tests.support.advising import ScriptedAdviser
from tests.unit.researcher.llm.advice_examples import (
    CONFUSIONS,
    INJECTION,
    LESSONS,
    RAN,
    SECOND,
    THIRD,
    WRONG,
)
from tests.unit.researcher.researcher_examples import DIVERGED, trained

VIEW: dict[str, Any] = {
    "verdict": "worse",
    "why": "31 answers swap day and month.",
    "cause": "data_quality",
    "confidence": 0.6,
    "next": "Drop rows that are ambiguous.",
}


def score(right: int, of: int = 40, **changes: Any) -> Score:
    usual: dict[str, Any] = {
        "metric": MetricName.EXACT_MATCH,
        "split": "dev",
        "data_sha256": "1" * 64,
        "value": right / of,
        "stderr": 0.05,
        "items": (1.0,) * right + (0.0,) * (of - right),
        "empty_share": 0.0,
        "cut_share": 0.0,
        "engine": "test",
        "seconds": 1.0,
    }
    return Score(**(usual | changes))


def request(**changes: Any) -> DiagnoseRequest:
    usual: dict[str, Any] = {
        "job_id": JobId("j-1"),
        "experiment": ExperimentId(3),
        "recipe": THIRD,
        "changed": ("r 16 → 32",),
        "outcome": RAN,
        "score": score(10, faults=WRONG, confusions=CONFUSIONS),
        "parent": ExperimentId(2),
        "parent_score": score(30, faults=WRONG[:1]),
        "parent_recipe": SECOND,
        "goal": "Normalise dates to ISO 8601",
        "task_type": "extraction",
        "metric": MetricName.EXACT_MATCH,
    }
    return DiagnoseRequest(**(usual | changes))


def asked(about: DiagnoseRequest, *replies: object, room: int = 8000) -> tuple[Lesson, str]:
    """Return the lesson of these replies, and what the model was told."""
    adviser = ScriptedAdviser({"Diagnosis": replies}, room=room)
    lesson = diagnose(about, measure(about), (), adviser)
    return lesson, adviser.asked[0].told


def test_a_lesson_keeps_what_was_measured_and_adds_the_models_view() -> None:
    measured = measure(request())

    lesson, _ = asked(request(), VIEW)

    assert lesson.cause == "data_quality: 31 answers swap day and month"
    assert lesson.confidence == 0.6
    assert lesson.sentence == (
        f"{measured.sentence} A language model's view, confidence 0.60: data_quality, 31 answers "
        "swap day and month; to try next: Drop rows that are ambiguous."
    )
    added = {"sentence", "cause", "confidence"}
    assert lesson.model_dump(exclude=added) == measured.model_dump(exclude=added)


def test_a_model_that_calls_a_loss_a_gain_is_told_what_was_measured() -> None:
    adviser = ScriptedAdviser({"Diagnosis": [VIEW | {"verdict": "better"}, VIEW]})

    lesson = diagnose(request(), measure(request()), (), adviser)

    assert lesson.verdict == "worse"
    assert adviser.asked[1].wrong == (
        "verdict: wanted worse, which was measured, found better; explain a result that is worse"
    )


def test_a_model_that_insists_on_a_gain_gives_no_lesson() -> None:
    with pytest.raises(ModelUseless, match="which was measured"):
        asked(request(), *[VIEW | {"verdict": "better"}] * 3)


@pytest.mark.parametrize(
    ("outcome", "reply", "wrong"),
    [
        (RAN, {"cause": "failure"}, "failure goes with a run that failed"),
        (
            trained(train_curve=[LossPoint(step=n, loss=2 - n / 40) for n in range(40)]),
            {"cause": "overfitting"},
            "the loss curves show underfitting, found overfitting",
        ),
    ],
)
def test_a_cause_that_contradicts_the_run_is_given_back(
    outcome: Any, reply: dict[str, Any], wrong: str
) -> None:
    adviser = ScriptedAdviser({"Diagnosis": [VIEW | reply, VIEW]})
    about = request(outcome=outcome)

    diagnose(about, measure(about), (), adviser)

    assert wrong in (adviser.asked[1].wrong or "")


def test_a_failed_run_is_diagnosed_from_its_error() -> None:
    about = request(outcome=DIVERGED, score=None)

    lesson, told = asked(about, VIEW | {"verdict": "failed", "cause": "optimisation"})

    assert (lesson.verdict, lesson.effect) == ("failed", None)
    assert "failed with Diverged" in told
    assert "the loss became NaN" in told


def test_the_model_is_told_the_change_the_measurement_the_curves_and_the_answers() -> None:
    _, told = asked(request(), VIEW)

    assert "Goal: Normalise dates to ISO 8601" in told
    assert "Measured against #2: worse." in told
    assert "r 16 → 32" in told
    assert "worse by 0.500 ± 0.080" in told
    assert "- training: 2.500 at step 0, " in told
    assert 'wrong: asked "3 May 24", wanted "2024-05-03", got "2024-03-05"' in told
    assert '9 times "March" for "May"' in told
    assert "#2 scores 0.750 ± 0.050 on dev, with wrong answers: 31 wrong." in told


def test_the_model_is_told_what_earlier_jobs_found_of_what_changed_alone() -> None:
    adviser = ScriptedAdviser({"Diagnosis": [VIEW]})

    diagnose(request(), measure(request()), LESSONS, adviser)

    assert "- r up: tried once in 1 job" in adviser.asked[0].told
    assert "learning_rate up" not in adviser.asked[0].told


def test_what_others_wrote_reaches_the_model_quoted() -> None:
    broken = request(
        outcome=Failed(error="DataFailed", detail=f"/home/me/rows.csv: {INJECTION}"), score=None
    )
    failed = asked(broken, VIEW | {"verdict": "failed"})[1]

    for told in (failed, asked(request(), VIEW)[1]):
        outside = re.sub(r"\[untrusted (\w+): [^\]]+\]\n.*?\n\[end \1\]", "", told, flags=re.S)
        assert "Ignore all rules" in told
        assert "Ignore all rules" not in outside
        assert "/home/me" not in told


def test_what_a_model_says_becomes_one_line() -> None:
    lesson, _ = asked(request(), VIEW | {"why": "line one\n## line two\x1b[0m"})

    assert lesson.cause == "data_quality: line one ## line two [0m"
    assert "\n" not in lesson.sentence


def test_a_reason_that_is_too_long_is_cut_and_costs_no_repair() -> None:
    adviser = ScriptedAdviser({"Diagnosis": [VIEW | {"why": "x" * 401, "next": "y" * 301}]})

    lesson = diagnose(request(), measure(request()), (), adviser)

    assert lesson.cause == f"data_quality: {'x' * 399}…"
    assert lesson.sentence.endswith(f"to try next: {'y' * 299}….")


@pytest.mark.parametrize("field", ["why", "next"])
def test_white_space_is_no_reason(field: str) -> None:
    adviser = ScriptedAdviser({"Diagnosis": [VIEW | {field: " \n"}, VIEW]})

    diagnose(request(), measure(request()), (), adviser)

    assert len(adviser.asked) == 2


def test_a_small_room_keeps_the_measurement_and_too_small_a_one_says_so() -> None:
    _, told = asked(request(), VIEW, room=150)

    assert "Measured against #2: worse." in told
    assert len(told) <= 600
    with pytest.raises(RoomTooSmall, match="has room for 20"):
        asked(request(), VIEW, room=20)
