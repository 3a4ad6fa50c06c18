import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ftbench.predictions import Predictions, read_predictions
from ftbench.task import Item, Task
from shared.errors import Rejected
from tests.support.toy import TOY, toy_item

ITEMS = [toy_item(f"q/{number}") for number in range(1, 6)]
PARTS = [toy_item(f"{part}/{n}", subtask=part) for part in ("law", "art", "zoo") for n in (1, 2)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.jsonl"


def read(
    path: Path,
    items: Sequence[Item] = ITEMS,
    *,
    scope: Sequence[Item] | None = None,
    task: Task = TOY,
    missing_as_wrong: bool = False,
) -> Predictions:
    scope = items if scope is None else scope
    return read_predictions(path, task, items, scope, missing_as_wrong=missing_as_wrong)


def write(path: Path, answers: dict[str, Any]) -> None:
    write_pairs(path, list(answers.items()))


def write_pairs(path: Path, pairs: list[tuple[str, Any]]) -> None:
    rows = [{"id": id, "prediction": answer} for id, answer in pairs]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def refusal(path: Path, items: Sequence[Item] = ITEMS, **options: Any) -> str:
    with pytest.raises(Rejected) as refused:
        read(path, items, **options)
    return str(refused.value)


def all_of(items: Sequence[Item], answer: str = "yes") -> dict[str, Any]:
    return dict.fromkeys((item.id for item in items), answer)


def test_every_item_gets_its_answer(path: Path) -> None:
    write(path, {"q/5": "no", "q/1": "yes", "q/3": "", "q/4": "  yes\n", "q/2": "是"})

    said = read(path)

    assert said.items == ITEMS
    assert said.answers == {"q/5": "no", "q/1": "yes", "q/3": "", "q/4": "  yes\n", "q/2": "是"}
    assert said.notes == ()


def test_predictions_may_come_in_a_table(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("id,prediction\n" + "".join(f"{item.id},yes\n" for item in ITEMS))

    assert read(path).answers == all_of(ITEMS)


def test_further_columns_are_of_no_concern(path: Path) -> None:
    rows = [{"id": item.id, "prediction": "yes", "model": "m", "cut": True} for item in ITEMS]
    path.write_text("\n".join(map(json.dumps, rows)))

    assert read(path).answers == all_of(ITEMS)


def test_a_missing_file_is_named(path: Path) -> None:
    assert refusal(path) == f"wanted predictions, found nothing at {path}; check the path"


def test_an_empty_file_answers_nothing(path: Path) -> None:
    path.write_text("")

    assert refusal(path) == (
        f"{path}: wanted answers to the 5 items of toy to be scored, found none among 0 "
        "predictions; check --task and --split"
    )


def test_answers_to_another_split_answer_nothing(path: Path) -> None:
    write(path, all_of(ITEMS[:3]))

    assert refusal(path, scope=ITEMS[3:]) == (
        f"{path}: wanted answers to the 2 items of toy to be scored, found none among 3 "
        "predictions; check --task and --split"
    )


def test_bytes_that_are_not_utf8_are_named(path: Path) -> None:
    path.write_bytes(b'{"id": "q/1", "prediction": "yes"}\n{"id": "q/2", "prediction": "\xff"}\n')

    with pytest.raises(Rejected, match=r"answers\.jsonl line 2: wanted UTF-8, found byte 0xff"):
        read(path)


def test_a_line_that_is_no_json_is_named(path: Path) -> None:
    path.write_text('{"id": "q/1", "prediction": "yes"}\n\n{"id": "q/2", "prediction"\n')

    with pytest.raises(Rejected, match=r"answers\.jsonl line 3: wanted one JSON object a line"):
        read(path)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"prediction": "yes"}, "'prediction'"),
        ({"id": "q/1"}, "'id'"),
        ({"id": "q/1", "answer": "yes"}, "'id', 'answer'"),
        ({"id": 1, "prediction": "yes"}, "'id', 'prediction' and the id 1"),
        ({}, "nothing"),
    ],
)
def test_a_line_without_a_text_id_and_a_prediction_is_refused(
    path: Path, row: dict[str, Any], found: str
) -> None:
    path.write_text('{"id": "q/2", "prediction": "yes"}\n' + json.dumps(row))

    assert refusal(path) == (
        f"{path} line 2: wanted an object with a text 'id' and a 'prediction', found {found}; "
        "correct that line"
    )


def test_all_that_is_wrong_with_the_ids_and_texts_is_said_at_once(path: Path) -> None:
    pairs: list[tuple[str, Any]] = [
        ("q/1", "yes"), ("q/1", "no"), ("q/2", 7), ("q/3", ["yes"]), ("q/4", True), ("q/5", 0.5)
    ]  # fmt: skip
    write_pairs(path, [*pairs, *((f"r/{n}", "yes") for n in range(1, 6))])

    assert refusal(path) == (
        f"{path}: wanted one text prediction an item, found 1 ids that occur twice, 'q/1'; "
        "5 ids that are no item of the task, 'r/1', 'r/2', 'r/3', …; "
        "4 predictions that are no text, 'q/2', 'q/3', 'q/4', …; "
        "correct the file, `ftbench run` writes such files"
    )


def test_an_answer_given_twice_alike_is_refused_too(path: Path) -> None:
    write_pairs(path, [*all_of(ITEMS).items(), ("q/3", "yes")])

    assert "1 ids that occur twice, 'q/3';" in refusal(path)


