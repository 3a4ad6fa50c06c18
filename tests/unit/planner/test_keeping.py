"""Which checkpoints stay, and that nothing that was removed is ever asked for."""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planner.decide import PILE, TIDYING_S, decide
from services.planner.finish import finalists
from services.planner.keeping import unwanted, wanted
from services.planner.report import report
from services.planner.state import JobState, fold
from shared.contracts.base import ROOT, ExperimentId, WorkId, digest
from shared.contracts.discard import Discarded, DiscardRequest
from shared.contracts.events import EVENT, WorkOrdered
from shared.contracts.job import Fidelity, JobSpec, Search, SearchMode
from shared.contracts.proposal import Proposal, Proposals, ProposeRequest
from shared.contracts.run import RunRequest
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Request, Result
from shared.store import Entry
from tests.support.examples import JOB
from tests.support.planning import (
    ONE,
    Answer,
    Bench,
    good_news,
    has_score,
    scored,
    short_first,
    with_search,
)
from tests.support.trouble import troubled

ONE_BY_ONE = Search(mode=SearchMode.SEQUENTIAL, smallest_gain=0)


def falling(request: Request) -> Result:
    """The base model is the worst, and of the experiments every one is worse than the last."""
    if isinstance(request, ScoreRequest):
        value = 0.1 if request.experiment == ROOT else 0.9 - 0.04 * request.experiment
        return scored(request, value, rows=100)
    return good_news(request)


def keeping(checkpoints: int, spec: JobSpec) -> JobSpec:
    limits = spec.limits.model_copy(update={"checkpoints": checkpoints})
    return spec.model_copy(update={"limits": limits})


def discards(state: JobState) -> list[DiscardRequest]:
    return [one for one in state.ordered.values() if isinstance(one, DiscardRequest)]


def checkpoint(state: JobState, number: int) -> str:
    made = state.experiments[ExperimentId(number)].made
    assert made is not None
    return made.checkpoint


def named(request: Request) -> set[str | None]:
    """The folders that a request needs."""
    match request:
        case RunRequest(start_from=start, resume_from=resume):
            return {start, resume}
        case ScoreRequest(checkpoint=checkpoint):
            return {checkpoint}
        case _:
            return set()


def needed_to_go_on(state: JobState, number: ExperimentId) -> set[str | None]:
    """The folders without which a short run cannot be trained longer."""
    experiment = state.experiments[number]
    assert experiment.made is not None
    start = experiment.recipe.continues
    return {experiment.made.resume, None if start is None else state.checkpoint_of(start)}


def on_from(start: str, proposal: Proposal) -> Proposal:
    recipe = proposal.recipe.model_copy(update={"continues": start})
    return proposal.model_copy(update={"recipe": recipe})


def continuing(answer: Answer) -> Answer:
    """Every second proposal is to go on from some recipe that was trained before."""

    def answered(request: Request) -> Result:
        result = answer(request)
        if not isinstance(request, ProposeRequest) or not isinstance(result, Proposals):
            return result
        die = Random(request.model_dump_json())
        starts = [digest(finding.recipe) for finding in request.findings]
        proposals = (
            on_from(die.choice(starts), one) if starts and die.random() < 0.5 else one
            for one in result.proposals
        )
        return Proposals(proposals=tuple(proposals))

    return answered


@given(troubled(), st.integers(1, 3), st.integers(0, 9), st.booleans())
@settings(deadline=None, max_examples=25)
def test_whatever_happens_nothing_that_was_removed_is_asked_for(
    drawn: Bench, checkpoints: int, seed: int, goes_on: bool
) -> None:
    answer = continuing(drawn.answer) if goes_on else drawn.answer
    bench = Bench(keeping(checkpoints, drawn.spec), answer, executors=drawn.executors)
    bench.run_to_the_end(Random(seed))
    entries = bench.store.read(JOB)
    state = fold(entries[:1])

    for entry in entries[1:]:
        if isinstance(entry.event, WorkOrdered):
            assert not named(entry.event.request) & state.folders.gone
        state.apply(entry)
        may_be_chosen = finalists(state.search, state.spec.search.deliver, state.gone)
        best = state.best()
        for number in (*may_be_chosen[:checkpoints], *([best.id] if best else ())):
            assert checkpoint(state, number) in state.folders.there.keys() & wanted(state)
        for number in state.search.tree.short():
            assert needed_to_go_on(state, number).isdisjoint(state.folders.gone)
    assert state.ended is not None
    assert len(state.folders.there) <= checkpoints or state.ended.how == "failed"
    assert not state.folders.removing


def test_the_checkpoints_of_the_best_stay_and_the_others_are_removed_a_pile_at_a_time() -> None:
    bench = Bench(keeping(2, with_search(ONE_BY_ONE, experiments=13)), falling)

    state = bench.run_to_the_end()

    *earlier, last = [len(one.folders) for one in discards(state)]
    assert earlier == [PILE, PILE]
    assert last == 13 - 2 - 2 * PILE
    assert set(state.folders.there) == {checkpoint(state, 1), checkpoint(state, 2)}
    assert state.ended is not None
    assert state.ended.best == ONE
    said = report(state, now=bench.now)
    assert [one.experiment for one in said.kept] == [1, 2]
    assert f"## Checkpoints that are left\n\n- #1: `{checkpoint(state, 1)}`" in said.markdown
    assert said.checkpoint == checkpoint(state, 1)


