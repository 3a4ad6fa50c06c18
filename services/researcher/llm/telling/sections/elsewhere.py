"""What the rest of the tree has shown: the largest gains, the worst failures, a table of all."""

from collections.abc import Sequence

from services.researcher.evidence import best_of
from services.researcher.llm.telling.fitting import Form, Section, section
from services.researcher.llm.telling.sections.experiments import (
    called,
    changes,
    compared,
    in_lines,
    in_short,
    result,
    score,
)
from services.researcher.llm.telling.sections.place import lineage, tried_here
from shared.contracts.base import ROOT
from shared.contracts.proposal import Finding, ProposeRequest
from shared.contracts.run import Failed

KEY = 3
"""Gains told of the rest of the tree, and failures."""

SOME, FEW = 40, 12
"""Lines of the table in its shorter forms."""


def key_nodes(request: ProposeRequest) -> Section:
    """Return the best, the largest gains and the worst failures that are told nowhere else.

    What a fresh start gains on the base model is no gain of its own.
    """
    near = {request.parent, *(one.experiment for one in (*lineage(request), *tried_here(request)))}
    others = [one for one in request.findings if one.experiment not in near]
    best = [one for one in others if one is best_of(request.findings)]
    gains = sorted((one for one in others if _gain(one) > 0), key=_gain, reverse=True)
    losses = sorted((one for one in others if _gain(one) < 0), key=_gain)[:KEY]
    most = [*best, *(one for one in gains if one not in best)][:KEY]
    told, extremes, findings = [*most, *losses], [*most[:1], *losses[:1]], request.findings
    thought = "what was thought of key experiments elsewhere"
    forms = [Form(in_short(told, findings, thought)), Form(in_lines(told, findings), thought)]
    if len(extremes) < len(told):
        lost = f"{len(told) - len(extremes)} key experiments elsewhere"
        forms.append(Form(in_lines(extremes, findings), lost))
    return section("Key experiments elsewhere", 5, forms)


def tried(request: ProposeRequest) -> Section:
    """Return a table of what is over; in short of the best of them and of the newest."""
    over = [one for one in request.findings if one.outcome is not None]
    forms = [Form(_table(over, request.findings))] if over else []
    for most in (SOME, FEW):
        if most < len(over):
            kept = _telling(over, most)
            lost = f"{len(over) - most} of {len(over)} experiments of the table"
            forms.append(Form(_table(kept, request.findings), lost))
    return section("All that was tried", 2, forms, lost=f"the table of {len(over)} experiments")


def _gain(finding: Finding) -> float:
    """Return a clear effect, -1 of a failure, and 0 of what made no clear difference."""
    if isinstance(finding.outcome, Failed):
        return -1.0
    lesson = finding.lesson
    if lesson is None or lesson.effect is None or lesson.verdict == "same":
        return 0.0
    return lesson.effect if finding.parent != ROOT else min(0.0, lesson.effect)


def _telling(over: Sequence[Finding], most: int) -> list[Finding]:
    """Return half of the best scores and half of the newest, in the order of their numbers."""
    best = sorted(over, key=lambda one: -1.0 if one.value is None else one.value, reverse=True)
    newest = [one for one in reversed(over) if one not in best[: most // 2]]
    kept = {one.experiment for one in (*best[: most // 2], *newest[: most - most // 2])}
    return [one for one in over if one.experiment in kept]


def _table(told: Sequence[Finding], findings: Sequence[Finding]) -> str:
    lines = ["| # | below | changed | on dev | against its parent |", "|---|---|---|---|---|"]
    for one in told:
        cells = (
            f"{one.experiment}",
            called(one.parent).removeprefix("the "),
            changes(one, findings),
            result(one) if isinstance(one.outcome, Failed) else score(one),
            compared(one),
        )
        lines.append(f"| {' | '.join(cell.replace('|', '¦') for cell in cells)} |")
    return "\n".join(lines)
