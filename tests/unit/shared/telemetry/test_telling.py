"""From an order to the record of its end, as it is told in one process."""

import json
import logging
import random
import threading
from collections.abc import Mapping

import pytest

from shared.answering import GivenUp, Lease, answer
from shared.contracts.base import ROOT, ExperimentId, WorkId
from shared.contracts.work import Request, Result
from shared.errors import TrainingFailed
from shared.logs import start_logging
from shared.store_memory import MemoryStore
from shared.telemetry import stories
from shared.telemetry.spans import carried, going_on, span
from shared.telemetry.telling import open_job, ordering, working
from tests.support.examples import (
    BRIEF,
    BRIEF_REQUEST,
    JOB,
    PROPOSE_REQUEST,
    RUN_REQUEST,
    SPEC,
    TRAINED,
    proposals,
)
from tests.support.listening import listening

ONE, TWO, THREE = ExperimentId(1), ExperimentId(2), ExperimentId(3)
RUN = WorkId("run-1")


def trace_of(experiment: ExperimentId) -> str:
    return f"{stories.trace_of(JOB, experiment):032x}"


def opening_of(experiment: ExperimentId) -> str:
    return f"{stories.opening_of(JOB, experiment):016x}"


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.create(JOB, SPEC, idempotency_key=None)
    return store


def order(store: MemoryStore, work_id: WorkId, request: Request) -> Mapping[str, str]:
    """Order work and return what its doorbell carries."""
    hold = store.hold(JOB, "planner", lease_s=60)
    assert hold is not None
    with ordering(JOB, work_id, request, again=False):
        store.order(hold, work_id, request, why="to begin with")
        return carried()


def do(
    store: MemoryStore, work_id: WorkId, result: Result | Exception, carrier: Mapping[str, str]
) -> None:
    def perform(lease: Lease) -> Result:
        with working(lease.claim.request):
            logging.getLogger(__name__).info("busy")
            if isinstance(result, Exception):
                raise result
            return result

    answer(
        JOB,
        work_id,
        store=store,
        perform=perform,
        heartbeat_s=60,
        lease_s=60,
        handed_back=threading.Event(),
        carrier=carrier,
    )


def test_what_is_ordered_is_claimed_done_and_recorded_in_one_trace(store: MemoryStore) -> None:
    with listening() as heard:
        do(store, RUN, TRAINED, order(store, RUN, RUN_REQUEST))
        ordered = heard.named("order run")
        inside = [heard.named(name) for name in ("claim", "run", "record")]

    assert ordered.trace == trace_of(ONE)
    assert ordered.parent == opening_of(ONE)
    assert [one.trace for one in inside] == [trace_of(ONE)] * 3
    assert [one.parent for one in inside] == [ordered.id] * 3
    assert [link for _, link in inside[0].links] == [ordered.id]
    assert (ordered.kind, inside[0].kind) == ("PRODUCER", "CONSUMER")
    assert inside[1].attributes == {
        "trex.job_id": JOB,
        "trex.experiment": 1,
        "trex.work_id": "run-1",
        "trex.attempt": 1,
        "trex.fence": 1,
        "trex.run": "run-1",
    }
    assert inside[2].attributes["trex.outcome"] == "trained"


def test_a_claim_begins_when_the_work_was_ordered_but_never_in_the_future(
    store: MemoryStore,
) -> None:
    with listening() as heard:
        carrier = order(store, RUN, RUN_REQUEST)
        late = int(carrier["sent_ns"]) - 5_000_000_000
        do(store, RUN, TRAINED, {**carrier, "sent_ns": str(late)})
        waited = heard.named("claim")
    with listening() as heard:
        ahead = int(carrier["sent_ns"]) + 3600 * 10**9
        order(store, WorkId("run-2"), RUN_REQUEST)
        do(store, WorkId("run-2"), TRAINED, {**carrier, "sent_ns": str(ahead)})
        clock_ahead = heard.named("claim")

    assert waited.began_ns == late
    assert clock_ahead.began_ns <= clock_ahead.ended_ns


def test_a_failed_run_says_why_in_its_span_and_in_its_record(store: MemoryStore) -> None:
    why = "wanted a checkpoint, found none; train longer"
    with listening() as heard:
        do(store, RUN, TrainingFailed(why), order(store, RUN, RUN_REQUEST))
        told = [heard.named("run"), heard.named("record")]

    assert [one.error for one in told] == [why] * 2
    assert [one.attributes["error.type"] for one in told] == ["TrainingFailed"] * 2


