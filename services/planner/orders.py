"""The pieces of work that the planner asks other services for, made from a job's state. Pure."""

from dataclasses import dataclass
from typing import Literal

from services.planner.able import Able
from services.planner.crediting import proposers
from services.planner.experiment import Experiment, Run, piece
from services.planner.findings import findings
from services.planner.improvement import Terms
from services.planner.search import Choice
from services.planner.state import JobState
from shared.contracts import choice as contract
from shared.contracts.base import ROOT, ExperimentId, WorkId
from shared.contracts.brief import BriefRequest, ProposalContext
from shared.contracts.counsel import Caps
from shared.contracts.discard import DiscardRequest
from shared.contracts.job import GUARDS, Fidelity, MetricName
from shared.contracts.lesson import DiagnoseRequest
from shared.contracts.proposal import Left, ProposeRequest
from shared.contracts.recipe import Recipe
from shared.contracts.run import RunRequest, Trained
from shared.contracts.score import Score, ScoreRequest, Split
from shared.contracts.work import Request

GUARD_TOKENS = 64
"""Tokens that an answer to a side task may have."""


@dataclass(frozen=True, slots=True)
class Order:
    """Ask a service for a piece of work."""

    work_id: WorkId
    request: Request
    why: str
    choice: contract.Choice | None = None


def brief(state: JobState) -> Order:
    """Ask the researcher to study the job."""
    spec = state.spec
    request = BriefRequest(
        job_id=state.job_id,
        goal=spec.goal,
        base_model=spec.base_model,
        train=spec.data.train,
        mapping=spec.data.mapping,
        metric=spec.metric,
        caps=_caps(state),
    )
    return Order(WorkId("brief"), request, "every search begins with a look at its data")


def propose(state: JobState, choice: Choice, count: int, able: Able, left: Left) -> Order:
    """Ask the researcher for recipes below the node that was chosen."""
    spec = state.spec
    assert state.brief is not None
    assert state.base_score is not None
    first = len(state.experiments)
    numbers = tuple(ExperimentId(n) for n in range(first, first + count))
    parent = ExperimentId(choice.terms.node)
    request = ProposeRequest(
        job_id=state.job_id,
        experiments=numbers,
        parent=parent,
        context=ProposalContext(
            goal=spec.goal,
            base_model=spec.base_model,
            train=spec.data.train,
            mapping=spec.data.mapping,
            metric=spec.metric,
            limits=spec.limits,
            seed=spec.seed,
            machines=able.machines,
            adapters_only=able.adapters_only,
        ),
        brief=state.brief,
        base_value=state.base_score.value,
        findings=tuple(findings(state, parent)),
        proposers=proposers(state, parent, numbers),
        awaited=sum(
            e.parent == parent and e.asked != "rules" and e.proposal is None and e.dropped is None
            for e in state.experiments.values()
        ),
        left=left,
        caps=_caps(state),
    )
    return Order(WorkId(f"propose-{first}"), request, said(choice), recorded(choice))


def first_run(state: JobState, experiment: Experiment, rung: int, limit_s: float) -> Order:
    """Ask an executor to train a new experiment, at the first rung."""
    assert experiment.proposal is not None
    return _run(state, experiment, rung, limit_s, experiment.recipe, experiment.proposal.expects)


def longer_run(state: JobState, experiment: Experiment, choice: Choice, limit_s: float) -> Order:
    """Ask an executor to go on with an experiment, or to run it again on more data."""
    # The longest measured run, not the last one: that may have been lost.
    assert experiment.measured is not None
    rung = experiment.measured.rung + 1
    order = _run(state, experiment, rung, limit_s, experiment.recipe, said(choice))
    return Order(order.work_id, order.request, order.why, recorded(choice))


def another_seed(state: JobState, experiment: Experiment, limit_s: float) -> Order:
    """Ask an executor to run a finalist again with a seed that no run of it had."""
    why = f"#{experiment.id} is a finalist: is it the recipe or the seed?"
    return _anew(state, experiment, limit_s, why)


def replicate(state: JobState, experiment: Experiment, limit_s: float) -> Order:
    """Ask an executor to run a recipe again, so that what its seed does is measured on dev."""
    why = f"how much does the score of #{experiment.id} owe to its seed?"
    order = _anew(state, experiment, limit_s, why)
    work_id = piece("replicate", experiment.id, len(experiment.runs) + 1)
    return Order(work_id, order.request, order.why)


