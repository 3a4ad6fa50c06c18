"""The pure parts of the scaling benchmark: the landscape, the windows, the drawing."""

import json
from xml.etree import ElementTree

import pytest

from benchmarks.scaling.__main__ import table
from benchmarks.scaling.drawing import drawn
from benchmarks.scaling.landscape import ITEMS, SPREAD, scored, seconds, trained, worth
from benchmarks.scaling.window import Row, Span, Window, gaps, row, spans, speed_up
from shared.contracts.base import ROOT
from shared.contracts.recipe import Recipe
from shared.contracts.run import RunRequest
from tests.support.examples import RUN_REQUEST, SCORE_REQUEST, recipe


def with_epochs(epochs: float) -> Recipe:
    one = recipe()
    return one.model_copy(
        update={"method": one.method.model_copy(update={"num_train_epochs": epochs})}
    )


def run_of(one: Recipe, **changes: object) -> RunRequest:
    return RUN_REQUEST.model_copy(update={"recipe": one, **changes})


def test_more_passes_take_longer_within_the_spread_of_the_mean() -> None:
    took = [seconds(run_of(with_epochs(epochs)), mean_s=30.0) for epochs in (0.1, 4, 6, 100)]

    assert took == sorted(took)
    assert took[0] == 30.0 * (1 - SPREAD)
    assert took[-1] == 30.0 * (1 + SPREAD)


def test_a_part_of_a_run_takes_its_part_of_the_time() -> None:
    whole, quarter = (seconds(run_of(recipe(), step_share=share), 30.0) for share in (1.0, 0.25))

    assert quarter == whole / 4


def test_a_score_follows_from_the_checkpoint_and_is_near_the_recipes_worth() -> None:
    good = max((recipe(rate) for rate in (1e-4, 1e-3, 5e-3)), key=worth)
    checkpoint = trained(run_of(good), took_s=1.0).checkpoint
    request = SCORE_REQUEST.model_copy(update={"checkpoint": checkpoint})

    once, again = scored(request), scored(request)

    assert once == again
    assert once.n == ITEMS
    assert once.value == pytest.approx(worth(good), abs=0.1)


def test_the_base_model_is_worth_little_and_has_no_certificate() -> None:
    base = scored(SCORE_REQUEST.model_copy(update={"experiment": ROOT, "checkpoint": "nano"}))

    assert base.value < 0.2
    assert base.certificate is None


def note(worker: str, work: str, began: float, ended: float | None = None) -> str:
    fields = {"worker": worker, "job": "j-1", "work": work, "began": began}
    return json.dumps(fields | ({} if ended is None else {"ended": ended})) + "\n"


def test_a_run_is_noted_when_it_begins_and_again_when_it_ends() -> None:
    lines = [note("a", "run-1", 1.0), note("b", "run-2", 2.0), note("a", "run-1", 1.0, 9.0)]

    found = spans([*lines, '{"worker": "c", "jo'])

    assert found == [
        Span("a", ("j-1", "run-1"), 1.0, 9.0),
        Span("b", ("j-1", "run-2"), 2.0, None),
    ]


RUNS = [
    Span("a", ("j-1", "run-1"), 0.0, 12.0),
    Span("a", ("j-1", "run-3"), 13.0, 25.0),
    Span("b", ("j-1", "run-2"), 0.0, 8.0),
    Span("b", ("j-1", "run-4"), 14.0, None),
]
WINDOW = Window(10.0, 20.0)


def test_a_window_counts_what_of_a_run_lies_in_it() -> None:
    assert [WINDOW.seconds_of(run) for run in RUNS] == [2.0, 7.0, 0.0, 6.0]


def test_a_gap_belongs_to_the_window_in_which_it_ends() -> None:
    assert gaps(RUNS, WINDOW) == [1.0, 6.0]
    assert gaps(RUNS, Window(0.0, 13.0)) == []


def measured(workers: int, busy_s: float) -> Row:
    cpu = dict.fromkeys(("planner", "researcher", "redis", "simulated", "machine"), 0.25)
    return Row(workers, 1, 100.0, 30.0, 7, busy_s, 0.01, 0.5, cpu)


def test_executors_are_idle_whenever_they_do_not_train() -> None:
    found = row(RUNS, WINDOW, workers=2, jobs=1, scored_at=[9.0, 10.0, 19.0, 20.0], cpu={})

    assert found.busy_s == 15.0
    assert found.idle_share == pytest.approx(0.25)
    assert found.scored == 2
    assert found.mean_run_s == 12.0


def test_work_is_compared_by_the_seconds_trained_in_a_second() -> None:
    rows = [measured(1, 96.0), measured(4, 384.0), measured(8, 700.8)]

    assert speed_up(rows) == pytest.approx([1.0, 4.0, 7.3])


def test_the_table_says_what_part_of_the_ideal_is_reached() -> None:
    *_, last = table([measured(1, 100.0), measured(4, 380.0)])

    assert last.startswith("| 4 | 1 | 3.80 | 0.950 | 5.00% | 0.01 and 0.50 s | 30.0 s | 0.07 |")


def test_the_drawing_names_every_service_and_every_number_of_executors() -> None:
    drawing = ElementTree.fromstring(drawn([measured(1, 100.0), measured(64, 6300.0)]))

    said = [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {"1", "64", "63.0", "planner 25.0%", "executors idle 1.6%"} <= set(said)
