from typing import Any

import pytest

from services.researcher.llm.adviser import REPAIRS, ModelUseless
from services.researcher.llm.proposing.propose import propose
from shared.contracts.job import MetricName
from shared.contracts.lesson import BankedLesson
from shared.contracts.proposal import Finding
from shared.contracts.run import Failed
from tests.unit.researcher.llm.idea_examples import (
    answering,
    asked,
    idea,
    proposed,
    told,
    turned,
)
from tests.unit.researcher.researcher_examples import finding, lesson, recipe

LINEAR = idea({"kind": "lr_scheduler_type", "to": "linear"})
DEDUPLICATED = idea({"kind": "deduplicate", "by": "prompt"})
NO_DATA = Failed(error="DataFailed", detail="no sample is left")
WORSE = lesson("worse", effect=-0.08)


def fed_back(wanted: Any, *answers: Any, lessons: tuple[BankedLesson, ...] = ()) -> list[str]:
    """Return what the model was told to be wrong."""
    adviser = answering(*answers)
    propose(wanted, lessons, adviser, tell=told)
    return [one.wrong for one in adviser.asked if one.wrong is not None]


def banked(number: int, effect: float | None = -0.05, **changes: Any) -> BankedLesson:
    usual: dict[str, Any] = {
        "id": f"j-0/{number}/deduplicate",
        "job_id": "j-0",
        "experiment": number,
        "task_type": "other",
        "metric": MetricName.EXACT_MATCH,
        "base_model": "base",
        "base_family": "unknown",
        "base_parameters": None,
        "factor": "deduplicate",
        "before": "off",
        "after": "on",
        "toward": "on",
        "alone": True,
        "effect": effect,
        "effect_stderr": 0.005,
        "cause": "repeated rows are meant",
        "at": float(number),
    }
    return BankedLesson(**(usual | changes))


def failures(*errors: str) -> list[Finding]:
    """Return experiments of a model's own below the first, each failed in its way."""
    return [
        finding(
            number,
            recipe(learning_rate=number * 1e-3),
            None,
            1,
            Failed(error=error, detail=""),
        ).model_copy(update={"proposer": "llm"})
        for number, error in enumerate(errors, start=2)
    ]


HARMFUL = tuple(banked(number) for number in (1, 2, 3))


def test_what_was_tried_is_refused_with_what_came_of_it() -> None:
    tried = finding(
        2, recipe(lr_scheduler_type="linear"), value=0.412, parent=1, taught=WORSE
    ).model_copy(update={"stderr": 0.01})

    said = fed_back(asked([finding(1, recipe()), tried]), [LINEAR], [DEDUPLICATED])

    assert said[0].startswith(
        "idea 1: #2 did that: scored 0.412 ± 0.010, worse than its parent #1 by 0.080; try "
        "something else\n0 of your ideas are taken."
    )


@pytest.mark.parametrize(
    ("tried", "said"),
    [
        (
            finding(2, recipe(lr_scheduler_type="linear"), None, 1, NO_DATA),
            "#2 did that: failed with DataFailed",
        ),
        (finding(2, recipe(lr_scheduler_type="linear"), None, 1), "#2 did that: not scored yet"),
        (
            finding(2, recipe(lr_scheduler_type="linear"), 0.5, 1),
            "#2 did that: scored 0.500, no clear difference from its parent #1",
        ),
    ],
)
def test_what_failed_or_is_under_way_or_made_no_difference_is_said(
    tried: Finding, said: str
) -> None:
    wanted = asked([finding(1, recipe()), tried])

    assert said in proposed(wanted, *([LINEAR],) * 3).dropped[0]


def test_two_ideas_of_one_answer_do_not_do_the_same() -> None:
    done = proposed(asked(many=2), [LINEAR, LINEAR], [DEDUPLICATED])

    assert len({proposal.recipe.model_dump_json() for proposal in done.proposals}) == 2


def test_a_bad_idea_leaves_the_others_of_its_answer_alone() -> None:
    loaded = idea({"kind": "load", "path": "/etc/passwd"})

    adviser = answering([LINEAR, loaded, DEDUPLICATED], [turned("r")])
    done = propose(asked(many=3), (), adviser, tell=told)

    assert len(done.proposals) == 3
    assert not done.dropped
    told_wrong = str(adviser.asked[-1].wrong)
    assert "idea 2: changes.0: " in told_wrong
    assert "idea 1" not in told_wrong
    assert "2 of your ideas are taken. Reply with 1 more" in told_wrong


def test_ideas_that_are_taken_may_be_said_again_beside_the_repaired() -> None:
    none = idea()

    done = proposed(asked(many=2), [LINEAR, none], [LINEAR, DEDUPLICATED])

    assert [proposal.changed for proposal in done.proposals] == [
        ("lr_scheduler_type cosine → linear",),
        ("deduplicate by prompt",),
    ]


def test_what_is_still_wrong_after_two_repairs_is_dropped_and_counted() -> None:
    bad = [idea(), turned("sample"), idea({"kind": "curriculum"}, join=[9])]

    adviser = answering(*([LINEAR, one] for one in bad))
    done = propose(asked(many=2), (), adviser, tell=told)

    assert len(done.proposals) == 1
    assert len(adviser.asked) == 1 + 1 + REPAIRS
    assert done.dropped == (
        "join: wanted the number of another experiment that has a score (none), found 9; leave it "
        "out",
    )