def test_what_work_under_way_names_stays_whoever_made_it() -> None:
    state = Bench(with_search(ONE_BY_ONE)).run_until(lambda state: "run-2" in state.in_flight)
    request = state.ordered[WorkId("run-2")]
    state.ordered[WorkId("run-2")] = request.model_copy(
        update={"start_from": "start", "resume_from": "resume"}
    )
    state.folders.there |= dict.fromkeys(("start", "resume", "neither"), ONE)

    assert unwanted(state) == ("neither",)


def test_a_small_job_keeps_every_checkpoint() -> None:
    state = Bench().run_to_the_end()

    assert discards(state) == []
    assert len(state.folders.there) == 4


def test_as_many_checkpoints_stay_as_finalists_are_checked_until_they_are() -> None:
    search = Search(smallest_gain=0)
    bench = Bench(keeping(1, with_search(search, confirm=True, experiments=20)))

    state = bench.run_to_the_end()

    checks = [work for work in state.ordered if work.startswith("check-")]
    assert len(checks) == 8
    assert len(state.folders.there) == 1


@pytest.mark.parametrize("mode", SearchMode)
def test_making_room_changes_nothing_else(mode: SearchMode) -> None:
    spec = with_search(Search(mode=mode, smallest_gain=0), experiments=12)

    tidy = Bench(keeping(1, spec), falling, executors=2).run_to_the_end()
    messy = Bench(keeping(100, spec), falling, executors=2).run_to_the_end()

    assert discards(tidy)
    assert not discards(messy)
    assert (tidy.runs, tidy.gpu_seconds, tidy.asked) == (messy.runs, messy.gpu_seconds, messy.asked)
    works = [work for work in tidy.ordered if not work.startswith("discard-")]
    assert works == list(messy.ordered)
    assert tidy.ended == messy.ended


def test_a_short_run_without_what_it_could_go_on_from_stays_short() -> None:
    bench = Bench(keeping(1, short_first(Fidelity.STEPS, experiments=4)), falling)

    state = bench.run_to_the_end()

    settled = [number for number in state.experiments if state.search.tree.settled[number]]
    assert settled
    for number in settled:
        assert not state.search.tree.may_go_on(number)
        assert state.experiments[number].failure is None
    assert any(state.search.tree.is_full(number) for number in state.experiments)


def test_a_search_does_not_wait_for_room_to_be_made() -> None:
    bench = Bench(keeping(1, with_search(ONE_BY_ONE, experiments=12)), falling)
    state = bench.plan()

    while not (bench.rung == ["discard-1"] and state.awaited == set()):
        bench.answer_next(int(bench.rung[0].startswith("discard-")))
        state = bench.plan()

    assert has_score(state, ExperimentId(12))
    assert state.ended is None


def test_a_job_ends_even_when_nobody_makes_room() -> None:
    bench = Bench(keeping(1, with_search(ONE_BY_ONE, experiments=3)), falling)
    state = bench.run_until(lambda state: "discard-1" in state.ordered)
    bench.rung.clear()

    bench.now += TIDYING_S - 1
    assert bench.plan().ended is None
    assert "removing checkpoints" in bench.view.sentence
    bench.now += 2
    bench.plan()
    state = bench.plan()

    assert state.ended is not None
    assert (state.ended.how, state.ended.best) == ("finished", ONE)
    assert "cancelled before a worker took it" in report(state, now=bench.now).markdown


def ends_though_nobody_makes_room(bench: Bench) -> JobState:
    """Answer all but what is to be removed, and wait where there is nothing else."""
    state = bench.plan()
    for _ in range(500):
        bench.rung = [work for work in bench.rung if not work.startswith("discard-")]
        if bench.rung:
            bench.answer_next()
        else:
            bench.now += TIDYING_S + 1
        state = bench.plan()
        if state.ended is not None:
            return state
    raise AssertionError(f"still going: {bench.view.sentence}")


@given(troubled())
@settings(deadline=None, max_examples=10)
def test_whatever_happens_a_job_ends_though_nobody_makes_room(drawn: Bench) -> None:
    spec = keeping(1, drawn.spec)

    state = ends_though_nobody_makes_room(Bench(spec, drawn.answer, executors=drawn.executors))

    assert not state.in_flight


def test_a_cancelled_job_ends_though_nobody_makes_room() -> None:
    bench = Bench(keeping(1, with_search(ONE_BY_ONE, experiments=20)), falling)
    bench.run_until(lambda state: "discard-1" in state.in_flight)

    bench.store.request_cancel(JOB)
    state = ends_though_nobody_makes_room(bench)

    assert state.ended is not None
    assert (state.ended.how, state.ended.best) == ("cancelled", ONE)


