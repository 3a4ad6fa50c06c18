"""What is scored beside the search: baselines at its start, side tasks at its end."""

import pytest

from services.planner.report import report
from services.planner.views import job_view
from shared.contracts.base import ROOT, ExperimentId, WorkId
from shared.contracts.job import GUARDS, Baselines, Budget, JobSpec, MetricName
from shared.contracts.run import Failed
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Request, Result
from tests.support.examples import CONFIRM, SPEC
from tests.support.planning import Answer, Bench, good_news, has_score, score_of, scored

FOUR = ExperimentId(4)
BOTH = SPEC.model_copy(update={"baselines": Baselines(reference="instruct")})
GUARDED = SPEC.model_copy(update={"guards": ("arithmetic", "lm_eval:piqa")})


def scoring(**values: float) -> Answer:
    """As `good_news`, with 100 items, but for pieces of work that have values of their own.

    ``shots`` and ``reference`` are of baselines, ``before`` and ``after`` of side tasks.
    """

    def answer(request: Request) -> Result:
        if not isinstance(request, ScoreRequest):
            return good_news(request)
        value = 0.1 + 0.1 * request.experiment
        if request.shots:
            value = values.get("shots", value)
        elif request.checkpoint == "instruct":
            value = values.get("reference", value)
        elif request.split == "guard":
            value = values.get("after" if request.experiment else "before", 0.5)
        return scored(request, value, rows=100)

    return answer


def markdown(spec: JobSpec, answer: Answer) -> str:
    bench = Bench(spec, answer)
    return report(bench.run_to_the_end(), now=bench.now).markdown


def test_baselines_are_scored_once_when_the_base_is_and_nothing_waits_for_them() -> None:
    data = BOTH.data.model_copy(update={"confirm": CONFIRM})
    bench = Bench(BOTH.model_copy(update={"data": data}))
    bench.plan()
    bench.answer_next()
    bench.answer_next()
    bench.plan()

    first = [bench.rung.pop(bench.rung.index(WorkId(w))) for w in ("few-shot-0", "reference-0")]
    state = bench.run_until(lambda state: has_score(state, FOUR) and not bench.rung)

    assert set(first) == state.in_flight
    assert "check-4" in state.ordered
    bench.rung += first
    state = bench.run_to_the_end()
    assert state.ended is not None
    assert state.ended.how == "finished"
    assert state.runs == 4
    assert sum(work.startswith(("few", "reference")) for work in state.ordered) == 2
    assert len(state.search.tree) == 5


def test_a_baseline_is_the_base_with_training_rows_or_another_model_on_the_same_rows() -> None:
    state = Bench(BOTH).run_to_the_end()

    base, shots, other = (score_of(state, f"{w}-0") for w in ("score", "few-shot", "reference"))

    assert (shots.shots, shots.shots_data, shots.checkpoint) == (4, "train.jsonl", "base")
    assert (other.shots, other.shots_data, other.checkpoint) == (0, None, "instruct")
    assert base.shots == 0
    assert {shots.data, other.data} == {base.data}
    assert shots.data_sha256 == other.data_sha256 == "1" * 64


def test_a_job_shows_how_much_better_its_best_is_than_each_baseline() -> None:
    bench = Bench(BOTH, scoring(shots=0.2, reference=0.3))
    state = bench.run_to_the_end()

    few, other = job_view(state, {}, now=bench.now).baselines

    assert few.comparison is not None
    assert other.comparison is not None
    assert few.comparison.difference == pytest.approx(0.3)
    assert other.comparison.difference == pytest.approx(0.2)
    assert few.comparison.probability > 0.99
    assert few.comparison.base.value == 0.2
    said = report(state, now=bench.now).markdown
    assert "| few-shot: the base model shown 4 training rows | 0.200 ± 0.100" in said
    assert "consider" not in said


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        ({"shots": 0.5}, "Examples in the prompt do as well as the best: consider not fine-tuning"),
        ({"shots": 0.9}, "Examples in the prompt do as well as the best: consider not fine-tuning"),
        ({"reference": 0.5}, "instruct does as well as the best as it is: consider using it"),
    ],
)
def test_a_baseline_that_is_not_beaten_is_advised(values: dict[str, float], advice: str) -> None:
    assert advice in markdown(BOTH, scoring(**values))


def test_a_baseline_that_fails_says_why_and_stops_nothing() -> None:
    def no_room(request: Request) -> Result:
        if isinstance(request, ScoreRequest) and request.shots:
            return Failed(error="TooLong", detail="wanted prompts of at most 64 tokens")
        return good_news(request)

    bench = Bench(BOTH, no_room)
    state = bench.run_to_the_end()

    assert state.ended is not None
    assert (state.ended.how, state.ended.best) == ("finished", FOUR)
    few, other = job_view(state, {}, now=bench.now).baselines
    assert (few.score, few.failed) == (None, "TooLong: wanted prompts of at most 64 tokens")
    assert other.score is not None
    assert "| TooLong: wanted prompts" in report(state, now=bench.now).markdown


def test_side_tasks_are_scored_for_the_base_and_the_best_when_the_search_is_over() -> None:
    state = Bench(GUARDED).run_to_the_end()

    asked = {str(w): score_of(state, w) for w in state.ordered if w.startswith("guard-")}

    assert set(asked) == {"guard-0", "guard-0.2", "guard-4", "guard-4.2"}
    assert (asked["guard-0"].data, asked["guard-0"].metric) == ("arithmetic", "exact_match")
    assert asked["guard-4.2"].data == "lm_eval:piqa"
    assert asked["guard-4"].checkpoint == score_of(state, "test-4").checkpoint
    assert {one.split for one in asked.values()} == {"guard"}
    order = list(state.ordered)
    assert min(order.index(WorkId(work)) for work in asked) > order.index(WorkId("score-4"))
    assert set(state.test_scores) == {ROOT, FOUR}


