"""What a job hands back, with its doubts. Pure."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import NormalDist, stdev
from typing import TypeGuard

from services.planner.baselines import baseline_lines
from services.planner.brief_lines import brief_lines
from services.planner.comparing import (
    compare,
    difference_words,
    probability_words,
    score_words,
)
from services.planner.earnings import proposer_lines
from services.planner.experiment import Experiment
from services.planner.finish import believed
from services.planner.guards import guard_lines, guard_views
from services.planner.keeping import still_there
from services.planner.state import JobState
from services.planner.views import experiment_view, job_view, node_view
from shared.contracts.base import ROOT
from shared.contracts.choice import Choice
from shared.contracts.job import Budget, SearchMode
from shared.contracts.run import Failed
from shared.contracts.score import Score
from shared.contracts.views import (
    Comparison,
    ExperimentView,
    JobView,
    KeptCheckpoint,
    NodeView,
    Report,
    Spent,
)

MIB = 2**20


def report(state: JobState, *, now: float) -> Report:
    """Return the report of a job, over or not."""
    best = state.best()
    base = state.base_score
    dev = compare(base, best.score) if base and best and best.score else None
    test = _compare_on_test(state, best) if best else None
    view = job_view(state, {}, now=now)
    shown = experiment_view(state, best, {}) if best else None
    lessons = tuple(f"#{e.id}: {e.lesson.sentence}" for e in state.experiments.values() if e.lesson)
    failures = tuple(
        f"#{e.id}: {e.failure.error}: {e.failure.detail}"
        for e in state.experiments.values()
        if e.failure
    )
    checked = _finalists(state)
    kept = tuple(_kept(state))
    guards = guard_views(state, best)
    choices = tuple(_choices(state))
    return Report(
        job=view,
        spec=state.spec,
        best=shown,
        checkpoint=_checkpoint(best),
        dev=dev,
        test=test,
        guards=guards,
        lessons=lessons,
        failures=failures,
        finalists=checked,
        kept=kept,
        choices=choices,
        markdown="\n".join(
            [
                f"# {state.spec.goal}",
                "",
                view.sentence,
                "",
                *_result_lines(state, view, shown, dev, test, _luck(state, best)),
                *baseline_lines(view.baselines),
                *guard_lines(guards, test or dev),
                *_best_lines(shown, _checkpoint(best)),
                *_finalist_lines(state, checked),
                *proposer_lines(view.proposers),
                *_noise_lines(state),
                *_cost_lines(view),
                *_kept_lines(state, kept),
                *_listed("What to look at", view.warnings),
                *brief_lines(state.brief),
                *_listed("What the experiments taught", lessons),
                *_listed("What failed", failures),
                *_listed("Why these experiments", choices),
            ]
        ),
    )


def _luck(state: JobState, best: Experiment | None) -> float:
    """Return how much of the best's dev score is believed to be none of its own merit."""
    if best is None or best.score is None:
        return 0.0
    worth = believed(state.search, best.id, state.spec.search.deliver)
    return max(0.0, best.score.value - worth)


def _finalists(state: JobState) -> tuple[NodeView, ...]:
    nodes = [node_view(state, e, {}) for e in state.experiments.values()]
    checked = [node for node in nodes if node.confirm is not None]
    deliver = state.spec.search.deliver
    worth = {n.experiment: believed(state.search, n.experiment, deliver) for n in checked}
    return tuple(sorted(checked, key=lambda node: -worth[node.experiment]))


def _kept(state: JobState) -> Iterator[KeptCheckpoint]:
    for number in still_there(state):
        made = state.experiments[number].made
        assert made is not None
        yield KeptCheckpoint(experiment=number, folder=made.checkpoint)


def _kept_lines(state: JobState, kept: tuple[KeptCheckpoint, ...]) -> list[str]:
    folders = state.folders
    lines = (*(f"#{one.experiment}: `{one.folder}`" for one in kept), *folders.left)
    if folders.freed:
        lines += (f"{folders.freed / MIB:.1f} MiB that nothing wanted any more were removed",)
    return _listed("Checkpoints that are left", lines)


def _choices(state: JobState) -> Iterator[str]:
    """Yield why the search did what it did, an act a sentence.

    Only the posterior's own choices follow the index; of another mode it would say nothing.
    """
    by_index = state.spec.search.mode is SearchMode.POSTERIOR
    for work_id, (why, choice) in state.choices.items():
        terms = choice.chosen
        said = f"{work_id}: {why}"
        if by_index and terms.index >= 0:
            said += (
                f" (index {terms.index:.4f} = expected improvement of {terms.value:.3f} "
                f"± {terms.deviation:.3f} over {choice.bar:.3f} at cost {terms.cost:.2f}, "
                f"{terms.pending} under way; runner-up {_runner_up(choice)})"
            )
        yield said


