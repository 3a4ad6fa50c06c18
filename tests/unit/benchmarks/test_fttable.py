"""The grid, the tasks, the stand-ins for a researcher, and reading what was packed."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import numpy as np
import pytest
from babel.dates import format_date

from benchmarks.search.fttable import build, table
from benchmarks.search.fttable.grid import AXES, DEFAULT, LEVELS, Point, points_of, recipe, settings
from benchmarks.search.fttable.ground import (
    ITEMS,
    Ground,
    data_hashes,
    decisive_hashes,
    drawn,
    make_ground,
    write_rows,
)
from benchmarks.search.fttable.intents import DEVICES, INTENTS, WISHES
from benchmarks.search.fttable.item import Item
from benchmarks.search.fttable.orders import COUNTS, ROOMS
from benchmarks.search.fttable.orders import FLAWS as ORDER_FLAWS
from benchmarks.search.fttable.orders import ITEMS as THINGS
from benchmarks.search.fttable.researcher import any_point, by_the_book, guess
from benchmarks.search.fttable.run import RUNGS, make_row, packed
from benchmarks.search.fttable.table import Table, read_table
from benchmarks.search.fttable.tags import BLAME, PRAISE, SIDES, TAGS
from benchmarks.search.fttable.tasks import TASKS
from benchmarks.search.fttable.times import FLAWS as TIME_FLAWS
from shared.contracts.mapping import Templates
from shared.contracts.method import FullTuning, Lora
from shared.contracts.operators import Deduplicate, Map, Sample
from shared.errors import Rejected
from trex.dates import LOCALES, STYLES

T = TypeVar("T")

POINTS = points_of(LEVELS)

FAILED: Point = POINTS[7]
"""A point whose second run failed before its second rung."""

HOPELESS: Point = POINTS[8]
"""A point whose runs failed at once."""

LAST = len(RUNGS) - 1


def bits(rng: Random, split: str) -> list[bool]:
    return [rng.random() < 0.5 for _ in range(ITEMS[split])]


def answered(point: Point, seed: int, rung: int, split: str) -> list[bool]:
    """Invent answers, the same ones to the same questions."""
    return bits(Random(f"{point} {seed} {rung} {split}"), split)


def rung_of(point: Point, seed: int, rung: int) -> dict[str, Any]:
    splits = ("search", "selection", "test") if rung == LAST else ("search",)
    return {
        "cpu_s": 1.0 + rung,
        "score_s": 0.5,
        "steps": 10 * (rung + 1),
        "tokens": 100,
        "train_loss": 2.0 - rung / 2,
        "likelihood": 0.25,
        **{split: packed(answered(point, seed, rung, split)) for split in splits},
    }


def reached(point: Point, seed: int) -> int:
    """Return how many rungs a run got to."""
    return {(FAILED, 1): 1, (HOPELESS, 0): 0, (HOPELESS, 1): 0}.get((point, seed), len(RUNGS))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of invented rows, made.npz, and its manifest."""
    work = tmp_path_factory.mktemp("work")
    rows = [
        {
            "point": point,
            "seed": seed,
            "error": None if reached(point, seed) == len(RUNGS) else "diverged",
            "rungs": [rung_of(point, seed, rung) for rung in range(reached(point, seed))],
        }
        for point in reversed(POINTS)
        for seed in build.SEEDS
    ]
    (work / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    build.pack(work, work / "made", LEVELS, hashes={"items": "abc"}, hardware="a desk")
    return work


@pytest.fixture
def made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Table:
    monkeypatch.setattr(table, "HERE", folder)
    read_table.cache_clear()
    return read_table("made")


def share(point: Point, seed: int, rung: int, split: str) -> float:
    return sum(answered(point, seed, rung, split)) / ITEMS[split]


@pytest.mark.parametrize("point", [POINTS[0], POINTS[201], POINTS[-1]])
def test_what_was_packed_is_read_back(made: Table, point: Point) -> None:
    for seed in build.SEEDS:
        for rung in range(len(RUNGS)):
            found = made.accuracy(point, seed, rung, "search")
            assert found == pytest.approx(share(point, seed, rung, "search"))
        for split in ("selection", "test"):
            found = made.accuracy(point, seed, LAST, split)
            assert found == pytest.approx(share(point, seed, LAST, split))


def test_a_manifest_says_how_the_table_was_made_and_of_what(made: Table) -> None:
    assert "--task made" in made.manifest["command"]
    assert made.manifest["hardware"] == "a desk"
    assert set(made.manifest["sha256"]) == {"made.npz", "items"}


def test_an_unfinished_run_was_not_asked_the_splits_that_check(made: Table) -> None:
    assert math.isnan(made.accuracy(DEFAULT, 0, 0, "selection"))
    assert math.isnan(made.accuracy(DEFAULT, 0, 1, "test"))


def test_a_recipe_is_worth_the_mean_of_its_runs_on_the_test_items(made: Table) -> None:
    each = [share(DEFAULT, seed, LAST, "test") for seed in build.SEEDS]

    assert made.truth(DEFAULT) == made.default == pytest.approx(sum(each) / len(each))
    assert made.best == max(made.truth(point) for point in POINTS) > made.default


def test_a_rung_costs_what_was_trained_up_to_it(made: Table) -> None:
    assert [made.cost_s(DEFAULT, rung) for rung in (0, 1, 2)] == [1.0, 3.0, 6.0]
    assert made.cost_s(DEFAULT, -1) == 6.0


def test_what_failed_is_said_to_have_failed_and_worth_nothing_when_all_did(made: Table) -> None:
    assert [made.failed(FAILED, seed) for seed in build.SEEDS] == [False, True]
    assert made.truth(HOPELESS) == 0.0
    assert math.isnan(made.accuracy(FAILED, 1, 0, "search"))


def copied(folder: Path, to: Path) -> Path:
    for name in ("made.npz", "made.json"):
        (to / name).write_bytes((folder / name).read_bytes())
    return to


def test_a_table_that_is_not_the_one_hashed_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "HERE", copied(folder, tmp_path))
    with (tmp_path / "made.npz").open("ab") as file:
        file.write(b" ")
    read_table.cache_clear()

    with pytest.raises(Rejected, match="wanted the file of its manifest"):
        read_table("made")


