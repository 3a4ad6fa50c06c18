import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from ftbench.metrics.sums import total
from ftbench.sources import Files
from ftbench.task import Item, Judged, Split
from ftbench.tasks import fixture_of
from ftbench.tasks.open_fin_data.task import ENTITIES, OPTIONS, TASK, last_capital
from shared.errors import DataFailed
from tests.support.benchmark import fixture_items, published_items

NAME = "open_fin_data"
SIZES = {
    "emotion_identification": 75,
    "entity_disambiguation": 75,
    "financial_facts": 75,
    "data_inspection": 60,
    "financial_terminology": 75,
    "metric_calculation": 70,
    "value_extraction": 70,
    "intent_understanding": 75,
    "entity_recognition": 75,
}


def item_of(file: str, number: int = 0) -> Item:
    return next(item for item in fixture_items(NAME) if item.id == f"{file}/{number}")


def judged(file: str, answer: str) -> Judged:
    return TASK.judge(item_of(file), answer, strict=False)


def score(metric: str, answers: dict[str, str]) -> float | None:
    """Score answers by file, the same for each item of the file."""
    items = fixture_items(NAME)
    counts = [TASK.judge(i, answers.get(i.subtask, ""), strict=False).counts for i in items]
    return TASK.metrics[metric](total(counts))


def load_with(folder: Path, file: str, content: str) -> None:
    shutil.copytree(fixture_of(NAME), folder, dirs_exist_ok=True)
    (folder / f"{file}.json").write_text(content)
    TASK.load(Files(NAME, TASK.source, folder))


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("B", "B"),
        ("选C。", "C"),
        ("答案是B，因为A不对", "A"),
        ("A. 正面", "A"),
        ("B，这是一只ETF", "F"),
        ("B，属于A股", "A"),
        ("b", None),
        ("第三项", None),
        ("", None),
        ("A或Ω", "Ω"),
        ("Ｂ", "Ｂ"),
    ],
)
def test_the_letter_of_an_answer_is_its_last_capital_of_any_script(
    answer: str, letter: str | None
) -> None:
    assert last_capital(answer) == letter
    assert judged("emotion_identification", answer).parsed == letter


def test_a_full_width_letter_is_not_the_letter() -> None:
    assert judged("emotion_identification", "A").value == 1.0
    assert judged("emotion_identification", "Ａ").value == 0.0


def test_entities_are_right_when_each_occurs_whatever_stands_between() -> None:
    assert judged(ENTITIES, "海岬航运，以及松岭银行、青禾电器有限公司").value == 1.0
    assert judged(ENTITIES, "青禾电器、海岬航运").value == 0.0
    assert judged(ENTITIES, "").parsed is None


def test_strict_changes_nothing() -> None:
    for item in fixture_items(NAME):
        for answer in ("A", "选B，见ETF", str(item.answer), ""):
            default, strict = (TASK.judge(item, answer, strict=s) for s in (False, True))
            assert default == strict


def test_the_prompt_ends_with_the_options_and_the_word_for_answer() -> None:
    assert item_of("emotion_identification").messages[0].content == (
        "你是一个情绪识别助手。请判断以下新闻对该公司的情绪倾向。\n"
        "青禾电器公告第三季度净利润同比增长三成。\nA. 正面\nB. 中性\nC. 负面\n答案: "
    )
    assert "\nE. 投诉\n答案: " in item_of("intent_understanding").messages[0].content
    assert item_of(ENTITIES).messages[0].content.endswith("提供授信。\n答案: ")


def test_accuracy_is_the_plain_mean_of_the_files_and_item_accuracy_that_of_the_items() -> None:
    everything = dict.fromkeys(OPTIONS, "A")

    assert score("accuracy", everything) == pytest.approx((4 * 0.5) / 9)
    assert score("item_accuracy", everything) == pytest.approx(4 / 18)
    assert score("emotion_identification", everything) == 0.5
    assert score("value_extraction", everything) == 0.0


def test_accuracy_weighs_a_small_file_like_a_large_one() -> None:
    items = [item_of("data_inspection"), item_of(ENTITIES), item_of(ENTITIES, 1)]
    others = [item for item in fixture_items(NAME) if item.id.endswith("/0")]
    right = {item.id for item in items}
    counts = [
        TASK.judge(item, str(item.answer) if item.id in right else "", strict=False).counts
        for item in {item.id: item for item in [*others, *items]}.values()
    ]

    assert TASK.metrics["accuracy"](total(counts)) == pytest.approx(2 / 9)
    assert TASK.metrics["item_accuracy"](total(counts)) == pytest.approx(3 / 10)