def test_a_missing_answer_is_refused(path: Path) -> None:
    write(path, {"q/1": "yes"})

    assert refusal(path) == (
        f"{path}: wanted an answer to each of 5 items, found 4 missing, 'q/2', 'q/3', 'q/4', …; "
        "add them, or count them as wrong with --missing-as-wrong"
    )


def test_up_to_three_missing_answers_are_all_named(path: Path) -> None:
    write(path, {"q/1": "yes", "q/5": "yes"})

    assert "found 3 missing, 'q/2', 'q/3', 'q/4'; add them" in refusal(path)


def test_a_missing_answer_counts_as_wrong_when_asked_for(path: Path) -> None:
    write(path, {"q/1": "yes", "q/4": "yes", "q/5": "no"})

    said = read(path, missing_as_wrong=True)

    assert said.items == ITEMS
    assert said.answers == {"q/1": "yes", "q/2": "", "q/3": "", "q/4": "yes", "q/5": "no"}
    assert said.notes == ("2 missing answers count as wrong, 'q/2', 'q/3'",)


def test_null_and_nan_are_empty_answers(path: Path) -> None:
    write(path, {**all_of(ITEMS), "q/2": None, "q/3": float("nan")})

    said = read(path)

    assert (said.answers["q/2"], said.answers["q/3"]) == ("", "")
    assert said.notes == ("2 predictions are null and count as empty answers",)


def test_infinity_is_no_answer(path: Path) -> None:
    write(path, {**all_of(ITEMS), "q/2": float("inf")})

    assert "1 predictions that are no text, 'q/2';" in refusal(path)


def test_answers_outside_the_split_are_left_out_and_said(path: Path) -> None:
    write(path, all_of(ITEMS))

    said = read(path, scope=ITEMS[:2])

    assert said.items == ITEMS[:2]
    assert said.notes == ("3 predictions are for items outside the split, and are left out",)


def test_a_part_without_any_answer_is_left_out_and_said(path: Path) -> None:
    write(path, all_of(PARTS[2:4]))

    said = read(path, PARTS)

    assert said.items == PARTS[2:4]
    assert said.notes == ("no predictions for law, zoo",)


def test_a_part_with_one_answer_needs_all(path: Path) -> None:
    write(path, all_of(PARTS[1:4]))

    assert "wanted an answer to each of 4 items, found 1 missing, 'law/1';" in refusal(path, PARTS)


def test_an_answer_outside_the_split_does_not_begin_a_part(path: Path) -> None:
    write(path, all_of(PARTS[:3]))

    said = read(path, PARTS, scope=[*PARTS[:2], PARTS[3]])

    assert said.items == PARTS[:2]
    assert said.notes == (
        "no predictions for art",
        "1 predictions are for items outside the split, and are left out",
    )


def test_an_answer_of_ten_megabytes_is_read(path: Path) -> None:
    write(path, {**all_of(ITEMS), "q/1": "y" * 10_000_000})

    assert len(read(path).answers["q/1"]) == 10_000_000


def test_half_a_character_is_an_answer_like_any_other(path: Path) -> None:
    write(path, {**all_of(ITEMS), "q/1": "\ud83d"})

    said = read(path)

    assert said.answers["q/1"] == "\ud83d"
    assert len(said.sha256) == 64


def test_the_same_answers_have_the_same_digest_in_any_order(path: Path, tmp_path: Path) -> None:
    answers = all_of(ITEMS)
    write(path, answers)
    write(tmp_path / "again.jsonl", dict(reversed(answers.items())))

    assert read(path).sha256 == read(tmp_path / "again.jsonl").sha256 == read(path).sha256


def test_another_answer_has_another_digest(path: Path, tmp_path: Path) -> None:
    digests = set()
    for answers in ({}, {"q/1": "Yes"}, {"q/1": "yes "}, {"q/1": "", "q/2": "yesyes"}):
        write(path, {**all_of(ITEMS), **answers})
        digests.add(read(path).sha256)

    assert len(digests) == 4


def test_what_is_left_out_is_not_in_the_digest(path: Path, tmp_path: Path) -> None:
    write(path, all_of(ITEMS))
    write(tmp_path / "fewer.jsonl", all_of(ITEMS[:2]))

    whole, part = (read(at, scope=ITEMS[:2]) for at in (path, tmp_path / "fewer.jsonl"))

    assert whole.sha256 == part.sha256


def read_lines(path: Path, items: Sequence[Item]) -> dict[str, str]:
    """Read what the toy's authors publish: an answer a line, in the order of the items."""
    return dict(zip((item.id for item in items), path.read_text().split("\n"), strict=False))


def test_a_task_may_read_what_its_authors_publish(path: Path, tmp_path: Path) -> None:
    task = replace(TOY, read_predictions=read_lines)
    published = tmp_path / "answers.txt"
    published.write_text("yes\nno\nyes\nno\nyes")
    write(path, all_of(ITEMS))

    assert read(published, task=task).answers["q/2"] == "no"
    assert read(path, task=task).answers == all_of(ITEMS)


def test_what_the_authors_publish_may_lack_items_which_are_then_left_out(tmp_path: Path) -> None:
    published = tmp_path / "answers.txt"
    published.write_text("yes\nno\nyes")

    found = read(published, task=replace(TOY, read_predictions=read_lines))

    assert [item.id for item in found.items] == ["q/1", "q/2", "q/3"]
    assert found.notes == ("2 items without a prediction are left out, 'q/4', 'q/5'",)
