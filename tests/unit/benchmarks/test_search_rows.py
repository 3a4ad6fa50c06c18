"""Rows come back as they were written, and say what was played."""

from pathlib import Path

import pytest

from benchmarks.search.arena import SHARES, Outcome
from benchmarks.search.rows import COLUMNS, CURVE, Row, read_rows, row_of, shown, write_rows
from benchmarks.search.simulate import CELLS, Cell, games_of, numbers

OUTCOME = Outcome(
    curve=tuple(1 - share for share in SHARES),
    recipe_regret=0.25,
    checkpoint_regret=-0.125,
    reported=0.75,
    truth=0.5,
    spent=20.25,
    makespan=12.5,
    idle=0.0625,
    planner_ms=1.5,
    acts=30,
)


def row(method: str = "ours") -> Row:
    return row_of(
        OUTCOME,
        method=method,
        task="1000",
        cell="W4 s0.1 B20",
        sigma=0.1,
        budget=20,
        workers=4,
        variant="plain",
        seed=0,
    )


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows = [row("ours"), row("other, with a comma")]

    write_rows(rows, tmp_path / "rows.csv.gz")

    found = read_rows([tmp_path / "rows.csv.gz"])
    assert found == [pytest.approx(one) for one in rows]


def test_words_stay_words_and_numbers_become_numbers(tmp_path: Path) -> None:
    write_rows([row()], tmp_path / "rows.csv.gz")

    found = read_rows([tmp_path / "rows.csv.gz"])[0]

    words = {name for name, value in found.items() if isinstance(value, str)}
    assert words == {"method", "task", "cell", "variant"}
    assert found["task"] == "1000"


def test_every_column_is_filled() -> None:
    assert set(row()) == set(COLUMNS)


def test_a_row_says_what_came_out() -> None:
    found = row()

    assert [found[name] for name in CURVE] == [*OUTCOME.curve]
    assert (found["regret_recipe"], found["regret_checkpoint"]) == (0.25, -0.125)
    assert (found["reported"], found["truth"], found["spent"]) == (0.75, 0.5, 20.25)
    assert (found["makespan"], found["idle"], found["acts"]) == (12.5, 0.0625, 30)


def test_equal_rows_make_equal_files(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "b.csv.gz"):
        write_rows([row(), row("other")], tmp_path / name)

    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


def test_files_are_read_one_after_another(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.csv.gz" for name in ("first", "second")]
    for path in paths:
        write_rows([row(path.name)], path)

    assert [one["method"] for one in read_rows(paths)] == ["first.csv.gz", "second.csv.gz"]


def test_a_column_that_is_not_known_is_not_lost_in_silence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="surprise"):
        write_rows([row() | {"surprise": 1.0}], tmp_path / "rows.csv.gz")


def test_how_far_it_is_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row() for _ in range(3)]

    assert list(shown(rows, 3)) == rows
    assert capsys.readouterr().err == "3 of 3 runs, 0.0 minutes left\n"


def test_every_method_plays_every_cell_of_every_landscape_and_variant() -> None:
    cells = [Cell(1, 0.1, 20), Cell(4, 0.1, 20)]

    games = games_of([7, 8, 9], ["a", "b"], cells, ["plain", "shuffled"])

    assert len(games) == len(set(games)) == 3 * 2 * 2 * 2
    assert {game.landscape for game in games if game.method == "b"} == {7, 8, 9}


def test_cells_have_names_of_their_own() -> None:
    assert len({cell.name for cell in CELLS}) == len(CELLS)
    assert Cell(4, 0.03, 100).name == "W4 s0.03 B100"


@pytest.mark.parametrize(("text", "first", "last"), [("6000-6039", 6000, 6039), ("7", 7, 7)])
def test_numbers_are_read_with_both_ends(text: str, first: int, last: int) -> None:
    assert list(numbers(text)) == list(range(first, last + 1))