def test_a_missing_table_says_how_to_make_it() -> None:
    with pytest.raises(Rejected, match=r"README\.md"):
        read_table("none")


def test_a_line_that_a_kill_cut_short_is_run_again(tmp_path: Path) -> None:
    row = {"point": POINTS[0], "seed": 0, "error": None, "rungs": []}
    whole = json.dumps(row) + "\n"
    (tmp_path / "rows.jsonl").write_text(whole + json.dumps({**row, "seed": 1})[:-20])

    missing = build.missing_runs(tmp_path, LEVELS)

    assert len(missing) == 2 * len(POINTS) - 1
    assert (POINTS[0], 0) not in missing
    assert (POINTS[0], 1) in missing


def test_a_point_stands_for_the_recipe_that_its_levels_name(tmp_path: Path) -> None:
    train = tmp_path / "train.jsonl"
    train.write_text("{}\n")

    plain, other = (
        recipe(point, seed=3, base=tmp_path, train=train, column="iso", max_length=40)
        for point in (DEFAULT, (4, 2, 0, 1, 1, 1))
    )

    assert (plain.seed, plain.method.learning_rate, plain.method.num_train_epochs) == (3, 1e-3, 2)
    assert isinstance(plain.adapter, Lora)
    assert len(plain.data) == 2
    assert isinstance(plain.data[1], Map)
    assert plain.data[1].mapping == Templates(prompt="{text}", completion="{iso}")
    assert plain.method.max_length == 40
    assert (other.method.learning_rate, other.method.per_device_train_batch_size) == (3e-2, 32)
    assert isinstance(other.adapter, FullTuning)
    assert other.data[2:] == (Deduplicate(), Sample(share=0.25))


@cache
def drawn_once(task: str) -> tuple[dict[str, list[Item]], list[Item]]:
    """Return a task's splits and its rows to train on."""
    splits, train, _ = drawn(TASKS[task])
    return splits, train


def asked(task: str) -> list[Item]:
    return [item for split in drawn_once(task)[0].values() for item in split]


def is_right_intent(item: Item) -> bool:
    return item.answer == MEANT[item.gist]


MEANT = {
    f"{verb} {thing}": f"{wish} {device}"
    for wish, verbs in WISHES.items()
    for verb in verbs
    for device, things in DEVICES.items()
    for thing in things
}


def is_right_date(item: Item) -> bool:
    """Whether somebody somewhere writes the answer like the text."""
    try:
        day = date.fromisoformat(item.answer)
    except ValueError:
        return False
    written = (format_date(day, style, locale=one) for one in LOCALES for style in STYLES)
    return any(" ".join(text.split()) == item.text for text in written)


def is_right_order(item: Item) -> bool:
    """Whether the answer says what stands beside the thing, what it is, and where."""
    wanted, room = wanted_thing.search(item.text), some_room.search(item.text)
    assert wanted is not None
    assert room is not None
    found = {
        "count": usual(COUNTS)[wanted["many"]],
        "item": usual(THINGS)[wanted["thing"]],
        "room": usual(ROOMS)[room[0]],
    }
    return json.dumps(found, separators=(",", ":")) == item.answer


