"""CS-Bench: what counts as the answer, by our rules and by upstream's, and what it is given for."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ftbench.metrics.sums import total
from ftbench.sources import Files
from ftbench.task import Item
from ftbench.tasks import fixture_of
from ftbench.tasks.cs_bench.parsing import first_letter_in, letter_in, verdict_in
from ftbench.tasks.cs_bench.task import TASK
from shared.errors import DataFailed
from tests.support.benchmark import fixture_items, published_items

VALID = "CSBench-EN/valid.json"


def fixture_item(id: str) -> Item:
    return next(item for item in fixture_items("cs_bench") if item.id == id)


def scores(answers: list[str], items: list[Item], *, strict: bool) -> dict[str, float | None]:
    judged = [TASK.judge(i, a, strict=strict) for i, a in zip(items, answers, strict=True)]
    sums = total([one.counts for one in judged])
    return {name: metric(sums) for name, metric in TASK.metrics.items()}


def files_at(folder: Path) -> Files:
    return Files("cs_bench", TASK.source, folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(fixture_of("cs_bench"), tmp_path / "cs_bench"))


def change_first(folder: Path, **changes: Any) -> None:
    rows = json.loads((folder / VALID).read_text())
    rows[0] |= changes
    (folder / VALID).write_text(json.dumps(rows))


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("B", "B"),
        ("b", "B"),
        ("(b)", "B"),
        ("**B**", "B"),
        ("B. A class A address", "B"),
        ("d) A stack", "D"),
        ("The answer is B.", "B"),
        ("the answer is a.", "A"),
        ("The correct answer is option C, not D", "C"),
        ("**Answer:** C", "C"),
        ("The answer is A? No, the answer is B, unlike D.", "B"),
        ("It cannot be (A), so I take (c). D is far off.", "C"),
        ("Neither A nor B holds, so C", "C"),
        ("I think A is right", "A"),
        (r"\boxed{D}", "D"),
        ("O(a) grows; choose D", "D"),
    ],
)
def test_the_letter_that_an_answer_settles_on(answer: str, letter: str) -> None:
    assert letter_in(answer) == letter


@pytest.mark.parametrize(
    "answer",
    ["", "This is a guess.", "A stack is LIFO.", "The answer is a stack.", "AB", "E", "ABCD"],
)
def test_the_article_and_words_are_no_letter(answer: str) -> None:
    assert letter_in(answer) is None


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("This is a guess.", "A"),
        ("This is a question on stacks. The answer is (C).", "A"),
        ("B", "B"),
        ("d) A stack", "D"),
        ("AB", None),
    ],
)
def test_upstream_takes_the_first_letter_even_the_article(answer: str, letter: str | None) -> None:
    assert first_letter_in(answer) == letter


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("True", "true"),
        ("FALSE.", "false"),
        ("It is false, not true", "false"),
        ("untrue", None),
        ("yes", None),
    ],
)
def test_the_verdict_is_the_first_whole_word(answer: str, verdict: str | None) -> None:
    assert verdict_in(answer) == verdict


@pytest.mark.parametrize(
    "text",
    [
        "answer is " * 10_000,
        "A " * 50_000,
        "(a" * 50_000,
        "\n" * 100_000,
        *(start + " " * 100_000 + "." for start in ("answer", "answer is", "answer a", "A", "")),
        "answer is option" + " " * 100_000 + ".",
    ],
    ids=lambda text: text[:16].strip(),
)
def test_an_answer_is_found_after_a_long_detour(text: str) -> None:
    # In a time that grows with the length: a pattern that tries again and again never ends here.
    assert letter_in(f"{text} answer is B") == "B"
    assert verdict_in(f"{text} true") == "true"
    assert first_letter_in(f"{text} d") in ("A", "D")


def test_a_choice_is_right_when_its_letter_is() -> None:
    item = fixture_item("test/91001")

    assert TASK.judge(item, "The answer is C.", strict=False).value == 1.0
    assert TASK.judge(item, "B", strict=False).value == 0.0
    assert TASK.judge(item, "no idea", strict=False).parsed is None


def test_upstream_marks_a_right_choice_wrong_when_an_article_comes_first() -> None:
    item, answer = fixture_item("test/91001"), "It is a stack, so the answer is C."

    assert TASK.judge(item, answer, strict=False).value == 1.0
    assert TASK.judge(item, answer, strict=True).value == 0.0
    assert TASK.judge(item, answer, strict=True).parsed == "A"


@pytest.mark.parametrize("answer", ["true", "True", "TRUE"])
def test_upstream_marks_every_statement_wrong(answer: str) -> None:
    item = fixture_item("test/91004")

    assert TASK.judge(item, answer, strict=False).value == 1.0
    assert TASK.judge(item, answer, strict=True).value == 0.0


def test_an_answer_counts_for_its_format_domain_and_tag() -> None:
    assert TASK.judge(fixture_item("test/91003"), "false", strict=False).counts == {
        "correct": 1.0,
        "n": 1.0,
        "assertion.correct": 1.0,
        "assertion.n": 1.0,
        "computer_network.correct": 1.0,
        "computer_network.n": 1.0,
        "knowledge.correct": 1.0,
        "knowledge.n": 1.0,
    }


def test_prompts_are_those_of_upstream() -> None:
    assert fixture_item("test/91001").messages[0].content == (
        "This is a multiple-choice question. Please read the question carefully and choose the "
        "correct answer. Question:Which of these hands back first what came last? ( )\nWhich one "
        "of the following options is correct? Options:\n(A)A queue\n(B)A tree\n(C)A stack\n"
        "(D)A graph\nPlease provide the answer to this question directly (a single letter):"
    )
    assert fixture_item("valid/90001").messages[0].content == (
        "This is a true/false question. Please determine whether the following statement is true "
        "or false. Statement:A page fault can occur only when a page is written.Please give the "
        "answer directly (true or false):"
    )


def test_the_majority_answers_a_and_false() -> None:
    (majority,) = TASK.baselines.values()
    items = [fixture_item("test/91001"), fixture_item("test/91004")]

    assert majority([], items) == ["A", "false"]


def test_only_what_needs_no_judge_model_is_an_item() -> None:
    assert {item.id: (item.split.value, item.published) for item in fixture_items("cs_bench")} == {
        "valid/90001": ("dev", False),
        "valid/90002": ("dev", False),
        "test/91001": ("test", True),
        "test/91002": ("confirm", True),
        "test/91003": ("test", True),
        "test/91004": ("confirm", True),
        "test/91006": ("test", True),
        "test/91008": ("test", True),
        "test/91009": ("test", True),
        "test/91010": ("test", True),
    }


def test_answers_are_written_as_the_prompt_asks() -> None:
    assert fixture_item("test/91001").answer == "C"
    assert fixture_item("test/91004").answer == "true"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"Format": "Essay"}, "record 1: wanted 'Format' to be one of Multiple-choice, Assertion"),
        ({"Format": ["Assertion"]}, r"record 1: wanted 'Format' .*; found \['Assertion'\]"),
        ({"Domain": "Botany"}, "wanted 'Domain' to be one of Data Structure .* found 'Botany'"),
        ({"Tag": None}, "wanted 'Tag' to be one of Knowledge, Reasoning; found None"),
        ({"Answer": "False"}, "wanted true or false as 'Answer', found 'False'"),
        ({"Answer": 1}, "wanted true or false as 'Answer', found 1"),
        ({"Format": "Multiple-choice"}, "record 1: wanted 'A', found 'ID', 'Split'"),
        (
            {"Format": "Multiple-choice", **dict.fromkeys("ABCD", "x"), "Answer": "E"},
            "wanted 'Answer' to be one of A, B, C, D; found 'E'",
        ),
    ],
)
def test_a_record_out_of_shape_is_refused(
    folder: Path, changes: dict[str, Any], error: str
) -> None:
    change_first(folder, **changes)

    with pytest.raises(DataFailed, match=error):
        TASK.load(files_at(folder))


def test_a_missing_column_is_named(folder: Path) -> None:
    (folder / VALID).write_text('[{"ID": 1, "Format": "Assertion"}]')

    with pytest.raises(DataFailed, match=r"valid\.json record 1: wanted 'Domain', found 'ID'"):
        TASK.load(files_at(folder))


def test_lines_of_json_are_refused(folder: Path) -> None:
    (folder / VALID).write_text('{"ID": 1}\n{"ID": 2}\n')

    with pytest.raises(DataFailed, match=r"valid\.json: wanted a JSON file, found one that cannot"):
        TASK.load(files_at(folder))


def test_the_published_files_have_the_known_numbers() -> None:
    items = published_items("cs_bench")

    assert Counter((item.published, item.subtask) for item in items) == {
        (True, "multiple_choice"): 1336,
        (True, "assertion"): 442,
        (False, "multiple_choice"): 145,
        (False, "assertion"): 49,
    }
    assert Counter(item.split.value for item in items) == {"dev": 194, "confirm": 350, "test": 1428}


def test_the_published_answers_are_right_by_our_rules() -> None:
    items = [item for item in published_items("cs_bench") if item.published]

    assert set(scores([str(item.answer) for item in items], items, strict=False).values()) == {1.0}


def test_the_published_answers_reach_the_choices_alone_in_strict() -> None:
    items = [item for item in published_items("cs_bench") if item.published]

    reached = scores([str(item.answer) for item in items], items, strict=True)

    assert reached["multiple_choice"] == 1.0
    assert reached["assertion"] == 0.0
    assert reached["accuracy"] == pytest.approx(1336 / 1778)


def test_the_majority_scores_what_it_is_known_to() -> None:
    items = [item for item in published_items("cs_bench") if item.published]
    (majority,) = TASK.baselines.values()

    reached = scores(majority([], items), items, strict=False)

    assert reached["multiple_choice"] == pytest.approx(0.269, abs=5e-4)
    assert reached["assertion"] == pytest.approx(0.514, abs=5e-4)
    assert reached["accuracy"] == pytest.approx(0.33, abs=5e-3)


def test_a_guess_with_an_article_scores_in_strict_alone() -> None:
    items = [item for item in published_items("cs_bench") if item.published]
    guesses = ["This is a guess."] * len(items)

    assert scores(guesses, items, strict=False)["multiple_choice"] == 0.0
    assert scores(guesses, items, strict=True)["multiple_choice"] == pytest.approx(359 / 1336)
