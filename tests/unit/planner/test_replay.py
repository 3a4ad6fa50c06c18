"""A ledger is all there is to a job: whoever folds it knows and does the same."""

import itertools
from contextlib import suppress
from dataclasses import fields
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.decide import Act, End, decide
from services.planner.loop import PlanningLoop
from services.planner.orders import Order
from services.planner.state import JobState, fold
from shared.contracts.base import JobId, WorkId
from shared.contracts.events import JobEnded, WorkOrdered
from shared.contracts.work import Request, recorded
from shared.store import Entry
from tests.support.examples import JOB
from tests.support.planning import Bench
from tests.support.trees import contents
from tests.support.trouble import troubled

PLACE = st.floats(0.0, 1.0)


def everything(state: JobState) -> dict[str, object]:
    """All that a state holds, to be compared."""
    held = {field.name: getattr(state, field.name) for field in fields(state)}
    return {**held, "search": contents(state.search)}


def next_acts(bench: Bench, state: JobState) -> list[Act]:
    return decide(state, now=bench.now, executors=max(1, bench.executors))


def ledger_of(bench: Bench, seed: int) -> list[Entry]:
    bench.run_to_the_end(Random(seed) if seed else None)
    return bench.store.read(JOB)


def grown(state: JobState, entries: list[Entry]) -> JobState:
    for entry in entries:
        state.apply(entry)
    return state


@given(troubled(), st.integers(0, 9), PLACE, PLACE)
@settings(deadline=None, max_examples=15)
def test_a_ledger_folded_at_once_or_in_parts_gives_one_state_and_one_next_act(
    bench: Bench, seed: int, middle: float, end: float
) -> None:
    entries = ledger_of(bench, seed)
    entries = entries[: 1 + round(end * (len(entries) - 1))]
    cut = 1 + round(middle * (len(entries) - 1))

    whole, again = fold(entries), fold(entries)
    first = fold(entries[:cut])
    next_acts(bench, first)  # deciding in between changes nothing
    parts = grown(first, entries[cut:])

    assert everything(whole) == everything(again) == everything(parts)
    assert next_acts(bench, whole) == next_acts(bench, again) == next_acts(bench, parts)


@given(troubled(), st.integers(0, 9))
@settings(deadline=None, max_examples=8)
def test_whatever_was_ordered_is_what_the_ledger_before_it_asks_for(
    bench: Bench, seed: int
) -> None:
    entries = ledger_of(bench, seed)
    state, due = fold(entries[:1]), list[Act]()

    for entry in entries[1:]:
        due = due or next_acts(bench, state)
        match entry.event:
            case WorkOrdered(work_id=work_id, request=request):
                assert isinstance(due[0], Order)
                assert (due[0].work_id, recorded(due[0].request)) == (work_id, request)
                due = due[1:]
            case JobEnded() as event:
                assert due == [End(event)]
        state.apply(entry)


class Killed(Exception):
    """A planner died between writing an order down and the next one."""


@given(troubled(), st.sets(st.integers(0, 60), max_size=10))
@settings(deadline=None, max_examples=12)
def test_a_planner_that_is_killed_between_any_two_orders_leaves_the_same_job(
    bench: Bench, deaths: set[int]
) -> None:
    wanted = bench.run_to_the_end()
    other = Bench(bench.spec, bench.answer, executors=bench.executors)
    orders = itertools.count()

    def dying(_job: JobId, work_id: WorkId, _request: Request) -> None:
        other.rung.append(work_id)
        if next(orders) in deaths:
            raise Killed

    other.loop.ring = dying
    for _ in range(2000):
        with suppress(Killed):
            other.loop.step(JOB)
            if not other.rung:
                break
            other.answer_next()
            continue
        other.loop = PlanningLoop(other.store, dying, "planner 1")
    state = other.state

    assert (state.ended, list(state.ordered)) == (wanted.ended, list(wanted.ordered))
    assert contents(state.search) == contents(wanted.search)