def test_side_tasks_are_those_of_the_evaluator_unless_the_job_names_others() -> None:
    assert SPEC.model_copy(update={"guards": None}).side_tasks() == tuple(GUARDS)
    assert SPEC.side_tasks() == ()


@pytest.mark.parametrize(
    ("guards", "said"),
    [
        (["chess"], "one of arithmetic, .* found 'chess'"),
        (["copying", "copying"], "each name once"),
    ],
)
def test_a_side_task_that_nobody_has_is_refused(guards: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        JobSpec.model_validate(SPEC.model_dump() | {"guards": guards})


@pytest.mark.parametrize(
    ("before", "after", "verdict", "price"),
    [
        (0.8, 0.8, "no worse", "No loss at any of them is shown."),
        (0.8, 0.78, "no worse", "No loss at any of them is shown."),
        (0.8, 0.72, "worse", "Each point of exact_match cost 0.20 points in the mean of 2"),
        (0.8, 0.6, "worse", "Each point of exact_match cost 0.50 points in the mean of 2"),
        (0.1, 0.0, "not shown", ""),
        (0.1, 0.1, "not shown", ""),
    ],
)
def test_harm_at_a_side_task_is_told_from_none_and_from_too_few_items(
    before: float, after: float, verdict: str, price: str
) -> None:
    bench = Bench(GUARDED, scoring(before=before, after=after))

    said = report(bench.run_to_the_end(), now=bench.now)

    assert [guard.verdict for guard in said.guards] == [verdict, verdict]
    assert f"{after - before:+.3f} [" in said.markdown
    assert price in said.markdown
    assert ("of them" in said.markdown) == bool(price)


def test_few_items_show_neither_harm_nor_none() -> None:
    def of_ten(request: Request) -> Result:
        if isinstance(request, ScoreRequest) and request.split == "guard":
            return scored(request, 0.4 if request.experiment else 0.5, rows=10)
        return good_news(request)

    bench = Bench(GUARDED, of_ten)

    said = report(bench.run_to_the_end(), now=bench.now)

    assert [guard.verdict for guard in said.guards] == ["not shown", "not shown"]


def test_a_side_task_that_cannot_be_scored_is_told_and_stops_nothing() -> None:
    def no_harness(request: Request) -> Result:
        if isinstance(request, ScoreRequest) and request.data.startswith("lm_eval:"):
            return Failed(error="ScoringFailed", detail="lm_eval is not installed")
        return good_news(request)

    bench = Bench(GUARDED, no_harness)
    state = bench.run_to_the_end()

    said = report(state, now=bench.now)
    assert state.ended is not None
    assert (state.ended.how, state.ended.best) == ("finished", FOUR)
    assert [guard.comparison is None for guard in said.guards] == [False, True]
    assert "| lm_eval:piqa | ScoringFailed: lm_eval is not installed |" in said.markdown


def test_a_job_without_a_best_has_nothing_to_guard() -> None:
    def no_gain(request: Request) -> Result:
        return scored(request, 0.3) if isinstance(request, ScoreRequest) else good_news(request)

    bench = Bench(GUARDED, no_gain)
    state = bench.run_to_the_end()

    assert not any(work.startswith("guard-") for work in state.ordered)
    assert "Side tasks" not in report(state, now=bench.now).markdown


def hurried(wall_clock_s: float) -> Bench:
    budget = Budget(experiments=100, wall_clock_s=wall_clock_s)
    spec = GUARDED.model_copy(update={"budget": budget, "baselines": Baselines()})
    return Bench(spec)


def test_time_is_kept_back_for_side_tasks_and_not_for_baselines() -> None:
    """Scoring 10 items took 2 s: 3 such scores and 4 of side tasks of 40 items take 38 s."""
    bench = hurried(1000.0)
    bench.run_until(lambda state: has_score(state, ExperimentId(1)))

    states = []
    for later in (1000 - 38 - 0.5, 1):
        bench.now += later
        states.append(bench.view.state)

    assert states == ["searching", "finishing"]


def test_when_time_is_up_baselines_and_side_tasks_are_left_out() -> None:
    bench = hurried(1000.0)
    bench.run_until(lambda state: "few-shot-0" in state.ordered)
    bench.rung.remove(WorkId("few-shot-0"))
    bench.run_until(lambda state: has_score(state, ExperimentId(1)))

    bench.now += 990
    state = bench.run_until(lambda state: "guard-0" in state.in_flight)
    assert "few-shot-0" not in state.in_flight
    bench.now += 11
    state = bench.run_until(lambda state: state.ended is not None)

    assert state.baselines[WorkId("few-shot-0")].kind == "failed"
    assert any(result.kind == "failed" for result in state.guards.values())
    assert state.ended is not None
    assert "wall-clock budget" in state.ended.reason
    assert set(state.test_scores) == {ROOT, state.ended.best}
    assert state.spec.metric == MetricName.EXACT_MATCH


def test_a_baseline_that_is_probably_beaten_is_not_said_to_do_as_well() -> None:
    said = markdown(BOTH, scoring(shots=0.47))

    assert "It is not shown that the best beats few-shot; more dev rows would tell." in said
    assert "consider" not in said
