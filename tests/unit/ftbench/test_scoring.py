from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ftbench.answers import MAX_CHARS
from ftbench.metrics.sums import MeanOf, Ratio
from ftbench.predictions import Predictions
from ftbench.results import Measured, Result
from ftbench.scoring import EVERY, Scope, digest_of, in_scope, judge_all, measure, score
from ftbench.task import Item, Message, Split, Task
from tests.support.benchmark import fixture_items
from tests.support.toy import TOY, toy_item

ITEMS = [
    toy_item("t/1", Split.TRAIN),
    toy_item("t/2", Split.TRAIN, answer="no"),
    toy_item("d/1", Split.DEV),
    toy_item("c/1", Split.CONFIRM),
    toy_item("q/1"),
    toy_item("q/2", answer="no"),
    toy_item("q/3"),
    toy_item("q/4"),
]
TEST = ITEMS[4:]
PARTS = [toy_item(f"{part}/{n}", subtask=part) for part in ("law", "art") for n in (1, 2, 3, 4)]
IN_PARTS = replace(
    TOY,
    metric="toy",
    metrics={
        "toy": MeanOf((Ratio("law.correct", "law.n"), Ratio("art.correct", "art.n"))),
        "law": Ratio("law.correct", "law.n"),
        "art": Ratio("art.correct", "art.n"),
    },
)


def said(
    answers: Mapping[str, str], items: Sequence[Item] = TEST, notes: tuple[str, ...] = ()
) -> Predictions:
    return Predictions(items, answers, "0" * 64, notes)


def result_of(
    answers: Mapping[str, str],
    items: Sequence[Item] = TEST,
    *,
    task: Task = TOY,
    notes: tuple[str, ...] = (),
    **options: Any,
) -> Result:
    return score(task, ITEMS, said(answers, items, notes), scope=Scope.TEST, **options)[0]


def all_yes(items: Sequence[Item] = TEST) -> dict[str, str]:
    return dict.fromkeys((item.id for item in items), "yes")


@pytest.mark.parametrize(
    ("scope", "ids"),
    [
        (Scope.TRAIN, ["t/1", "t/2"]),
        (Scope.DEV, ["d/1"]),
        (Scope.CONFIRM, ["c/1"]),
        (Scope.TEST, ["q/1", "q/2", "q/3", "q/4"]),
        (Scope.PUBLISHED, ["q/1", "q/2", "q/3", "q/4"]),
    ],
)
def test_a_scope_is_a_split_or_what_the_authors_score(scope: Scope, ids: list[str]) -> None:
    assert [item.id for item in in_scope(ITEMS, scope)] == ids


def test_the_published_scope_reaches_across_our_splits() -> None:
    items = [replace(item, published=item.split is not Split.TRAIN) for item in ITEMS]

    published = [item.id for item in in_scope(items, Scope.PUBLISHED)]

    assert published == ["d/1", "c/1", "q/1", "q/2", "q/3", "q/4"]
    assert len(in_scope(items, Scope.TEST)) == 4


def test_a_result_says_all_about_a_score() -> None:
    result, judged = score(
        TOY, ITEMS, said(all_yes(), notes=("made up",)), scope=Scope.TEST, model="m-1"
    )

    assert [one.value for one in judged] == [1.0, 0.0, 1.0, 1.0]
    assert result.headline.value == 0.75
    assert result.headline.stderr == pytest.approx(0.25)
    assert result.scores == {"accuracy": result.headline}
    assert (result.task, result.split, result.model, result.n) == ("toy", "test", "m-1", 4)
    assert (result.strict, result.metric) == (False, "accuracy")
    assert result.outputs.commonest_share == 1.0
    assert result.notes == ("made up",)
    assert result.predictions_sha256 == "0" * 64
    assert result.data_sha256 == digest_of(TEST)


def test_the_headline_is_beside_its_parts() -> None:
    answers = {**all_yes(PARTS), "law/1": "no", "art/1": "no", "art/2": "no", "art/3": "no"}

    result = result_of(answers, PARTS, task=IN_PARTS)

    assert {name: one.value for name, one in result.scores.items()} == {
        "toy": 0.5,
        "law": 0.75,
        "art": 0.25,
    }
    assert result.scores["law"].stderr == pytest.approx(0.25)
    assert result.headline == result.scores["toy"]
    assert result.headline.stderr is not None
    assert result.notes == ()


