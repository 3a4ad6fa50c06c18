"""What holds for each of the ten tasks, on its made-up records."""

from collections import defaultdict

import pytest

from ftbench.answers import final_answer
from ftbench.exporting import RowType, training_rows
from ftbench.fingerprint import fingerprint
from ftbench.predictions import Predictions
from ftbench.scoring import Scope, digest_of, judge_all, measure, score
from ftbench.sources import Files
from ftbench.task import Split
from ftbench.tasks import NAMES, fixture_of, get_task
from shared.errors import Rejected
from tests.support.benchmark import fixture_items

HEADINGS = ["## Source", "## Splits", "## Prompt", "## Metric", "## Quirks", "## Scores"]

ODD = [
    "",
    " \n\t",
    "None",
    "nan",
    "答案" * 20_000,
    "A" * 100_000,
    "[" * 50_000,
    "{" * 50_000,
    '{"molecule": ' * 5_000,
    "([" * 20_000,
    "1" * 50_000,
    "一" * 50_000,
    "\u0000\ud800\u202e",
    "Action: " * 10_000,
    "C(" * 20_000,
    "answer is A, answer is " * 4_000,
]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_task_is_named_as_its_folder(name: str) -> None:
    assert get_task(name).name == name


def test_its_made_up_records_load_as_five_items_or_more_with_ids_of_their_own(name: str) -> None:
    items = fixture_items(name)

    assert len(items) >= 5
    assert len({item.id for item in items}) == len(items)
    assert any(item.published for item in items)
    assert not any(item.published and item.split is Split.TRAIN for item in items)


def test_loading_twice_gives_the_same_items(name: str) -> None:
    task = get_task(name)

    again = task.load(Files(name, task.source, fixture_of(name))).items

    assert digest_of(list(again)) == digest_of(list(fixture_items(name)))


def test_no_group_is_on_two_sides_of_a_split(name: str) -> None:
    splits = defaultdict(set)
    for item in fixture_items(name):
        splits[item.group].add(item.split)

    assert all(len(found) == 1 for found in splits.values())


def test_every_conversation_ends_with_a_question(name: str) -> None:
    for item in fixture_items(name):
        assert item.messages[-1].role in ("user", "system")
        assert all(message.content.strip() for message in item.messages)


@pytest.mark.parametrize("strict", [False, True])
def test_no_answer_whatever_it_is_raises_or_earns_more_than_everything(
    name: str, strict: bool
) -> None:
    task = get_task(name)
    by_subtask = {item.subtask: item for item in fixture_items(name)}

    for item in by_subtask.values():
        for answer in ODD:
            judged = task.judge(item, final_answer(answer), strict=strict)
            assert judged.value <= 1.0
            assert all(value == value for value in judged.counts.values())


def test_an_empty_answer_earns_less_than_the_published_one(name: str) -> None:
    task = get_task(name)
    items = [item for item in fixture_items(name) if item.answer is not None]

    for item in items:
        right = task.judge(item, item.answer or "", strict=False)
        assert right.value >= task.judge(item, "", strict=False).value


def test_scores_are_numbers_with_errors_beside_their_baselines(name: str) -> None:
    task = get_task(name)
    items = [item for item in fixture_items(name) if item.published]
    answers = {item.id: item.answer or "" for item in items}

    result, judged = score(
        task,
        fixture_items(name),
        Predictions(items, answers, "0" * 64, ()),
        scope=Scope.PUBLISHED,
    )

    assert len(judged) == len(items)
    assert result.headline.value is not None
    assert result.metric == next(iter(result.scores))
    assert result.baselines
    for measured in result.scores.values():
        # GTA counts some turns above the line and not below.
        assert measured.value is None or -1 <= measured.value <= 1.1


def test_only_train_leaves(name: str) -> None:
    task = get_task(name)
    items = fixture_items(name)
    train = [item for item in items if item.split is Split.TRAIN]
    if not train:
        with pytest.raises(Rejected, match="wanted"):
            training_rows(task, items, RowType.MESSAGES)
        return

    rows = training_rows(task, items, RowType.MESSAGES)

    assert len(rows) == len(train)
    assert all(row["messages"][-1]["role"] == "assistant" for row in rows)


def test_its_sealed_items_have_a_fingerprint(name: str) -> None:
    found = fingerprint(name, fixture_items(name))

    assert found.items == sum(item.split is not Split.TRAIN for item in fixture_items(name))


def test_its_readme_says_what_a_user_must_know(name: str) -> None:
    text = (fixture_of(name).parent / "README.md").read_text(encoding="utf-8")

    assert [line for line in text.splitlines() if line.startswith("## ")] == HEADINGS
    assert get_task(name).source.licence.split(",")[0] in text


def test_published_answers_of_the_made_up_records_are_right(name: str) -> None:
    task = get_task(name)
    items = [item for item in fixture_items(name) if item.answer is not None]
    judged = judge_all(task, items, {item.id: item.answer or "" for item in items})

    assert measure(task, items, judged)[task.metric].value in (None, pytest.approx(1.0, abs=0.15))
