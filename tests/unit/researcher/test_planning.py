"""What rules propose for what a job leaves open."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from services.researcher.bases import SHORT_LIST, USUAL, base_for
from services.researcher.planning import WHOLE_ANSWER, plan
from shared.contracts.capabilities import Capabilities
from shared.contracts.grader import JsonSchemaGrader, RegexGrader
from shared.contracts.job import MetricName
from shared.contracts.mapping import Prompts
from shared.contracts.plan import Plan, PlanRequest
from shared.errors import DataFailed
from tests.support.examples import CPU, DRAFT, JOB

LABELS = ["good", "bad"] * 100
DATES = [f"2021-{month:02}-{day:02}" for month in range(1, 11) for day in range(1, 21)]
TEXTS = [f"The {n}th answer is a text of some length, right in other words too." for n in range(60)]
GPU = CPU.model_copy(update={"device": "L4", "memory_gib": 24.0, "bf16": True})


def requested(
    folder: Path,
    answers: Sequence[str],
    machines: tuple[Capabilities, ...] = (),
    **given: object,
) -> PlanRequest:
    train = folder / "train.jsonl"
    rows = ({"text": f"prompt {n}", "iso": answer} for n, answer in enumerate(answers))
    train.write_text("".join(json.dumps(row) + "\n" for row in rows))
    draft = DRAFT.model_copy(update={"train": str(train), **given})
    return PlanRequest(job_id=JOB, draft=draft, machines=machines)


def chosen(plan: Plan) -> dict[str, str]:
    return {choice.field: choice.value for choice in plan.choices}


@pytest.mark.parametrize(
    ("answers", "metric"),
    [
        (LABELS, "accuracy"),
        (DATES, "exact_match"),
        (TEXTS, "rougeL"),
        (["你好世界" * 20] * 9, "exact_match"),
    ],
)
def test_the_metric_suits_the_right_answers(
    tmp_path: Path, answers: Sequence[str], metric: str
) -> None:
    assert chosen(plan(requested(tmp_path, answers)))["metric"] == metric


def test_answers_that_are_json_are_compared_as_json(tmp_path: Path) -> None:
    found = chosen(plan(requested(tmp_path, [f'{{"n": {n}, "a": []}}' for n in range(30)])))

    assert found["metric"] == "grader"
    grader = JsonSchemaGrader.model_validate_json(found["grader"])
    assert grader.same


def test_a_grader_that_is_asked_for_compares_whole_answers(tmp_path: Path) -> None:
    found = chosen(plan(requested(tmp_path, DATES, metric=MetricName.GRADER)))

    assert "metric" not in found
    assert RegexGrader.model_validate_json(found["grader"]) == WHOLE_ANSWER


def test_a_grader_without_a_metric_is_what_judges(tmp_path: Path) -> None:
    found = chosen(plan(requested(tmp_path, DATES, grader=WHOLE_ANSWER)))

    assert found["metric"] == "grader"
    assert "grader" not in found


def test_what_was_given_is_left_as_it_is(tmp_path: Path) -> None:
    request = requested(
        tmp_path, LABELS, metric=MetricName.ROUGE_1, base_model="org/model", dev="dev.jsonl"
    )

    assert chosen(plan(request)).keys() == {"confirm", "test"}


@pytest.mark.parametrize(
    ("rows", "share", "said"),
    [
        (1000, "0.1", "about 100 of 1,000 rows"),
        (250, "0.2", "about 50 of 250 rows"),
        (20_000, "0.025", "about 500 of 20,000 rows"),
        (40, "0.2", "fewer than 50 score roughly"),
    ],
)
def test_each_split_gets_a_tenth_but_50_rows_at_least_and_500_at_most(
    tmp_path: Path, rows: int, share: str, said: str
) -> None:
    made = plan(requested(tmp_path, (DATES * 100)[:rows]))

    shares = [one for one in made.choices if one.field in ("dev", "confirm", "test")]
    assert [one.value for one in shares] == [share] * 3
    assert all(said in one.reason for one in shares)


@pytest.mark.parametrize(
    ("machines", "name"),
    [
        ((), USUAL.name),
        ((CPU,), SHORT_LIST[0].name),
        ((GPU,), "Qwen/Qwen3-4B"),
        ((GPU.model_copy(update={"bf16": False}),), "Qwen/Qwen3-1.7B"),
        ((GPU.model_copy(update={"memory_gib": 80.0}),), "Qwen/Qwen3-8B"),
        ((GPU, GPU.model_copy(update={"memory_gib": 8.0})), "Qwen/Qwen3-0.6B"),
        ((GPU.model_copy(update={"memory_gib": 0.5}),), SHORT_LIST[0].name),
    ],
)
def test_the_base_model_is_the_largest_that_every_machine_can_train(
    machines: tuple[Capabilities, ...], name: str
) -> None:
    base, why = base_for(machines)

    assert base.name == name
    assert why


def test_a_gpu_that_can_hold_no_base_model_is_said_to_be_too_small() -> None:
    _, why = base_for((GPU.model_copy(update={"memory_gib": 1.0}),))

    assert why == (
        "the smallest of the short list, though training an adapter on it needs about 2.5 GiB and "
        "L4 has 1.0"
    )


def test_the_machines_of_the_request_decide(tmp_path: Path) -> None:
    found = chosen(plan(requested(tmp_path, DATES, (GPU,))))

    assert found["base_model"] == "Qwen/Qwen3-4B"


def test_labels_are_classified(tmp_path: Path) -> None:
    made = plan(requested(tmp_path, LABELS))

    assert (made.task_type, made.rows) == ("classification", 200)
    assert made.requirements.output_format == "one of 2 labels"
    assert made.requirements.success.startswith("accuracy: ")


def test_an_answer_that_is_always_the_same_is_no_classification(tmp_path: Path) -> None:
    assert plan(requested(tmp_path, ["yes"] * 100)).task_type == "other"


@pytest.mark.parametrize(("rows", "given"), [(1, {}), (3, {}), (1, {"dev": "a", "test": "b"})])
def test_rows_too_few_to_set_some_aside_cannot_be_planned_for(
    tmp_path: Path, rows: int, given: dict[str, str]
) -> None:
    with pytest.raises(
        DataFailed, match=f"wanted at least {4 - len(given)} rows, .* found {rows};"
    ):
        plan(requested(tmp_path, DATES[:rows], (), **given))


def test_few_rows_and_prompts_seen_before_are_risks(tmp_path: Path) -> None:
    request = requested(tmp_path, DATES[:100])
    train = Path(request.draft.train)
    train.write_text(train.read_text() * 2)

    risks = plan(request).requirements.risks

    assert risks == (
        "50% of the rows have a prompt seen before, so there is less to learn from than it seems.",
    )
    assert plan(requested(tmp_path, DATES[:30])).requirements.risks == (
        "30 rows are few: a model may learn them by heart.",
    )


def test_rows_of_ones_own_to_score_on_are_missed_unless_they_are_there(tmp_path: Path) -> None:
    own = {"dev": "dev.jsonl", "test": "test.jsonl"}

    assert plan(requested(tmp_path, DATES)).requirements.missing
    assert not plan(requested(tmp_path, DATES, (), **own)).requirements.missing


def test_rows_without_right_answers_cannot_be_planned_for(tmp_path: Path) -> None:
    with pytest.raises(DataFailed, match="wanted a right answer to learn"):
        plan(requested(tmp_path, DATES, mapping=Prompts(prompt="{text}")))