def test_what_could_not_be_removed_is_said_and_not_tried_again() -> None:
    def stuck(request: Request) -> Result:
        if isinstance(request, DiscardRequest):
            return Discarded(bytes=0, left=tuple(f"{one}: denied" for one in request.folders))
        return falling(request)

    bench = Bench(keeping(1, with_search(ONE_BY_ONE, experiments=3)), stuck)
    state = bench.run_to_the_end()

    assert len(discards(state)) == 1
    assert f"{checkpoint(state, 2)}: denied" in report(state, now=bench.now).markdown


class OnFromTheFirst:
    """The first experiment is the worst; from some number on each goes on from it."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.first: str | None = None

    def __call__(self, request: Request) -> Result:
        answer = good_news(request)
        if not isinstance(request, ProposeRequest) or not isinstance(answer, Proposals):
            return answer
        (proposal,) = answer.proposals
        self.first = self.first or digest(proposal.recipe)
        if request.experiments[0] < self.since:
            return answer
        return Proposals(proposals=(on_from(self.first, proposal),))


def test_a_recipe_cannot_continue_what_was_removed_and_the_researcher_can_know() -> None:
    bench = Bench(keeping(1, with_search(ONE_BY_ONE, experiments=8)), OnFromTheFirst(since=8))

    state = bench.run_to_the_end()

    asked = bench.asked[WorkId("propose-8")]
    assert isinstance(asked, ProposeRequest)
    assert [finding.kept for finding in asked.findings[:2]] == [False, False]
    assert asked.findings[-1].kept
    dropped = state.experiments[ExperimentId(8)].dropped
    assert dropped is not None
    assert "has left no checkpoint: it was removed" in dropped
    assert state.experiments[ExperimentId(8)].proposer is None, "it is not the proposer's fault"


def test_a_recipe_that_goes_on_from_what_nobody_trained_is_its_proposers_fault() -> None:
    def lost(request: Request) -> Result:
        answer = good_news(request)
        if isinstance(answer, Proposals):
            return Proposals(proposals=tuple(on_from("0" * 64, one) for one in answer.proposals))
        return answer

    state = Bench(with_search(ONE_BY_ONE, experiments=4), lost).run_to_the_end()

    first = state.experiments[ExperimentId(1)]
    assert "was not trained" in (first.dropped or "")
    assert first.proposer == "rules"


def test_what_a_live_branch_was_trained_on_from_stays_as_long_as_the_search_goes_on() -> None:
    spec = keeping(1, with_search(ONE_BY_ONE, experiments=9))
    bench = Bench(spec, OnFromTheFirst(since=2))

    state = bench.run_until(lambda state: has_score(state, ExperimentId(9)))

    assert checkpoint(state, 1) in state.folders.there
    assert {checkpoint(state, number) for number in (2, 3, 4)} <= state.folders.gone
    assert set(bench.run_to_the_end().folders.there) == {checkpoint(state, 9)}


def test_a_recipe_that_came_while_its_start_was_being_removed_is_given_up() -> None:
    bench = Bench(with_search(ONE_BY_ONE, experiments=20), OnFromTheFirst(since=8))
    state = bench.run_until(lambda state: "propose-8" in state.ordered)
    while ExperimentId(8) not in state.recipes.values():
        bench.answer_next()
        state = bench.state
    assert not state.experiments[ExperimentId(8)].runs
    request = DiscardRequest(job_id=JOB, folders=(checkpoint(state, 1),))

    order = WorkOrdered(work_id=WorkId("discard-1"), request=request, why="room")
    state.apply(Entry("999-0", bench.now, order))

    assert "it was removed" in (state.experiments[ExperimentId(8)].dropped or "")
    assert state.experiments[ExperimentId(8)].proposer is None, "it is not the proposer's fault"
    acts = decide(state, now=bench.now, executors=1)
    assert not any(isinstance(getattr(act, "request", None), RunRequest) for act in acts)


def test_a_ledger_from_before_anything_was_removed_is_read_as_ever() -> None:
    bench = Bench(with_search(ONE_BY_ONE, experiments=12), falling)
    bench.run_to_the_end()
    entries = bench.store.read(JOB)

    def older(entry: Entry) -> Entry:
        written = json.loads(entry.event.model_dump_json())
        if written["kind"] == "job_submitted":
            del written["spec"]["limits"]["checkpoints"]
        elif written.get("request", {}).get("kind") == "propose":
            del written["request"]["context"]["limits"]["checkpoints"]
            del written["request"]["context"]["machines"]
            for finding in written["request"]["findings"]:
                del finding["kept"]
        return Entry(entry.id, entry.at, EVENT.validate_json(json.dumps(written)))

    before = [entry for entry in map(older, entries) if not _is_discard(entry)]
    state = fold(before)

    assert state.spec.limits.checkpoints == 8
    assert len(state.folders.there) == 12
    assert len(unwanted(state, over=True)) == 4


def _is_discard(entry: Entry) -> bool:
    return getattr(entry.event, "work_id", "").startswith("discard-")