def _runner_up(choice: Choice) -> str:
    other = choice.runner_up
    if other is None:
        return "none"
    return f"{other.act} of #{other.experiment} with {other.index:.4f}"


def _finalist_lines(state: JobState, checked: tuple[NodeView, ...]) -> list[str]:
    if not checked:
        return []
    deliver = state.spec.search.deliver
    return [
        "## Finalists",
        "",
        "Scored again on rows the search did not choose by; believed is what all scores together "
        f"make of the {deliver}.",
        "",
        "| experiment | dev | confirm | believed |",
        "|---|---|---|---|",
        *[
            f"| #{node.experiment} | {score_words(node.score)} | {score_words(node.confirm)} "
            f"| {believed(state.search, node.experiment, deliver):.3f} |"
            for node in checked
            if node.score is not None and node.confirm is not None
        ],
        "",
        *_runner_up_lines(state, checked),
    ]


def _runner_up_lines(state: JobState, checked: tuple[NodeView, ...]) -> Iterator[str]:
    """Say how sure it is that the first finalist's weights are better than the second's.

    Of recipes it would not do: their seeds have more to say than the rows.
    """
    if len(checked) < 2 or state.spec.search.deliver == "recipe":
        return
    one, other = (
        [run.check for run in state.experiments[node.experiment].runs if _is_score(run.check)][-1]
        for node in checked[:2]
    )
    if one.data_sha256 == other.data_sha256 and one.stderr and other.stderr:
        # Of these rows the evaluator tells no items, so what both find hard is known from dev.
        doubt = math.sqrt(state.search.noise.kept * (one.stderr**2 + other.stderr**2))
        sure = NormalDist().cdf((one.value - other.value) / doubt)
        yield (
            f"On these rows #{checked[0].experiment} is better than #{checked[1].experiment} with "
            f"probability {probability_words(sure)}."
        )
        yield ""


def _is_score(result: Score | Failed | None) -> TypeGuard[Score]:
    return isinstance(result, Score)


def _noise_lines(state: JobState) -> list[str]:
    """Say how far scores may be off, and what short runs were worth."""
    search = state.search
    if not any(e.score is not None for e in state.experiments.values() if e.id != ROOT):
        return []
    noise = search.noise
    lines = [
        "## Noise",
        "",
        f"A score is believed to be off by {noise.evaluation**0.5:.3f} through its items and by "
        f"{noise.seed**0.5:.3f} through its training seed (standard deviations).",
        *_seed_lines(state),
    ]
    for share, one in zip(search.rules.rungs, search.prior.maps, strict=False):
        lines.append(
            f"A run of {share:.2g} of the full length with score s foresees "
            f"{one.intercept:.3f} + {one.slope:.2f} s, give or take {one.residual**0.5:.3f}."
        )
    return [*lines, ""]


def _seed_lines(state: JobState) -> Iterator[str]:
    """Say what the runs showed that were made to see what a seed does."""
    for experiment in state.experiments.values():
        runs = [run for run in experiment.runs if run.replicate]
        if not runs:
            continue
        again = [run.score.value for run in runs if run.score is not None]
        lost = len(runs) - len(again)
        missing = f"; {lost} more came to nothing" if lost else ""
        if again and experiment.score is not None:
            values = [experiment.score.value, *again]
            yield (
                f"#{experiment.id} was trained with {len(values)} seeds; their scores on dev have "
                f"a standard deviation of {stdev(values):.3f}{missing}."
            )
        else:
            yield f"#{experiment.id} was to be trained with more seeds{missing}."


def _compare_on_test(state: JobState, best: Experiment) -> Comparison | None:
    base_score, best_score = state.test_scores.get(ROOT), state.test_scores.get(best.id)
    if not isinstance(base_score, Score) or not isinstance(best_score, Score):
        return None
    if base_score.data_sha256 != best_score.data_sha256:
        return None
    return compare(base_score, best_score)


def _checkpoint(best: Experiment | None) -> str | None:
    return best.made.checkpoint if best and best.made else None


def _result_lines(
    state: JobState,
    view: JobView,
    best: ExperimentView | None,
    dev: Comparison | None,
    test: Comparison | None,
    luck: float,
) -> list[str]:
    if best is None or dev is None:
        base = f" ({score_words(view.base)} on dev)" if view.base else ""
        return ["## Result", "", f"No experiment scored above the base model{base}.", ""]
    lines = [
        "## Result",
        "",
        "| split | base model | best | difference, 95 % interval | probability of being better "
        "| items |",
        "|---|---|---|---|---|---|",
        *[_comparison_row(comparison) for comparison in (dev, test) if comparison],
        "",
        _verdict(test, dev, luck),
        "",
        *_certified_lines(test or dev),
        "The best was chosen by its dev score"
        + (" and that of the finalists' rows" if state.spec.data.confirm else "")
        + ", which therefore flatters it a little"
        + (f"; the test rows were opened once, {_opened(state)}." if test else "."),
    ]
    missing = [s for s in state.test_scores.values() if not isinstance(s, Score)]
    if missing:
        lines.append(f"The test score is missing: {missing[0].detail}")
    elif state.test_scores and test is None:
        lines.append("The test rows changed while they were scored, so they confirm nothing.")
    elif state.spec.data.test is None:
        lines.append("The job names no test data, so nothing independent confirms the gain.")
    return [*lines, ""]