def test_without_one_of_the_files_there_is_no_mean() -> None:
    counts = [judged("data_inspection", "B").counts]

    assert TASK.metrics["accuracy"](total(counts)) is None


def test_nothing_may_be_trained_on_and_everything_is_published() -> None:
    items = fixture_items(NAME)

    assert not TASK.source.may_train
    assert all(item.published for item in items)
    assert {item.split for item in items} == {Split.DEV, Split.CONFIRM, Split.TEST}


def test_items_with_the_same_question_are_on_one_side(tmp_path: Path) -> None:
    rows = [
        {"question": "同一个问题", "A": option, "B": "乙", "C": "丙", "answer": "A"}
        for option in "甲丁戊己庚辛壬癸"
    ]
    shutil.copytree(fixture_of(NAME), tmp_path, dirs_exist_ok=True)
    (tmp_path / "financial_facts.json").write_text(json.dumps(rows))

    items = TASK.load(Files(NAME, TASK.source, tmp_path)).items

    assert len({i.split for i in items if i.subtask == "financial_facts"}) == 1


def test_an_option_that_is_a_number_is_written_as_it_is(tmp_path: Path) -> None:
    row = {"question": "问", "A": 10, "B": 2.5, "C": "丙", "answer": "A"}
    shutil.copytree(fixture_of(NAME), tmp_path, dirs_exist_ok=True)
    (tmp_path / "financial_facts.json").write_text(json.dumps([row]))

    items = TASK.load(Files(NAME, TASK.source, tmp_path)).items

    asked = next(i for i in items if i.subtask == "financial_facts").messages[0].content
    assert asked == "问\nA. 10\nB. 2.5\nC. 丙\n答案: "


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", r"financial_facts\.json: wanted a JSON list of objects, found dict"),
        ("[", r"financial_facts\.json: wanted a JSON file, found one that cannot be parsed"),
        ("[1]", r"financial_facts\.json record 1: wanted an object, found int"),
        (
            '[{"question": "问", "A": "甲", "B": "乙", "answer": "A"}]',
            r"financial_facts\.json record 1: wanted 'C', found 'question', 'A', 'B', 'answer'",
        ),
        (
            '[{"question": "问", "A": "甲", "B": "乙", "C": "丙", "answer": null}]',
            r"financial_facts\.json record 1: wanted text as 'answer', found None",
        ),
        (
            '[{"question": "", "A": "甲", "B": "乙", "C": "丙", "answer": "A"}]',
            r"financial_facts\.json record 1: wanted text as 'question', found ''",
        ),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataFailed, match=message):
        load_with(tmp_path, "financial_facts", content)


def test_the_commonest_answer_of_each_file_is_given_to_all_of_it() -> None:
    items = [i for i in fixture_items(NAME) if i.subtask == "emotion_identification"]

    assert TASK.baselines["commonest answer of each file"]([], [*items, items[0]]) == ["A"] * 3


def test_copying_the_question_finds_every_entity_in_it() -> None:
    items = fixture_items(NAME)
    said = TASK.baselines["copy of the question"]([], items)
    values = {
        item.id: TASK.judge(item, answer, strict=False).value
        for item, answer in zip(items, said, strict=True)
    }

    assert values[f"{ENTITIES}/0"] == values[f"{ENTITIES}/1"] == 1.0


def test_every_file_has_its_published_number_of_items() -> None:
    items = published_items(NAME)

    assert Counter(item.subtask for item in items) == SIZES
    assert Counter(item.split for item in items)[Split.TEST] == pytest.approx(0.6 * 650, abs=60)


def test_every_published_answer_is_right_by_its_own_rule() -> None:
    wrong = [
        item.id
        for item in published_items(NAME)
        if not TASK.judge(item, str(item.answer), strict=False).value
    ]
    assert wrong == []


def test_every_published_letter_is_one_of_the_options() -> None:
    items = [item for item in published_items(NAME) if item.subtask != ENTITIES]

    assert [item.id for item in items if str(item.answer) not in OPTIONS[item.subtask]] == []