def score(state: JobState, experiment: Experiment, run: Run | None, why: str) -> Order:
    """Ask the evaluator for the dev score of a run, or of the base model."""
    number, share = 1, 1.0
    if run is not None:
        number, share = run.number, state.search.rules.rungs[run.rung]
    return _score(
        state,
        experiment,
        run,
        split="dev",
        work_id=piece("score", experiment.id, number),
        why=why,
        share=share,
    )


def check(state: JobState, experiment: Experiment, run: Run, why: str) -> Order:
    """Ask the evaluator to score a finalist on the rows kept for that."""
    work_id = piece("check", experiment.id, run.number)
    return _score(state, experiment, run, split="confirm", work_id=work_id, why=why)


def test(state: JobState, experiment: Experiment) -> Order:
    """Ask the evaluator to open the test rows for the best experiment or the base model."""
    return _score(
        state,
        experiment,
        None if experiment.id == ROOT else experiment.measured,
        split="test",
        work_id=piece("test", experiment.id),
        why="the search is over; the report needs rows it did not choose by",
    )


def few_shot(state: JobState) -> Order:
    """Ask the evaluator for the dev score of the base model that is shown training rows first."""
    shots = state.spec.baselines.shots
    return _baseline(
        state,
        "few-shot",
        f"would {shots} examples in the prompt do as well as fine-tuning?",
        shots=shots,
        shots_data=state.spec.data.train,
    )


def reference(state: JobState) -> Order:
    """Ask the evaluator for the dev score of the model that the best is to be compared with."""
    model = state.spec.baselines.reference
    assert model is not None
    return _baseline(state, "reference", f"how good is {model} as it is?", checkpoint=model)


def guard(state: JobState, experiment: Experiment, number: int, name: str) -> Order:
    """Ask the evaluator how good the best, or the base model, is at a side task."""
    order = _score(
        state,
        experiment,
        None if experiment.id == ROOT else experiment.measured,
        split="guard",
        work_id=piece("guard", experiment.id, number),
        why=f"fine-tuning must do no harm at {name}",
    )
    assert isinstance(order.request, ScoreRequest)
    own: dict[str, object] = {
        "data": name,
        "metric": GUARDS.get(name, MetricName.ACCURACY),
        "grader": None,
        "options": (),
        "max_new_tokens": GUARD_TOKENS,
    }
    return Order(order.work_id, order.request.model_copy(update=own), order.why)


def _baseline(
    state: JobState, kind: Literal["few-shot", "reference"], why: str, **changed: object
) -> Order:
    base = state.experiments[ROOT]
    order = _score(state, base, None, split="dev", work_id=piece(kind, ROOT), why=why)
    assert isinstance(order.request, ScoreRequest)
    return Order(order.work_id, order.request.model_copy(update=changed), order.why)


def diagnose(state: JobState, experiment: Experiment, run: Run) -> Order:
    """Ask the researcher what an experiment taught."""
    assert experiment.proposal is not None
    assert experiment.parent is not None
    assert run.outcome is not None
    assert state.brief is not None
    spec, parent = state.spec, state.experiments[experiment.parent]
    request = DiagnoseRequest(
        job_id=state.job_id,
        experiment=experiment.id,
        recipe=experiment.recipe,
        changed=experiment.proposal.changed,
        outcome=run.outcome,
        score=run.score,
        parent=experiment.parent,
        parent_score=_after_as_long(parent, run),
        parent_recipe=None if parent.proposal is None else parent.recipe,
        goal=spec.goal,
        task_type=state.brief.task_type,
        metric=spec.metric,
        base_parameters=state.brief.base_parameters,
        caps=_caps(state),
    )
    why = f"#{experiment.id} is over and may teach something"
    return Order(piece("diagnose", experiment.id, run.number), request, why)


def discard(state: JobState, folders: tuple[str, ...]) -> Order:
    """Ask an executor to remove folders."""
    number = 1 + sum(isinstance(request, DiscardRequest) for request in state.ordered.values())
    request = DiscardRequest(job_id=state.job_id, folders=folders)
    why = f"nothing asks for {len(folders)} of the folders that runs have left"
    return Order(WorkId(f"discard-{number}"), request, why)


