import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.sources import Files
from ftbench.task import Item, Split
from ftbench.tasks import fixture_of
from ftbench.tasks.econ_logic_qa.order import gold_order, read_order
from ftbench.tasks.econ_logic_qa.task import TASK, pairwise
from shared.errors import DataFailed
from tests.support.benchmark import fixture_items, published_items

NAME = "econ_logic_qa"
HEADER = "Question,A,B,C,D,Answer\n"


def item_of(id: str) -> Item:
    return next(item for item in fixture_items(NAME) if item.id == id)


def load_with(folder: Path, file: str, content: str) -> list[Item]:
    shutil.copytree(fixture_of(NAME), folder, dirs_exist_ok=True)
    (folder / f"{file}.csv").write_text(content)
    return list(TASK.load(Files(NAME, TASK.source, folder)).items)


@pytest.mark.parametrize(
    ("answer", "order"),
    [
        ("first D, next A, then C, and finally B", "DACB"),
        ("A, A, B, C", None),
        ("ABBA", None),
        ("D, A, C, B", "DACB"),
        ("D A C B", "DACB"),
        ("d, a, c, b", "DACB"),
        ("D;A;C;B", "DACB"),
        ("D -> A --> C → B", "DACB"),
        ("D > A | C then B", "DACB"),
        ("d > a | c then b", "DACB"),
        ("d -> a --> c→b", "DACB"),
        ("DACB", "DACB"),
        ("dacb", None),
        ("D\nA\nC\nB", "DACB"),
        ("D, A, C", None),
        ("", None),
        ("no idea", None),
        ("E, A, B, C", None),
        ("XA, B, C, D", None),
        ("A, B, C, Dog", None),
    ],
)
def test_an_order_is_four_different_letters_however_they_are_separated(
    answer: str, order: str | None
) -> None:
    assert read_order(answer) == order


def test_a_full_stop_separates_nothing_in_a_run_of_small_letters() -> None:
    assert read_order("d. a. c. b.") is None
    # Capitals alone are read whatever stands between them, so these are read all the same.
    assert read_order("D. A. C. B.") == "DACB"


def test_a_run_joined_by_and_is_passed_over_and_read_by_its_capitals() -> None:
    assert read_order("D, A, C and B") == "DACB"
    assert read_order("d, a, c and b") is None
    # The run from A to C is used up, so that the order from B on is seen only among the capitals.
    assert read_order("A and B, C, D, A") == "ABCD"


@pytest.mark.parametrize(
    ("answer", "order"),
    [
        ("A, B, C, D at first sight. The answer is D, A, C, B", "DACB"),
        ("Answer: D, A, C, B. I first thought of A, B, C, D", "DACB"),
        ("The order is A, B, C, D. No: the final sequence - D, A, C, B", "DACB"),
        ("A, B, C, D? My ordering: D, A, C, B", "DACB"),
        ("D, A, C, B is my answer", "DACB"),
        ("D, A, C, B. The answer: A, B", "DACB"),
        ("Ordering: dacb, DACB", "DACB"),
        ("A, B, C, D is disorder D, A, C, B", "ABCD"),
    ],
)
def test_what_follows_the_last_marker_is_read_before_the_whole(answer: str, order: str) -> None:
    assert read_order(answer) == order


def test_separated_letters_come_before_a_word_of_capitals_and_that_before_lone_capitals() -> None:
    assert read_order("DACB or A, B, C, D") == "ABCD"
    assert read_order("A first, B, C, last D, or DACB") == "DACB"


def test_the_first_order_among_capitals_may_begin_late() -> None:
    assert read_order("A is not first: A then after D comes C and at last B") == "ADCB"


@given(st.permutations("ABCD"), st.sampled_from([", ", " ", "; ", " -> ", "→", " | ", " then "]))
def test_every_order_is_read_back(letters: list[str], separator: str) -> None:
    assert read_order(separator.join(letters)) == "".join(letters)


@given(st.text(alphabet="ABCDabcd ,;>-|.answerorder:\n"))
def test_what_is_read_is_an_order(text: str) -> None:
    order = read_order(text)
    assert order is None or sorted(order) == list("ABCD")


@pytest.mark.parametrize(
    "answer",
    [
        "A" + " " * 100_000,
        "A " * 50_000,
        "A," * 50_000,
        "A, B, C" + " " * 100_000,
        ("A, B, C" + " " * 1_000) * 99,
        "order" + " " * 100_000 + "x",
        "A and " * 16_000,
        "answer " * 14_000,
        "ABCA" * 25_000,
    ],
)
def test_an_order_is_found_after_a_long_detour(answer: str) -> None:
    # In a time that grows with the length: a pattern that tries again and again never ends here.
    assert read_order(f"{answer} answer: B, D, A, C") == "BDAC"