def usual(words: Mapping[T, tuple[str, ...]]) -> dict[str, T]:
    return {word: name for name, said in words.items() for word in said}


def one_of(words: Mapping[T, tuple[str, ...]]) -> str:
    return "|".join(sorted(usual(words), key=len, reverse=True))


wanted_thing = re.compile(rf"\b(?P<many>{one_of(COUNTS)}) (?:\w+ )?(?P<thing>{one_of(THINGS)})\b")
some_room = re.compile(rf"\b(?:{one_of(ROOMS)})\b")

HOURS = {
    word: number
    for number, word in enumerate(
        [
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ],
        start=1,
    )
}
MINUTES = {
    5: "five", 10: "ten", 15: "fifteen", 20: "twenty", 25: "twenty five", 30: "thirty",
    35: "thirty five", 40: "forty", 45: "forty five", 50: "fifty", 55: "fifty five",
}  # fmt: skip
FROM = {
    "at night": 0, "after midnight": 0, "in the morning": 6, "before noon": 6,
    "in the afternoon": 12, "after lunch": 12, "in the evening": 18, "after dinner": 18,
}  # fmt: skip
"""The hour that a part of the day begins with."""

minutes_said = "|".join(sorted(MINUTES.values(), key=len, reverse=True))
some_time = re.compile(
    rf"(?:(?P<minute>half|a quarter|{minutes_said}) (?P<side>past|to) )?(?P<hour>{'|'.join(HOURS)})"
    rf"(?: sharp| (?P<digits>{minutes_said}))? (?P<part>{'|'.join(FROM)})"
)

judgement = rf"(?:not )?(?:{'|'.join((*PRAISE, *BLAME))})"
judged = re.compile(
    rf"\b(?P<word_before>{judgement}) (?P<thing_after>{one_of(SIDES)})\b"
    rf"|\b(?P<thing>{one_of(SIDES)}) (?:is |was )?(?P<word>{judgement})\b"
)