def _after_as_long(parent: Experiment, run: Run) -> Score | None:
    """Return the parent's score at a run's rung; beside a longer run every short one looks bad."""
    if parent.id == ROOT:
        return parent.base_score
    return next((one.score for one in parent.line if one.rung == run.rung), None)


def said(choice: Choice) -> str:
    """Say in a sentence why an act was chosen."""
    terms = choice.terms
    if terms.kind == "draft":
        where = "a fresh start from the base model"
    elif terms.kind == "expand":
        where = f"below #{terms.node}"
    else:
        where = f"train #{terms.node} in full"
    if choice.why:
        return f"{where}, {choice.why}"
    expected = f"expected {terms.value:.3f} ± {1.96 * terms.deviation:.3f}"
    against = f"the best so far is {choice.bar:.3f}"
    other = choice.runner_up
    return f"{where}: {expected}, {against}{f'; next best was {_named(other)}' if other else ''}"


def recorded(choice: Choice) -> contract.Choice:
    """Return a choice as the ledger keeps it."""
    other = choice.runner_up
    return contract.Choice(
        chosen=_candidate(choice.terms),
        runner_up=None if other is None else _candidate(other),
        bar=choice.bar,
    )


def _candidate(terms: Terms) -> contract.Candidate:
    return contract.Candidate(
        act=terms.kind,
        experiment=ExperimentId(terms.node),
        index=terms.index,
        value=terms.value,
        deviation=terms.deviation,
        cost=terms.cost,
        pending=terms.pending,
    )


def _named(terms: Terms) -> str:
    match terms.kind:
        case "draft":
            return "a fresh start"
        case "expand":
            return f"a child of #{terms.node}"
        case "promote":
            return f"a longer run of #{terms.node}"


def _caps(state: JobState) -> Caps:
    budget = state.spec.budget
    return Caps(tokens=budget.llm_tokens, money=budget.money)


def _anew(state: JobState, experiment: Experiment, limit_s: float, why: str) -> Order:
    """Return a full run with a seed that no run of the experiment had."""
    seed = max(run.seed for run in experiment.runs) + 1
    recipe = experiment.recipe.model_copy(update={"seed": seed})
    full = len(state.search.rules.rungs) - 1
    return _run(state, experiment, full, limit_s, recipe, why)


def _run(
    state: JobState, experiment: Experiment, rung: int, limit_s: float, recipe: Recipe, why: str
) -> Order:
    share = state.search.rules.rungs[rung]
    by_steps = state.spec.search.fidelity is Fidelity.STEPS
    before = experiment.made if recipe.seed == experiment.recipe.seed else None
    request = RunRequest(
        job_id=state.job_id,
        experiment=experiment.id,
        recipe=recipe,
        limit_s=limit_s,
        limit_tokens=state.spec.limits.run_tokens,
        patience=state.spec.limits.patience,
        step_share=share if by_steps else 1.0,
        data_share=1.0 if by_steps else share,
        resume_from=before.resume if by_steps and before is not None else None,
        start_from=None if recipe.continues is None else state.checkpoint_of(recipe.continues),
    )
    return Order(piece("run", experiment.id, len(experiment.runs) + 1), request, why)


def _score(
    state: JobState,
    experiment: Experiment,
    run: Run | None,
    *,
    split: Split,
    work_id: WorkId,
    why: str,
    share: float = 1.0,
) -> Order:
    spec = state.spec
    trained = run.outcome if run is not None else None
    # A side task has no rows of the job; its name is filled in.
    data = "" if split == "guard" else spec.data.files()[split]
    request = ScoreRequest(
        job_id=state.job_id,
        experiment=experiment.id,
        checkpoint=trained.checkpoint if isinstance(trained, Trained) else spec.base_model,
        base_model=spec.base_model,
        data=data,
        data_sha256=_rows_scored_before(state, split),
        split=split,
        mapping=spec.data.mapping,
        metric=spec.metric,
        options=spec.options,
        grader=spec.grader,
        max_new_tokens=spec.limits.max_new_tokens,
        item_share=share,
        likelihood=share < 1.0,
    )
    return Order(work_id, request, why)


def _rows_scored_before(state: JobState, split: str) -> str | None:
    return state.base_score.data_sha256 if state.base_score and split == "dev" else None