def test_a_published_order_must_have_each_letter_once() -> None:
    assert gold_order("B, D, A, C") == "BDAC"
    assert gold_order("B, D, A") is None
    assert gold_order("B, D, A, A") is None


def test_pairs_in_the_same_order_are_counted() -> None:
    assert pairwise("BACD", "ABCD") == pytest.approx(5 / 6)
    assert pairwise("BCDA", "ABCD") == 0.5
    assert pairwise("DCBA", "ABCD") == 0.0
    assert pairwise("ABCD", "ABCD") == 1.0


def test_an_order_is_right_as_a_whole_and_in_its_pairs() -> None:
    item = item_of("test/0")  # D, B, C, A

    right = TASK.judge(item, "D, B, C, A", strict=False)
    near = TASK.judge(item, "B, D, C, A", strict=False)
    none = TASK.judge(item, "I cannot tell.", strict=False)

    assert (right.value, right.counts["pairwise"], right.parsed) == (1.0, 1.0, "D, B, C, A")
    assert (near.value, near.counts["pairwise"]) == (0.0, 5 / 6)
    assert (none.value, none.counts["pairwise"], none.parsed) == (0.0, 0.0, None)
    assert TASK.judge(item, "B, D, C, A", strict=True) == near


def test_the_prompt_lists_the_events_and_asks_for_letters() -> None:
    assert item_of("test/1").messages[0].content == (
        "Question: A start-up is sold. Arrange the following events in the logical sequence.\n"
        "A. A rival makes an offer.\nB. Two founders rent a garage.\n"
        "C. The product finds users.\nD. The founders sign the contract.\n"
        "Answer with the letters in order, comma-separated.\nAnswer:"
    )
    assert item_of("test/1").answer == "B, C, A, D"


def test_val_is_dev_test_is_published_and_confirm_comes_out_of_train() -> None:
    splits = {item.id: item.split for item in fixture_items(NAME)}

    assert {split for id, split in splits.items() if id.startswith("val/")} == {Split.DEV}
    assert {split for id, split in splits.items() if id.startswith("test/")} == {Split.TEST}
    assert {split for id, split in splits.items() if id.startswith("train/")} == {
        Split.TRAIN,
        Split.CONFIRM,
    }
    assert all(item.published == (item.split is Split.TEST) for item in fixture_items(NAME))


def test_a_question_of_test_is_left_out_of_train_and_of_val(tmp_path: Path) -> None:
    test = (fixture_of(NAME) / "test.csv").read_text()
    items = load_with(tmp_path, "val", test)

    assert {item.split for item in items} == {Split.TEST, Split.TRAIN, Split.CONFIRM}


def test_one_question_about_other_events_is_another_item(tmp_path: Path) -> None:
    rows = "Which order?,a,b,c,d,'A, B, C, D'\nWhich order?,e,f,g,h,'A, B, C, D'\n"
    items = load_with(tmp_path, "test", HEADER + rows.replace("'", '"'))

    assert len({item.group for item in items if item.split is Split.TEST}) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            HEADER + 'Q,a,b,c,d,"A, B, C"\n',
            r"train\.csv line 2: wanted an Answer like 'D, A, C, B', found 'A, B, C'",
        ),
        (
            'Question,A,B,C,Answer\nQ,a,b,c,"A, B, C"\n',
            r"train\.csv line 2: wanted 'D', found 'Question', 'A', 'B', 'C', 'Answer'",
        ),
        (HEADER + 'Q,a,b,c,d,"A, B\n', r"train\.csv line 2: wanted a row of CSV"),
        (HEADER + "Q,a,b,c,d,A,B\n", r"train\.csv line 2: wanted 6 fields as in the header"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataFailed, match=message):
        load_with(tmp_path, "train", content)


def test_the_commonest_order_is_that_of_train() -> None:
    train = [item for item in fixture_items(NAME) if item.split is Split.TRAIN]
    items = [item for item in fixture_items(NAME) if item.split is Split.TEST]

    assert TASK.baselines["commonest order of train"](train, items) == ["B, D, A, C"] * 2
    assert TASK.baselines["commonest order of train"]([], items) == ["", ""]


def test_the_published_files_have_their_published_sizes() -> None:
    items = published_items(NAME)

    assert Counter(item.id.partition("/")[0] for item in items) == {
        "train": 390,
        "val": 130,
        "test": 130,
    }
    assert sum(item.split is Split.CONFIRM for item in items) == pytest.approx(78, abs=25)


def test_every_published_order_is_read_as_itself() -> None:
    for item in published_items(NAME):
        assert TASK.judge(item, str(item.answer), strict=False).value == 1.0