def is_right_time(item: Item) -> bool:
    """Whether the answer is the time that is said last."""
    *_, said = some_time.finditer(item.text)
    minute, hour = said["minute"] or "", HOURS[said["hour"]]
    past = {"half": 30, "a quarter": 15, "sharp": 0, "": 0} | {w: n for n, w in MINUTES.items()}
    minutes = -past[minute] if said["side"] == "to" else past[minute]
    if said["digits"]:
        minutes = past[said["digits"]]
    passed = 60 * (hour % 12) + minutes
    noons = [FROM[said["part"]] // 12 * 12 + passed // 60 + off for off in (-12, 0, 12)]
    (right,) = [h for h in noons if FROM[said["part"]] <= h < FROM[said["part"]] + 6]
    return item.answer == f"{right:02}:{passed % 60:02}"


def is_right_review(item: Item) -> bool:
    """Whether the answer is what is said of the side that is judged."""
    found = judged.search(item.text)
    assert found is not None
    thing, word = found["thing"] or found["thing_after"], found["word"] or found["word_before"]
    praised = (word.split()[-1] in PRAISE) != word.startswith("not ")
    return item.answer == f"{'good' if praised else 'bad'} {usual(SIDES)[thing]}"


is_right = {
    "intents": is_right_intent,
    "dates": is_right_date,
    "orders": is_right_order,
    "times": is_right_time,
    "tags": is_right_review,
}


@pytest.mark.parametrize("task", TASKS)
def test_the_task_is_the_same_every_time(task: str) -> None:
    splits, train, fresh = drawn(TASKS[task])
    again, train_again, fresh_again = drawn(TASKS[task])

    assert (splits, train) == (again, train_again)
    assert list(islice(fresh, 50)) == list(islice(fresh_again, 50))


@pytest.mark.parametrize("task", TASKS)
def test_no_text_stands_in_two_splits_nor_twice_in_one(task: str) -> None:
    splits, train = drawn_once(task)
    texts = [item.text for item in asked(task)]

    assert {name: len(split) for name, split in splits.items()} == ITEMS
    assert len(set(texts)) == len(texts)
    assert not {row.text for row in train} & set(texts)


@pytest.mark.parametrize("task", TASKS)
def test_the_answer_to_every_item_follows_from_its_text(task: str) -> None:
    wrong = [item for item in asked(task) if not is_right[task](item)]

    assert wrong == []


@pytest.mark.parametrize("task", TASKS)
def test_no_base_is_pre_trained_on_an_item_with_its_answer(task: str, tmp_path: Path) -> None:
    TASKS[task].write_base_text(tmp_path / "base.txt", drawn(TASKS[task])[2])
    lines = set((tmp_path / "base.txt").read_text(encoding="utf-8").splitlines())

    assert len(lines) > 1_000
    assert not lines & {f"{item.text}\t{item.answer}" for item in asked(task)}


@pytest.mark.parametrize("task", ["dates", "orders", "times"])
def test_a_base_never_saw_the_form_of_an_answer(task: str, tmp_path: Path) -> None:
    TASKS[task].write_base_text(tmp_path / "base.txt", drawn(TASKS[task])[2])
    text = (tmp_path / "base.txt").read_text(encoding="utf-8")

    assert [item.answer for item in asked(task) if item.answer in text] == []


SHARES = {
    "intents": ((0.22, 0.28), (0.14, 0.18), (0.6, 0.75)),
    "dates": ((0.05, 0.1), (0.16, 0.2), (0.0, 0.0)),
    "orders": ((0.2, 0.28), (0.18, 0.21), (0.6, 0.75)),
    "times": ((0.13, 0.2), (0.15, 0.18), (0.35, 0.65)),
    "tags": ((0.2, 0.28), (0.17, 0.2), (0.6, 0.75)),
}
"""Between what shares of the rows are wrong and repetitions, and of the wrong rows repeated."""


@pytest.mark.parametrize("task", TASKS)
def test_rows_mislead_as_much_as_is_said(task: str) -> None:
    train = drawn_once(task)[1]
    often = {text for text, count in Counter(row.text for row in train).items() if count > 1}
    wrong = [row for row in train if not is_right[task](row)]
    found = (
        len(wrong) / len(train),
        1 - len({row.text for row in train}) / len(train),
        sum(row.text in often for row in wrong) / len(wrong),
    )

    assert len(train) == TASKS[task].train_rows
    for share, (least, most) in zip(found, SHARES[task], strict=True):
        assert least <= share <= most


@pytest.mark.parametrize("task", TASKS)
def test_a_text_that_is_repeated_has_the_same_answer_every_time(task: str) -> None:
    train = drawn_once(task)[1]

    assert len({row.text for row in train}) == len({(row.text, row.answer) for row in train})


def test_what_a_speaker_says_means_one_thing() -> None:
    words = [word for said in (COUNTS, THINGS, ROOMS) for names in said.values() for word in names]

    assert len(MEANT) == sum(map(len, WISHES.values())) * sum(map(len, DEVICES.values()))
    assert set(MEANT.values()) == set(INTENTS)
    assert len(set(words)) == len(words)


def test_every_answer_and_every_slot_of_one_is_about_as_frequent_as_the_others() -> None:
    orders = [json.loads(item.answer) for item in asked("orders")]
    hours, minutes = zip(*(item.answer.split(":") for item in asked("times")), strict=True)
    counted = [
        *(Counter(item.answer for item in asked(task)) for task in ("intents", "tags")),
        *(Counter(order[slot] for order in orders) for slot in ("count", "item", "room")),
        Counter(hours),
        Counter(minutes),
    ]

    levels = [12, len(TAGS), len(COUNTS), len(THINGS), len(ROOMS), 24, 12]
    assert [len(counts) for counts in counted] == levels
    assert all(max(counts.values()) < 2 * min(counts.values()) for counts in counted)


def test_a_wrong_date_has_the_day_in_the_place_of_the_month() -> None:
    wrong = [row for row in drawn_once("dates")[1] if not is_right_date(row)]

    assert all(
        is_right_date(replace(row, answer="{0}-{2}-{1}".format(*row.answer.split("-"))))
        for row in wrong
    )


def test_a_wrong_time_is_twelve_hours_off() -> None:
    wrong = [row for row in drawn_once("times")[1] if not is_right_time(row)]

    assert all(is_right_time(TIME_FLAWS.spoil(row, Random(0))) for row in wrong)


def test_a_wrong_order_is_wrong_in_one_slot() -> None:
    splits, _ = drawn_once("orders")
    rng = Random(0)
    for item in splits["search"]:
        right, wrong = (json.loads(one.answer) for one in (item, ORDER_FLAWS.spoil(item, rng)))

        assert list(right) == list(wrong)
        assert sum(right[key] != wrong[key] for key in right) == 1


MADE = [task for task in TASKS if (table.HERE / f"{task}.json").exists()]
"""Tasks with a committed table."""


@pytest.mark.parametrize("task", MADE)
def test_a_committed_table_is_of_the_rows_and_items_that_are_made_today(
    task: str, tmp_path: Path
) -> None:
    splits, train = drawn_once(task)
    write_rows(tmp_path / "train.jsonl", train, TASKS[task].column)
    known = read_table(task).manifest

    assert data_hashes(tmp_path / "train.jsonl", splits).items() <= known["sha256"].items()
    assert known["items"] == ITEMS
    for name, count in zip(AXES, TASKS[task].levels, strict=True):
        assert known["axes"][name] == list(AXES[name][:count])


@pytest.fixture
def one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


CHEAP: Point = (1, 0, 0, 1, 0, 0)
"""Full tuning for one pass over a quarter of the rows."""


@pytest.mark.slow
@pytest.mark.timeout(600)  # a base takes most of a minute, more beside other work
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("task", MADE)
def test_a_recipe_run_again_makes_its_row_again(task: str, tmp_path: Path) -> None:
    known = read_table(task)
    at = known.place[CHEAP]
    ground = make_ground(task, tmp_path)
    skip_on_another_processor(known, ground)

    row = make_row(ground, CHEAP, 0, tmp_path / "scratch")

    assert row["error"] is None
    for rung, found in enumerate(row["rungs"]):
        for name in ("steps", "tokens", "train_loss", "likelihood"):
            assert np.float32(found[name]) == known.columns[name][at, 0, rung]
        assert found["search"] == known.columns["search"][at, 0, rung].tobytes().hex()
    for split in ("selection", "test"):
        assert row["rungs"][-1][split] == known.columns[split][at, 0].tobytes().hex()


def skip_on_another_processor(known: Table, ground: Ground) -> None:
    weights = "base/model.safetensors"
    wanted, found = known.manifest["sha256"][weights], decisive_hashes(ground)[weights]
    if found != wanted:
        pytest.skip(
            f"the table was made on {known.manifest['hardware']}, where pre-training gives "
            f"weights {wanted[:8]}; here it gives {found[:8]}, and so other rows"
        )


def walk(rng: Random, length: int) -> Iterator[Point]:
    point = any_point(LEVELS, rng)
    for _ in range(length):
        yield point
        point = guess(point, LEVELS, rng)


def test_who_guesses_moves_one_axis_or_two_by_a_level_and_reaches_every_point() -> None:
    changes = Counter(
        tuple(sorted(abs(a - b) for a, b in zip(before, after, strict=True) if a != b))
        for before, after in pairwise(walk(Random(0), 300))
    )

    assert set(changes) == {(1,), (1, 1)}
    assert set(walk(Random(1), 6_000)) == set(POINTS)


def test_on_a_smaller_grid_nothing_else_is_proposed() -> None:
    rng, levels = Random(0), (5, 3, 3, 2, 1, 1)
    small = set(points_of(levels))

    for point in small:
        for propose in (guess, by_the_book):
            assert propose(point, levels, rng) in small - {point}
    assert any_point(levels, rng) in small


def test_every_point_may_be_drawn() -> None:
    rng = Random(0)

    assert {any_point(LEVELS, rng) for _ in range(4_000)} == set(POINTS)


def test_what_the_book_advises_is_another_point_of_the_grid() -> None:
    rng, on_grid = Random(0), set(POINTS)

    for point in POINTS:
        for _ in range(5):
            assert by_the_book(point, LEVELS, rng) in on_grid - {point}


def test_the_book_cleans_data_more_often_than_it_soils_them() -> None:
    rng = Random(0)
    at = list(AXES).index("deduplicate")
    middle = (2, 1, 1, 0, 0, 0)
    clean = (*middle[:at], 1, *middle[at + 1 :])

    cleaned = sum(by_the_book(middle, LEVELS, rng)[at] for _ in range(1_000))
    soiled = sum(1 - by_the_book(clean, LEVELS, rng)[at] for _ in range(1_000))

    assert cleaned > 2 * soiled


@pytest.mark.parametrize(("adapter", "usual"), [("lora", 1e-2), ("full", 1e-3)])
def test_the_book_leads_each_adapter_to_its_usual_rate(adapter: str, usual: float) -> None:
    rng = Random(0)
    for rate in range(len(AXES["learning_rate"])):
        point = (rate, 2, 2, AXES["adapter"].index(adapter), 1, 0)
        moved = [settings(by_the_book(point, LEVELS, rng))["learning_rate"] for _ in range(300)]
        now = AXES["learning_rate"][rate]
        towards = sum((m - now) * (usual - now) > 0 for m in moved)

        assert towards > 150 or now == usual


def test_the_same_generator_advises_the_same() -> None:
    first, second = (
        [by_the_book(DEFAULT, LEVELS, rng) for _ in range(50)] for rng in (Random(5), Random(5))
    )

    assert first == second