def test_a_headline_over_parts_without_answers_is_not_given() -> None:
    result = result_of(all_yes(PARTS[:4]), PARTS[:4], task=IN_PARTS, notes=("before",))

    assert result.headline == Measured(value=None, stderr=None)
    assert result.scores["law"] == Measured(value=1.0, stderr=0.0)
    assert result.notes == (
        "before",
        "toy needs all its parts and is not given; the mean of the 1 answered is 100.00, and what "
        "no skill scores is the mean of the same",
    )


def test_what_is_left_of_a_headline_is_the_mean_of_the_parts_answered() -> None:
    parts = (IN_PARTS.metrics["law"], IN_PARTS.metrics["art"], Ratio("zoo", "zoo.n"))
    task = replace(IN_PARTS, metrics={"toy": MeanOf(parts)})
    answers = {**all_yes(PARTS), "law/1": "no"}

    [note] = result_of(answers, PARTS, task=task).notes

    assert "; the mean of the 2 answered is 87.50, " in note


def test_a_baseline_without_all_parts_is_the_mean_of_the_same() -> None:
    items = [*PARTS[:3], replace(PARTS[3], answer="no")]

    assert result_of(all_yes(items), items, task=IN_PARTS).baselines == {"always yes": 0.75}


def test_a_headline_with_nothing_to_go_by_says_so() -> None:
    calls = Ratio("right", "calls")

    for metric in (calls, MeanOf((calls, calls))):
        result = result_of(all_yes(), task=replace(TOY, metric="calls", metrics={"calls": metric}))
        assert result.notes == ("calls has nothing to go by",)
        assert result.baselines == {"always yes": None}


def test_items_of_a_group_are_drawn_together() -> None:
    alone = [toy_item(f"q/{n}", answer="yes" if n % 2 else "no") for n in range(20)]
    grouped = [replace(item, group=item.answer or "") for item in alone]

    one, other = (
        measure(TOY, items, judge_all(TOY, items, all_yes(items)))["accuracy"]
        for items in (alone, grouped)
    )

    assert one.value == other.value == 0.5
    assert one.stderr == pytest.approx(0.5 / 19**0.5)
    assert other.stderr == pytest.approx(0.5)


def test_all_of_a_group_counts() -> None:
    items = [
        toy_item(f"{group}/{n}", answer=answer, group=group)
        for group, answers in {"a": ["yes", "no", "no"], "b": ["no", "yes"]}.items()
        for n, answer in enumerate(answers)
    ]

    measured = measure(TOY, items, judge_all(TOY, items, all_yes(items)))["accuracy"]

    # Residuals of a ratio of 2/5 over groups of 1 in 3 and 1 in 2 are -1/5 and 1/5.
    assert measured.value == 0.4
    assert measured.stderr == pytest.approx((2 * (0.2**2 + 0.2**2)) ** 0.5 / 5)


def test_parts_are_strata() -> None:
    # All of a part are alike, so drawing within the parts never changes the mean of all.
    task = replace(TOY, metrics={"accuracy": lambda sums: sums["correct"] / sums["n"]})
    answers = {item.id: "yes" if item.subtask == "law" else "no" for item in PARTS}
    judged = judge_all(task, PARTS, answers)

    assert measure(task, PARTS, judged)["accuracy"] == Measured(value=0.5, stderr=0.0)
    in_one = [replace(item, subtask="") for item in PARTS]
    assert measure(task, in_one, judged)["accuracy"].stderr != 0.0


def test_baselines_answer_the_same_items() -> None:
    result = result_of({**all_yes(), "q/1": "no"}, TEST)

    assert result.baselines == {"always yes": 0.75}