def _opened(state: JobState) -> str:
    assert state.test_opened_at is not None
    at = datetime.fromtimestamp(state.test_opened_at, UTC)
    models = " and ".join(f"#{number}" for number in sorted(state.test_scores))
    return f"after the choice, for {models}, on {at:%Y-%m-%d at %H:%M} UTC"


def _verdict(test: Comparison | None, dev: Comparison, luck: float) -> str:
    """Say whether there is a gain; on dev, which the best was chosen by, less its luck there."""
    found = test or dev
    low = -1.0 if found.interval is None else found.interval[0]
    if test is not None and low > 0.0:
        sure = probability_words(test.probability)
        return (
            "On test the gain is larger than its doubt: the best beats the base model with "
            f"probability {sure}."
        )
    if low - luck > 0.0:
        return "On dev the gain is larger than its doubt."
    if low > 0.0:
        return f"On dev no gain is demonstrated: {luck:.3f} of it is believed to be luck."
    if found.interval is None:
        return f"On {found.split} no gain is demonstrated: a single item says nothing of its doubt."
    if found.interval[1] < 0.0:
        return f"On {found.split} the best is worse than the base model: do not use it."
    return f"On {found.split} no gain is demonstrated: the interval covers zero."


def _certified_lines(comparison: Comparison) -> list[str]:
    """Say how close what was scored is to what was trained."""
    shown = comparison.best.certificate
    if shown is None:
        return []
    return [
        f"The best was served as it was trained: of {shown.prompts} training prompts "
        f"{shown.answers_equal:.0%} had the same greedy answer, and their answers' mean "
        f"log-probability of a token was {shown.logprob_gap:.4f} nats off.",
        "",
    ]


def _comparison_row(comparison: Comparison) -> str:
    return (
        f"| {comparison.split} | {score_words(comparison.base)} | {score_words(comparison.best)} "
        f"| {difference_words(comparison)} | {probability_words(comparison.probability)} "
        f"| {comparison.best.n} |"
    )


def _best_lines(best: ExperimentView | None, checkpoint: str | None) -> list[str]:
    if best is None or best.recipe is None:
        return []
    method, adapter = best.recipe.method, best.recipe.adapter
    chosen = {**method.model_dump(mode="json"), **adapter.model_dump(mode="json")}
    operators = " → ".join(operator.kind for operator in best.recipe.data)
    return [
        f"## Best recipe: #{best.node.experiment}",
        "",
        f"Adapter `{adapter.kind}`, method `{method.kind}`, data {operators}.",
        "",
        *[f"- `{name}`: {value}" for name, value in chosen.items() if name != "kind"],
        "",
        f"Checkpoint: `{checkpoint}`",
        "",
        f"Recipe hash: `{best.recipe_sha256}`",
        "",
    ]


def _cost_lines(view: JobView) -> list[str]:
    spent, budget = view.spent, view.budget
    return [
        "## Cost",
        "",
        f"- experiments: {spent.experiments}",
        f"- training runs: {spent.runs:.1f} full ones of {budget.experiments}",
        f"- training: {spent.gpu_seconds:.1f} device-seconds{_of(budget.gpu_seconds)}",
        f"- wall clock: {spent.wall_clock_s:.1f} s{_of(budget.wall_clock_s)}",
        *_counsel_lines(spent, budget),
        "",
    ]


def _counsel_lines(spent: Spent, budget: Budget) -> Iterator[str]:
    if not spent.llm_calls:
        return
    tokens = "" if budget.llm_tokens is None else f" of {budget.llm_tokens:,}"
    yield f"- language model: {spent.llm_calls} calls, {spent.llm_tokens:,} tokens{tokens}"
    if spent.money or budget.money is not None:
        money = "" if budget.money is None else f" of {budget.money:g}"
        yield f"- money for them: {spent.money:.4g}{money}, by the researcher's price table"


def _of(limit: float | None) -> str:
    return "" if limit is None else f" of {limit:.1f}"


def _listed(title: str, lines: tuple[str, ...]) -> list[str]:
    return [f"## {title}", "", *[f"- {line}" for line in lines], ""] if lines else []
