"""What the researcher is told with a request."""

import pytest

from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.brief import BriefRequest
from shared.contracts.counsel import Caps
from shared.contracts.job import Budget, JobSpec, Search
from shared.contracts.lesson import DiagnoseRequest
from shared.contracts.proposal import Finding, Left, Proposals, ProposeRequest
from shared.contracts.run import Trained
from shared.contracts.score import Confusion
from shared.contracts.work import Request, Result
from tests.support.advised import COUNSEL, advised
from tests.support.examples import BRIEF, LESSON, SPEC
from tests.support.planning import Answer, Bench, good_news

CONFUSION = Confusion(expected="May", got="March", count=3)


def worth(_: str, number: ExperimentId) -> float:
    """The second is the best; then it gets worse and worse."""
    return 0.8 if number == 2 else 0.6 - 0.02 * number


def confused(usual: Answer) -> Answer:
    """Every score tells labels that were confused; lessons say what they cost."""

    def answer(request: Request) -> Result:
        result = usual(request)
        match request.kind:
            case "score":
                return result.model_copy(update={"confusions": (CONFUSION,)})
            case "diagnose":
                return LESSON.model_copy(update={"counsel": COUNSEL})
            case "propose" if isinstance(result, Proposals):
                thought = [
                    one.model_copy(update={"hypothesis": f"the loss falls, says {one.proposer}"})
                    for one in result.proposals
                ]
                return result.model_copy(update={"proposals": tuple(thought)})
            case _:
                return result

    return answer


def with_budget(**budget: float) -> JobSpec:
    return SPEC.model_copy(update={"budget": Budget.model_validate(budget)})


def proposals_of(bench: Bench) -> list[ProposeRequest]:
    return [one for one in bench.asked.values() if isinstance(one, ProposeRequest)]


def latest_below(bench: Bench, *, root: bool) -> ProposeRequest:
    return [one for one in proposals_of(bench) if (one.parent == ROOT) == root][-1]


def test_every_request_says_what_a_language_model_may_cost() -> None:
    spec = with_budget(experiments=4, llm_tokens=5000, money=2.5)

    state = Bench(spec).run_to_the_end()

    asked = [
        one
        for one in state.ordered.values()
        if isinstance(one, BriefRequest | ProposeRequest | DiagnoseRequest)
    ]
    assert {one.kind for one in asked} == {"brief", "propose", "diagnose"}
    assert {one.caps for one in asked} == {Caps(tokens=5000, money=2.5)}


def test_a_proposer_is_told_what_is_left_of_the_budget() -> None:
    spec = with_budget(experiments=4, gpu_seconds=500, wall_clock_s=1000)
    bench = Bench(spec)

    bench.run_to_the_end()

    first, *_, last = proposals_of(bench)
    # Scoring the base took 2 s; as much is kept for the last dev score and for test, twice.
    assert first.left == Left(experiments=4.0, gpu_seconds=500.0, wall_clock_s=994.0)
    assert last.left is not None
    assert last.left.experiments == 1.0
    assert last.left.gpu_seconds is not None
    assert 460.0 <= last.left.gpu_seconds <= 480.0


def test_limits_that_the_job_does_not_have_are_not_said_to_be_left() -> None:
    bench = Bench()

    bench.run_to_the_end()

    first, *_ = proposals_of(bench)

    assert first.left == Left(experiments=4.0, gpu_seconds=None, wall_clock_s=None)


def test_wrong_answers_are_shown_of_the_parent_its_ancestors_and_the_best_and_counted_of_all() -> (
    None
):
    spec = with_budget(experiments=12)
    bench = Bench(spec, confused(advised(worth)))

    state = bench.run_to_the_end()

    request = latest_below(bench, root=False)

    measured = {f.experiment: f for f in request.findings if f.value is not None}
    ancestors = set(state.search.tree.lineage(request.parent)) - {ROOT}
    shown = {number for number, f in measured.items() if f.faults[0].examples}
    assert shown == ancestors | {2}
    assert len(shown) < len(measured)
    assert {number for number, f in measured.items() if f.confusions == (CONFUSION,)} == shown
    assert all(
        f.faults[0].count == round(100 * (1 - f.value)) for f in measured.values() if f.value
    )


def test_a_finding_says_who_proposed_it_and_why_and_not_what_the_lesson_cost() -> None:
    bench = Bench(with_budget(experiments=8), confused(advised(worth)))

    bench.run_to_the_end()

    findings = proposals_of(bench)[-1].findings

    assert {f.proposer for f in findings} == {"rules", "llm"}
    assert all(f.hypothesis == f"the loss falls, says {f.proposer}" for f in findings)
    lessons = [f.lesson for f in findings if f.lesson is not None]
    assert lessons
    assert set(lessons) == {LESSON}


def test_where_no_language_model_reads_them_no_wrong_answers_are_sent() -> None:
    bench = Bench(with_budget(experiments=8))

    bench.run_to_the_end()

    def said(finding: Finding) -> object:
        return finding.faults, finding.confusions

    assert {said(f) for request in proposals_of(bench) for f in request.findings} == {((), ())}


@pytest.mark.parametrize("answer", [good_news, advised(worth)], ids=["rules", "language model"])
def test_curves_are_sent_where_a_language_model_reads_them_alone(answer: Answer) -> None:
    bench = Bench(with_budget(experiments=8), answer)

    bench.run_to_the_end()

    trained = [
        f.outcome for f in proposals_of(bench)[-1].findings if isinstance(f.outcome, Trained)
    ]
    assert trained
    assert {bool(one.train_curve) for one in trained} == {answer is not good_news}


def test_what_a_run_taught_is_asked_for_with_the_job_and_the_parents_recipe() -> None:
    state = Bench(with_budget(experiments=8)).run_to_the_end()

    asked = [one for one in state.ordered.values() if isinstance(one, DiagnoseRequest)]

    for request in asked:
        parent = state.experiments[request.parent]
        assert request.parent_recipe == (None if parent.id == ROOT else parent.recipe)
        assert (request.goal, request.metric) == (SPEC.goal, SPEC.metric)
        assert request.base_parameters == BRIEF.base_parameters
        assert request.task_type == BRIEF.task_type
    assert {request.parent == ROOT for request in asked} == {True, False}


@pytest.mark.parametrize(("rules_share", "awaited"), [(0.0, [0, 1]), (1.0, [0, 0])])
def test_a_request_counts_what_was_asked_for_before_unless_of_rules(
    rules_share: float, awaited: list[int]
) -> None:
    spec = SPEC.model_copy(update={"search": Search(replicates=0, rules_share=rules_share)})
    bench = Bench(spec, advised(lambda *_: 0.5), executors=1)

    bench.run_until(lambda _: len(proposals_of(bench)) == 2)

    assert [one.awaited for one in proposals_of(bench)] == awaited