def test_baselines_learn_from_train_alone() -> None:
    seen: list[list[str]] = []

    def spy(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
        seen.append([item.id for item in train])
        return ["no"] * len(items)

    result = result_of(all_yes(), task=replace(TOY, baselines={"always no": spy}))

    assert seen == [["t/1", "t/2"]]
    assert result.baselines == {"always no": 0.25}


def test_a_baseline_of_too_few_answers_is_a_bug_of_its_task() -> None:
    task = replace(TOY, baselines={"lazy": lambda train, items: ["yes"]})

    with pytest.raises(ValueError, match="argument 2 is shorter"):
        result_of(all_yes(), task=task)


def test_strict_reaches_the_answers_and_the_baselines() -> None:
    task = replace(TOY, baselines={"loud": lambda train, items: ["YES"] * len(items)})
    loud = dict.fromkeys(all_yes(), "YES")

    lenient, strict = (result_of(loud, task=task, strict=strict) for strict in (False, True))

    assert (lenient.headline.value, lenient.strict) == (0.75, False)
    assert (strict.headline.value, strict.strict) == (0.0, True)
    assert (lenient.baselines, strict.baselines) == ({"loud": 0.75}, {"loud": 0.0})


def test_answers_are_judged_leniently_unless_asked_otherwise() -> None:
    [lenient] = judge_all(TOY, TEST[:1], {"q/1": "YES"})
    [strict] = judge_all(TOY, TEST[:1], {"q/1": "YES"}, strict=True)

    assert (lenient.value, strict.value) == (1.0, 0.0)


def test_reasoning_is_neither_judged_nor_described() -> None:
    result = result_of(dict.fromkeys(all_yes(), "<think>no, or is it?</think>\nyes"))

    assert result.headline.value == 0.75
    assert result.outputs.longest_chars == 3


def test_reasoning_that_never_ends_is_no_answer() -> None:
    result = result_of({**all_yes(), "q/1": "<think>yes"})

    assert result.headline.value == 0.5
    assert result.outputs.empty_share == 0.25


def test_cut_answers_are_counted_and_cut() -> None:
    long = "yes" + "!" * MAX_CHARS
    result = result_of({**all_yes(), "q/1": long, "q/2": long})

    assert result.notes == ("2 answers reach 100,000 characters, where longer ones are cut",)
    assert result.outputs.longest_chars == MAX_CHARS
    thoughtful = f"<think>{'hm ' * MAX_CHARS}</think>yes"
    assert result_of({**all_yes(), "q/1": thoughtful}).notes == ()


def test_what_looks_like_a_trick_is_flagged() -> None:
    items = [toy_item(f"q/{n}", answer=f"answer {n}") for n in range(20)]

    assert result_of(all_yes(items), items).flags == ("100% of the answers are 'yes'",)


def test_progress_is_told_every_hundred_items() -> None:
    items = [toy_item(f"q/{n}") for n in range(2 * EVERY + 1)]
    told: list[int] = []

    score(TOY, items, said(all_yes(items), items), scope=Scope.TEST, on_progress=told.append)

    assert told == [0, 100, 200]


def test_an_item_without_an_answer_is_a_bug_of_the_caller() -> None:
    with pytest.raises(KeyError, match="q/2"):
        judge_all(TOY, TEST, {"q/1": "yes"})


def test_the_same_data_have_the_same_digest() -> None:
    fixture_items.cache_clear()
    first = digest_of(fixture_items("sst2"))
    fixture_items.cache_clear()

    assert digest_of(fixture_items("sst2")) == first
    assert len(first) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"id": "q/9"},
        {"answer": "no"},
        {"answer": None},
        {"record": {"answer": "yes", "also": 1}},
        {"messages": (Message("user", "Is it?"),)},
        {"messages": (Message("system", "Is it so?"),)},
    ],
)
def test_whatever_is_asked_or_right_changes_the_digest(change: dict[str, Any]) -> None:
    assert digest_of([replace(TEST[0], **change), *TEST[1:]]) != digest_of(TEST)


def test_fewer_items_have_another_digest() -> None:
    assert len({digest_of(TEST[:n]) for n in range(5)}) == 5


def test_a_record_may_hold_what_json_does_not_know() -> None:
    from datetime import date

    one, other = (
        digest_of([replace(TEST[0], record={"on": date(2024, 1, day)})]) for day in (1, 2)
    )

    assert one != other


def test_the_order_of_a_records_columns_is_of_no_concern() -> None:
    one, other = (
        digest_of([replace(TEST[0], record=record)])
        for record in ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    )

    assert one == other
