"""Whether proposals, told honestly what came of them, find what a landscape hides."""

import math
from statistics import fmean

from services.researcher.difference import facts, near_same
from services.researcher.rules import RuleResearcher
from shared.contracts.base import ROOT
from shared.contracts.lesson import Lesson
from shared.contracts.proposal import Finding
from shared.contracts.recipe import Recipe
from tests.unit.researcher.researcher_examples import DIVERGED, finding, lesson, recipe, request

BASE = 0.1
BEST_RATE = {"lora": 6e-4, "full": 4e-5}  # about three times the usual ones
BEST_EPOCHS = 9.0
BREAKS_ABOVE = 6.0  # times the best rate


def score_of(made: Recipe) -> float | None:
    """Return what a recipe scores: 0.9 at most, with full tuning; None where the loss diverges."""
    best = BEST_RATE[made.adapter.kind]
    if made.method.learning_rate > BREAKS_ABOVE * best:
        return None
    rate = math.log(made.method.learning_rate / best)
    epochs = math.log(made.method.num_train_epochs / BEST_EPOCHS)
    height = 0.8 if made.adapter.kind == "full" else 0.7
    return BASE + height * math.exp(-(rate**2 + epochs**2) / 1.5)


def told(number: int, parent: int, made: Recipe, findings: list[Finding]) -> Finding:
    """Return the honest finding of a recipe, with a lesson as a diagnosis would give it."""
    value = score_of(made)
    if value is None:
        failed = lesson("failed", "unknown", None)
        return finding(number, made, None, parent, DIVERGED, failed)
    before = next((f.value for f in findings if f.experiment == parent), None) or BASE
    fit = "underfitting" if made.method.num_train_epochs < BEST_EPOCHS / 2 else "healthy"
    return finding(number, made, value, parent, taught=_lesson(value - before, fit))


def _lesson(effect: float, fit: str) -> Lesson:
    verdict = "same" if abs(effect) < 0.02 else "better" if effect > 0 else "worse"
    return lesson(verdict, fit, effect)


def search(experiments: int, seed: int) -> list[Finding]:
    """Propose four drafts, then always below the best that has the fewest children."""
    researcher = RuleResearcher()
    findings: list[Finding] = []
    for number in range(1, experiments + 1):
        parent = _choose(findings) if number > 4 else int(ROOT)
        asked = request(findings, parent=parent, job_id=f"j-{seed}")
        findings.append(
            told(number, parent, researcher.propose(asked).proposals[0].recipe, findings)
        )
    return findings


def _choose(findings: list[Finding]) -> int:
    children = {f.experiment: sum(g.parent == f.experiment for g in findings) for f in findings}
    scored = [f for f in findings if f.value is not None]
    return max(scored, key=lambda f: (f.value or 0) - 0.03 * children[f.experiment]).experiment


def test_ten_experiments_find_far_more_than_the_first_draft() -> None:
    searches = [search(10, seed) for seed in range(6)]

    first = score_of(recipe()) or 0.0
    best = [max(f.value or 0.0 for f in findings) for findings in searches]
    assert first < 0.4
    assert fmean(best) > 0.7
    assert min(best) > first + 0.2


def test_forty_proposals_hold_no_recipe_twice() -> None:
    recipes = [facts(f.recipe) for f in search(40, seed=1)]

    assert not any(near_same(one, other) for n, one in enumerate(recipes) for other in recipes[:n])
