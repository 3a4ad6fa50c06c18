"""Refuses what was shown to do harm, in this job or in others like it, with the evidence. Pure."""

from collections.abc import Sequence

from services.researcher.bank import bearing_on
from services.researcher.changes import Change, changes
from services.researcher.evidence import failed_by_itself
from services.researcher.llm.proposing.repeats import evidence
from shared.contracts.lesson import BankedLesson
from shared.contracts.proposal import Finding, ProposeRequest
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed
from shared.errors import Rejected

APART = 1
"""Factors in which two places may differ for what was shown at one to hold at the other."""


def refuse_refuted(recipe: Recipe, parent: Finding, findings: Sequence[Finding]) -> None:
    """Raise Rejected if the one change to a parent was worse or failed from a like place."""
    change = _only(parent.recipe, recipe)
    if change is None:
        return
    known = {finding.experiment: finding.recipe for finding in findings}
    for finding in findings:
        begun = known.get(finding.parent)
        if begun is None or not _spoke_against(finding) or not _alike(begun, parent, change):
            continue
        before = _only(begun, finding.recipe)
        if before is not None and (before.factor, before.toward) == (change.factor, change.toward):
            raise Rejected(
                f"{change.factor} {change.toward} is refuted from a like place, for "
                f"{evidence(finding)}; try something else"
            )


def refuse_what_others_learnt(
    recipe: Recipe, parent: Finding, request: ProposeRequest, lessons: Sequence[BankedLesson]
) -> None:
    """Raise Rejected if lessons of like jobs, three at least, show the one change to do harm."""
    change = _only(parent.recipe, recipe)
    if change is None:
        return
    for one in bearing_on(request, lessons):
        if one.verdict == "harms" and (one.factor, one.toward) == (change.factor, change.toward):
            raise Rejected(
                f"earlier jobs speak against it: {one.sentence}; try something else, or say in "
                "despite why it is different here"
            )


def _only(before: Recipe, after: Recipe) -> Change | None:
    made = changes(before, after)
    return made[0] if len(made) == 1 else None


def _spoke_against(finding: Finding) -> bool:
    if isinstance(finding.outcome, Failed):
        return failed_by_itself(finding.outcome)
    return finding.lesson is not None and finding.lesson.verdict in ("worse", "failed")


def _alike(begun: Recipe, parent: Finding, change: Change) -> bool:
    apart = changes(begun, parent.recipe)
    return len(apart) <= APART and all(one.factor != change.factor for one in apart)
