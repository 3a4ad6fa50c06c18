"""What a person should look at while a search runs. Pure."""

from collections import Counter
from collections.abc import Iterator

from services.planner.crediting import llm_share, share_below
from services.planner.earnings import NAMES
from services.planner.experiment import Experiment
from services.planner.pausing import REPEATS, pauses
from services.planner.state import JobState
from shared.contracts.base import ROOT
from shared.contracts.job import Fidelity, is_sealed
from shared.contracts.run import Trained

_ENOUGH = 5  # full scores before a pattern in them means something
_SOME = 6  # experiments before a share of them does


def warnings(state: JobState) -> tuple[str, ...]:
    """Return a sentence for each thing that makes the search worth less than it looks."""
    asked = [e for e in state.experiments.values() if e.id != ROOT]
    return (
        *_about_scores(state, asked),
        *_about_failures(asked),
        *_about_samples(asked),
        *_about_proposals(asked),
        *rules_stand_in(state),
        *_about_counsel(state),
        *_about_short_runs(state),
        *_about_checks(state),
        *_about_rows(state),
    )


def _about_scores(state: JobState, asked: list[Experiment]) -> Iterator[str]:
    values = [e.score.value for e in asked if e.score is not None]
    base = state.base_score
    if len(values) < _ENOUGH or base is None:
        return
    if len(set(values)) == 1:
        yield (
            f"all {len(values)} scores are {values[0]:.3f}: the metric tells no model from "
            "another; look at what is wrong with the answers, and at the mapping"
        )
    elif max(values) < base.value:
        yield (
            f"all {len(values)} experiments score below the base model's {base.value:.3f}: check "
            "that higher is better, and that the training rows show what the metric asks for"
        )


def _about_failures(asked: list[Experiment]) -> Iterator[str]:
    over = [e for e in asked if e.failure is not None or e.score is not None]
    errors = Counter(e.failure.error for e in over if e.failure is not None)
    if len(over) >= _SOME and 2 * errors.total() >= len(over):
        error, count = errors.most_common(1)[0]
        yield f"{errors.total()} of {len(over)} runs failed, {count} of them with {error}"


def _about_samples(asked: list[Experiment]) -> Iterator[str]:
    trained = [run.outcome for e in asked for run in e.runs if isinstance(run.outcome, Trained)]
    if not trained:
        return
    latest = trained[-1].tokenised
    if latest.too_long or latest.cut:
        yield (
            f"of {latest.samples + latest.too_long} samples {latest.too_long} are left out, for "
            f"their prompts fill limits.max_length, and {latest.cut} lose their ends there, where "
            "a model would learn to stop: raise it or filter them"
        )


def _about_proposals(asked: list[Experiment]) -> Iterator[str]:
    dropped = sum(e.dropped is not None for e in asked)
    if len(asked) >= _SOME and 3 * dropped >= len(asked):
        yield (
            f"{dropped} of {len(asked)} proposals repeated an earlier one: the researcher has "
            "little left to try"
        )


def rules_stand_in(state: JobState) -> Iterator[str]:
    """Say why rules propose what the language model was asked for, if they do."""
    if state.advice.fallback is not None:
        yield f"rules stand in for {state.advice.model}: {state.advice.fallback}"


def _about_counsel(state: JobState) -> Iterator[str]:
    advice = state.advice
    if advice.model is None:
        return
    if advice.dropped:
        yield (
            f"{advice.dropped} proposals of {advice.model} were dropped: they could not be "
            "carried out, repeated an earlier one, or had been refuted"
        )
    for parent, proposer, error in pauses(state):
        if share_below(state, parent) == llm_share(state):
            continue  # the same is asked as without the pause
        where = "from the base model" if parent == ROOT else f"below #{parent}"
        yield (
            f"{NAMES[proposer]} ran into {error} {REPEATS} times in a row {where}, each time with "
            "nearly the same recipe: the next ones there are not asked from it"
        )


def _about_short_runs(state: JobState) -> Iterator[str]:
    search = state.search
    for share, one in zip(search.rules.rungs, search.prior.maps, strict=False):
        if not one.trusted:
            yield (
                f"runs of {share:.2g} of the full length rank recipes badly here: new experiments "
                "are trained in full"
            )


def _about_checks(state: JobState) -> Iterator[str]:
    if state.spec.data.confirm is None:
        yield "the job names no data.confirm: the best is the best of many looks at the same rows"
    if state.spec.search.fidelity is not Fidelity.OFF and state.spec.budget.experiments < 3:
        yield "a budget below 3 runs is too small for short runs to be compared with full ones"


def _about_rows(state: JobState) -> Iterator[str]:
    files = state.spec.data.files()
    lying = [s for s in ("dev", "confirm", "test") if s in files and not is_sealed(files[s])]
    if lying:
        yield (
            f"the rows of {' and '.join(lying)} are named by their path, where executors can read "
            "them too: put them into the evaluator's vault with `trex seal`"
        )
