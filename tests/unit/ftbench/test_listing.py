from dataclasses import replace

from rich.console import Console

from ftbench.listing import page, result_lines, rows, task_table
from ftbench.task import Split
from tests.support.results import toy_result
from tests.support.toy import FORBIDDEN, TOY, toy_item

TASKS = [replace(TOY, trex=0.9716), replace(FORBIDDEN, name="other")]


def test_a_task_is_listed_without_its_data() -> None:
    assert rows(TASKS) == [
        {
            "task": name,
            "title": "Toy",
            "measures": "whether it is so",
            "metric": "accuracy",
            "licence": licence,
            "may_train": may_train,
            "homepage": "https://toy.example",
            "trex": trex,
        }
        for name, licence, may_train, trex in (
            ("toy", "MIT", True, 0.9716),
            ("other", "no training", False, None),
        )
    ]


def test_the_table_says_who_forbids_training() -> None:
    console = Console(width=120, color_system=None)

    with console.capture() as captured:
        console.print(task_table(TASKS))

    head, first, second = (line.split() for line in captured.get().splitlines())
    assert head == ["task", "measures", "metric", "licence", "TREX"]
    assert first == ["toy", "whether", "it", "is", "so", "accuracy", "MIT", "97.2"]
    assert second[5:] == ["accuracy", "no", "training,", "no", "training", "—"]


def test_a_page_says_all_about_a_task() -> None:
    task = replace(FORBIDDEN, trex=0.5, references={"M-7B": 0.0712})
    items = [*(toy_item(f"t/{n}", Split.TRAIN) for n in range(1200)), toy_item("q/1")]

    assert page(task, items, [toy_item("x/1"), toy_item("x/2")]).split("\n") == [
        "toy: Toy",
        "  measures    whether it is so",
        "  source      https://toy.example",
        "  licence     no training (training is forbidden)",
        "  metrics     accuracy",
        "  answers     up to 4 tokens",
        "  no skill    always yes",
        "  TREX        50.0",
        "    7.1       M-7B",
        "  splits      train 1,200, dev 0, confirm 0, test 1; published test set 1",
        "",
        "A made-up item, x/2:",
        "  user: Is it so?",
        "  answer: yes",
    ]


def test_a_page_needs_no_items() -> None:
    told = page(TOY, None, [toy_item("x/1")])

    assert "splits" not in told
    assert "TREX" not in told
    assert "forbidden" not in told


def test_an_item_without_answer_shows_what_judges_it() -> None:
    told = page(TOY, None, [toy_item("x/1", answer=None, record={"rule": "至少 3"})])

    assert told.endswith('  user: Is it so?\n  judged by: {"rule": "至少 3"}')


def test_a_result_is_shown_times_a_hundred_with_its_error() -> None:
    assert result_lines(toy_result(0.7512, 0.0234, model=None, baselines={"copy": 0.061}), TOY) == [
        "Toy, test, 40 items, times 100",
        "  accuracy                       75.12 ± 2.34",
        "no skill scores, accuracy:",
        "  copy                            6.10",
        "answers: 50% distinct, 0% empty, 3 characters by the median, 4 at most",
    ]


def test_a_result_without_a_number_has_dashes() -> None:
    result = toy_result(
        None, None, strict=True, n=1200, baselines={"copy": None}, flags=("odd",), notes=("so",)
    )

    assert result_lines(result, TOY) == [
        "Toy of m-1, test, strict, 1,200 items, times 100",
        "  accuracy                           —",
        "no skill scores, accuracy:",
        "  copy                               —",
        "answers: 50% distinct, 0% empty, 3 characters by the median, 4 at most",
        "warning: odd",
        "note: so",
    ]