def test_work_that_is_given_back_has_not_failed(store: MemoryStore) -> None:
    with listening() as heard:
        do(store, RUN, GivenUp(), order(store, RUN, RUN_REQUEST))
        told = heard.named("run")

    assert told.error is None
    assert told.attributes["trex.interrupted"] == "GivenUp"


def test_a_doorbell_that_carries_nothing_is_answered_in_the_same_story(store: MemoryStore) -> None:
    with listening() as heard:
        order(store, RUN, RUN_REQUEST)
        do(store, RUN, TRAINED, {})
        claim = heard.named("claim")

    assert claim.trace == trace_of(ONE)
    assert claim.parent == opening_of(ONE)
    assert claim.links == ()


def test_a_doorbell_that_rings_again_goes_on_with_the_story_and_opens_none(
    store: MemoryStore,
) -> None:
    with listening() as heard, ordering(JOB, WorkId("propose-2"), PROPOSE_REQUEST, again=True):
        assert carried()["traceparent"].split("-")[1] == trace_of(TWO)

    assert [one.name for one in heard.spans] == ["ring propose"]


def test_a_proposal_opens_the_story_of_each_experiment_and_is_told_in_each(
    store: MemoryStore,
) -> None:
    request = PROPOSE_REQUEST.model_copy(update={"experiments": (TWO, THREE), "parent": ONE})
    work = WorkId("propose-2")
    with listening() as heard:
        do(store, work, proposals(1e-3, 2e-3), order(store, work, request))
        opened = [heard.named(f"experiment {number}") for number in (TWO, THREE)]
        mine, other = sorted(
            (one for one in heard.spans if one.name == "propose"),
            key=lambda one: one.trace != trace_of(TWO),
        )

    assert [(one.trace, one.id, one.parent) for one in opened] == [
        (trace_of(number), opening_of(number), "") for number in (TWO, THREE)
    ]
    grown = [[link for _, link in one.links] for one in opened]
    assert grown == [[opening_of(ONE)]] * 2
    assert other.trace == trace_of(THREE)
    assert other.parent == opening_of(THREE)
    assert [link for _, link in other.links] == [mine.id]
    assert other.attributes["trex.experiment"] == THREE


def test_a_job_opens_the_story_of_its_base_model() -> None:
    with listening() as heard:
        open_job(JOB)
        opened = heard.named("job")

    assert opened.trace == trace_of(ROOT)
    assert opened.id == opening_of(ROOT)


def test_a_process_goes_on_with_what_was_carried_to_it() -> None:
    with listening() as heard:
        with ordering(JOB, RUN, RUN_REQUEST, again=False):
            carrier = json.loads(json.dumps(carried()))
        with going_on(carrier), span("data"):
            pass
        told, ordered = heard.named("data"), heard.named("order run")

    assert told.parent == ordered.id
    assert told.attributes == ordered.attributes


def test_a_seed_neither_repeats_ids_nor_is_spent_on_them() -> None:
    with listening() as heard:
        for _ in range(2):
            random.seed(0)
            with span("train"):
                pass
        drawn = random.random()
    random.seed(0)

    assert len({one.id for one in heard.spans}) == 2
    assert drawn == random.random()


def test_nothing_is_carried_or_told_while_nobody_listens(store: MemoryStore) -> None:
    carrier = order(store, WorkId("brief"), BRIEF_REQUEST)
    do(store, WorkId("brief"), BRIEF, carrier)
    with going_on({}), span("data") as told:
        assert not told.is_recording()

    assert carrier == {}


def test_a_json_log_says_about_which_work_and_where_in_which_trace(
    store: MemoryStore, capfd: pytest.CaptureFixture[str]
) -> None:
    start_logging("executor", "json")
    try:
        with listening() as heard:
            do(store, RUN, TRAINED, order(store, RUN, RUN_REQUEST))
            told = heard.named("run")
    finally:
        start_logging("tests")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    [busy] = [line for line in lines if line["message"] == "busy"]

    assert (busy["service"], busy["level"]) == ("executor", "info")
    assert (busy["job_id"], busy["experiment"], busy["run"]) == (JOB, 1, "run-1")
    assert busy["trace_id"] == told.trace
    assert busy["span_id"] == told.id


def test_a_log_is_a_sentence_unless_json_is_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    start_logging("executor")
    logging.getLogger(__name__).info("ready")

    assert capfd.readouterr().err.endswith(" INFO    executor: ready\n")
