"""Turns a place in the tree into a recipe that has not been tried, and says what it expects."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from services.researcher import prior
from services.researcher.difference import differences
from services.researcher.drafts import draft
from services.researcher.evidence import asked_parent, best_of
from services.researcher.forecast import forecast
from services.researcher.grounding import grounded
from services.researcher.mutations import mutations
from services.researcher.novelty import only_new
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.proposal import Finding, Proposal, Proposals, ProposeRequest
from shared.contracts.recipe import Recipe
from shared.errors import NothingNew

CANDIDATES = 8
"""Mutations drawn for each proposal; the scores so far choose among them."""


@dataclass(frozen=True, slots=True)
class _Draw:
    recipe: Recipe
    because: str


def propose(request: ProposeRequest) -> Proposals:
    """Return drafts below the root, otherwise the parent's recipe with a factor or two changed.

    One recipe for each experiment asked for; each counts as under way for the next. All randomness
    comes from the job's seed, its id and the experiments' numbers.

    Raises:
        NothingNew: every draw repeats an earlier experiment.
        Rejected: the parent is neither `ROOT` nor among the findings.
    """
    parent = asked_parent(request)
    proposals: list[Proposal] = []
    findings = list(request.findings)
    for number in request.experiments:
        known = request.model_copy(update={"findings": tuple(findings)})
        try:
            proposal = _proposal(known, number, parent)
        except NothingNew:
            if not proposals:
                raise
            break
        proposals.append(proposal)
        findings.append(Finding(experiment=number, parent=request.parent, recipe=proposal.recipe))
    return Proposals(proposals=tuple(proposals))


def _proposal(request: ProposeRequest, number: ExperimentId, parent: Finding | None) -> Proposal:
    if parent is None:
        new = next(only_new(_drafts(request, number), request.findings))
    else:
        draws = only_new(_mutations(request, number, parent), request.findings)
        new = _most_promising(draws, request)
    changed = differences(parent.recipe if parent else None, new.recipe)
    return Proposal(
        recipe=new.recipe,
        changed=changed,
        expects=f"{', '.join(changed)} aims above {bar(request, parent)} because {new.because}.",
        proposer="rules",
    )


def _most_promising(draws: Iterator[_Draw], request: ProposeRequest) -> _Draw:
    """Return the best of the first `CANDIDATES` draws by the scores so far."""
    table = prior.factors(request.brief, request.context)
    seen = forecast(request.findings, table.values())
    if seen is None:
        return next(draws)
    best = max(islice(draws, CANDIDATES), key=lambda drawn: seen.improvement(drawn.recipe))
    mean, deviation = seen.expected(best.recipe)
    foreseen = f"{len(seen.places)} findings together foresee {mean:.3f} ± {1.96 * deviation:.3f}"
    return _Draw(best.recipe, f"{best.because}, and {foreseen}")


def _drafts(request: ProposeRequest, number: ExperimentId) -> Iterator[_Draw]:
    # A proposal on its way is no finding yet. It counts as a draft, so that two drafts asked for
    # side by side differ.
    begun = sum(finding.parent == ROOT for finding in request.findings)
    on_their_way = max(0, number - 1 - len(request.findings))
    first = begun + on_their_way
    while True:
        drawn = draft(request, first)
        yield _Draw(grounded(drawn.recipe, request), _because(request, drawn.idea))
        first += 1


def _mutations(request: ProposeRequest, number: ExperimentId, parent: Finding) -> Iterator[_Draw]:
    rng = random.Random(f"{request.context.seed}/{request.job_id}/{number}")
    for drawn in mutations(request, parent, rng):
        yield _Draw(grounded(drawn.recipe, request), "; ".join(dict.fromkeys(drawn.reasons)))


def bar(request: ProposeRequest, parent: Finding | None) -> str:
    """Say what a proposal is to surpass."""
    if parent is None:
        return f"the base model's {request.base_value:.3f}"
    if parent.value is None:
        return f"#{parent.experiment}"
    return f"the {parent.value:.3f} of #{parent.experiment}"


def _because(request: ProposeRequest, idea: str) -> str:
    best = best_of(request.findings)
    so_far = f", and the best so far is {best.value:.3f} by #{best.experiment}" if best else ""
    return f"{idea}{so_far}"
