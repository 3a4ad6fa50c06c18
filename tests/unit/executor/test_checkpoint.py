from pathlib import Path

from services.executor.checkpoint import describe
from shared.contracts.run import Dropped, RowCount
from tests.support.examples import RUN_REQUEST, TRAINED


def test_the_model_card_says_what_was_dropped_and_why(tmp_path: Path) -> None:
    leaks = RowCount(
        operator="decontaminate",
        rows_in=9,
        rows_out=6,
        dropped=(Dropped(why="a sealed text", samples=2), Dropped(why="part of one", samples=1)),
        named=("rows.csv:3", "rows.csv:8"),
    )

    describe(tmp_path, RUN_REQUEST, TRAINED.model_copy(update={"rows": (leaks,)}))

    card = (tmp_path / "README.md").read_text()
    assert "| decontaminate | 9 | 6 | 2 a sealed text, 1 part of one |" in card
    assert "Rows dropped for holding sealed text:\n\n- rows.csv:3\n- rows.csv:8\n" in card


def test_the_model_card_says_how_many_samples_have_no_variants(tmp_path: Path) -> None:
    augmented = RowCount(operator="augment", rows_in=9, rows_out=16, unchanged=2)

    describe(tmp_path, RUN_REQUEST, TRAINED.model_copy(update={"rows": (augmented,)}))

    card = (tmp_path / "README.md").read_text()
    assert "| augment | 9 | 16, 2 without variants |  |" in card


def test_a_model_card_without_leaks_does_not_mention_them(tmp_path: Path) -> None:
    describe(tmp_path, RUN_REQUEST, TRAINED)

    assert "sealed" not in (tmp_path / "README.md").read_text()


def test_the_model_card_says_what_a_teacher_cost_and_made(tmp_path: Path) -> None:
    rows = (
        RowCount(operator="load", rows_in=9, rows_out=9),
        RowCount(operator="distil", rows_in=9, rows_out=9, tokens=1234),
        RowCount(operator="generate", rows_in=9, rows_out=12, made=3, tokens=56),
    )

    describe(tmp_path, RUN_REQUEST, TRAINED.model_copy(update={"rows": rows}))

    card = (tmp_path / "README.md").read_text()
    assert (
        "What a teacher was asked for:\n\n"
        "- distil: 1234 tokens of questions and replies\n"
        "- generate: 56 tokens of questions and replies, 3 new samples\n"
    ) in card


def test_a_model_card_without_a_teacher_does_not_mention_one(tmp_path: Path) -> None:
    describe(tmp_path, RUN_REQUEST, TRAINED)

    assert "teacher" not in (tmp_path / "README.md").read_text()