def test_nobody_is_told_a_third_time_what_was_not_understood_twice() -> None:
    adviser = answering([LINEAR, idea()], [idea()], [DEDUPLICATED])

    done = propose(asked(many=2), (), adviser, tell=told)

    assert len(adviser.asked) == 3
    assert done.dropped == ("it changes nothing: name a change, a knob or an experiment to join",)


def test_a_model_whose_experiments_keep_failing_alike_is_not_asked_for_a_while() -> None:
    wanted = asked([finding(1, recipe()), *failures("DataFailed", "DataFailed", "DataFailed")])
    adviser = answering([LINEAR])

    with pytest.raises(ModelUseless, match="last 3 experiments of the language model failed alike"):
        propose(wanted, (), adviser, tell=told)
    assert not adviser.asked


def test_a_model_is_asked_again_when_others_have_had_their_turn() -> None:
    failed = failures("DataFailed", "DataFailed", "DataFailed")
    others = [finding(number, recipe(r=number)) for number in range(5, 11)]

    with pytest.raises(ModelUseless):
        proposed(asked([*failed, *others[:5]], parent=5), [LINEAR])
    assert proposed(asked([*failed, *others], parent=5), [LINEAR]).proposals


@pytest.mark.parametrize(
    "errors",
    [
        ("DataFailed", "DataFailed"),
        ("DataFailed", "TrainingFailed", "DataFailed"),
        ("WorkerLost", "WorkerLost", "WorkerLost"),
    ],
)
def test_a_model_that_fails_seldom_or_in_several_ways_or_by_no_fault_is_asked(
    errors: tuple[str, ...],
) -> None:
    wanted = asked([finding(1, recipe()), *failures(*errors)])

    assert proposed(wanted, [LINEAR]).proposals


def test_what_was_worse_from_here_is_not_tried_again_a_little_different() -> None:
    tried = finding(2, recipe(num_train_epochs=9.0), value=0.4, parent=1, taught=WORSE)
    wanted = asked([finding(1, recipe(), value=0.5), tried])

    insisting = turned("num_train_epochs", despite="it will be better this time")
    said = fed_back(wanted, [insisting], [turned("num_train_epochs", direction="down")])

    assert "num_train_epochs up is refuted from a like place, for #2 did that: scored" in said[0]


def test_what_was_worse_beside_a_little_difference_is_refuted_too() -> None:
    findings = [
        finding(1, recipe(), value=0.5),
        finding(2, recipe(lr_scheduler_type="linear"), value=0.5, parent=1),
        finding(3, recipe(num_train_epochs=9.0), value=0.4, parent=1, taught=WORSE),
    ]

    said = fed_back(asked(findings, parent=2), [turned("num_train_epochs")], [DEDUPLICATED])

    assert "refuted from a like place" in said[0]


@pytest.mark.parametrize(
    ("begun", "child"),
    [
        ({"num_train_epochs": 8.0}, {"num_train_epochs": 12.0}),
        ({"r": 32, "batch_size": 64}, {"r": 32, "batch_size": 64, "num_train_epochs": 9.0}),
        ({}, {"num_train_epochs": 9.0, "r": 64}),
        ({}, {"num_train_epochs": 1.0}),
    ],
)
def test_what_was_worse_elsewhere_or_with_more_or_the_other_way_is_not_refuted(
    begun: dict[str, Any], child: dict[str, Any]
) -> None:
    findings = [
        finding(1, recipe(), value=0.5),
        finding(2, recipe(**begun), value=0.5),
        finding(3, recipe(**child), value=0.4, parent=2, taught=WORSE),
    ]

    done = proposed(asked(findings), [turned("num_train_epochs")])

    assert len(done.proposals) == 1


@pytest.mark.parametrize("error", ["WorkerLost", "Cancelled", "NotCertified"])
def test_what_is_not_the_recipes_fault_refutes_nothing(error: str) -> None:
    lost = Failed(error=error, detail="")
    tried = finding(2, recipe(num_train_epochs=9.0), None, 1, lost, lesson("failed", effect=None))

    done = proposed(asked([finding(1, recipe()), tried]), [turned("num_train_epochs")])

    assert len(done.proposals) == 1


def test_what_did_harm_in_three_like_jobs_is_refused_until_the_model_says_why_not_here() -> None:
    insisting = DEDUPLICATED | {"despite": "these rows repeat by accident"}

    said = fed_back(asked(), [DEDUPLICATED], [insisting], lessons=HARMFUL)

    assert "earlier jobs speak against it: deduplicate on: tried 3 times in 1 job" in said[0]
    assert len(said) == 1
    assert proposed(asked(), [insisting], lessons=HARMFUL).proposals


@pytest.mark.parametrize(
    "lessons",
    [
        HARMFUL[:2],
        tuple(one.model_copy(update={"effect": 0.05}) for one in HARMFUL),
        tuple(one.model_copy(update={"task_type": "code"}) for one in HARMFUL),
        tuple(one.model_copy(update={"ignored": True}) for one in HARMFUL),
        tuple(one.model_copy(update={"job_id": "j-1"}) for one in HARMFUL),
        tuple(one.model_copy(update={"toward": "off"}) for one in HARMFUL),
    ],
)
def test_lessons_that_are_few_or_good_or_of_other_jobs_refuse_nothing(
    lessons: tuple[BankedLesson, ...],
) -> None:
    assert len(proposed(asked(), [DEDUPLICATED], lessons=lessons).proposals) == 1
