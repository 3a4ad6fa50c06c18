"""Requests, recipes and findings that the researcher's tests begin from."""

from collections.abc import Sequence
from typing import Any

from services.researcher.factors import with_value
from services.researcher.prior import default_recipe
from shared.contracts.base import ROOT, ExperimentId, JobId
from shared.contracts.brief import Brief, ProposalContext
from shared.contracts.job import Limits, MetricName
from shared.contracts.lesson import Lesson
from shared.contracts.mapping import Templates
from shared.contracts.proposal import Finding, ProposeRequest
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed, Trained
from tests.support.examples import TOKENISED

BRIEF = Brief(
    summary="",
    train_sha256="0" * 64,
    rows=4000,
    duplicate_share=0.1,
    prompt_chars_p95=200,
    completion_chars_p95=12,
    base_parameters=1_500_000_000,
    labels=0,
)
CONTEXT = ProposalContext(
    goal="answer",
    base_model="base",
    train="train.jsonl",
    mapping=Templates(prompt="{question}", completion="{answer}"),
    metric=MetricName.EXACT_MATCH,
    limits=Limits(),
    seed=0,
)


def brief(**changes: Any) -> Brief:
    return Brief(**(dict(BRIEF) | changes))


def context(**changes: Any) -> ProposalContext:
    return ProposalContext(**(dict(CONTEXT) | changes))


def recipe(**values: float | str) -> Recipe:
    made = default_recipe(BRIEF, CONTEXT)
    for name, value in values.items():
        made = with_value(made, name, value)
    return made


def trained(**changes: Any) -> Trained:
    usual: dict[str, Any] = {
        "checkpoint": "c",
        "train_loss": 0.5,
        "train_curve": (),
        "held_out_curve": (),
        "rows": (),
        "tokenised": TOKENISED,
        "micro_batch": 8,
        "steps": 500,
        "tokens": 100_000,
        "stopped": "done",
        "gpu_seconds": 60.0,
    }
    return Trained(**(usual | changes))


DIVERGED = Failed(error="Diverged", detail="the loss became NaN")


def lesson(verdict: Any = "same", fit: Any = "healthy", effect: float | None = 0.0) -> Lesson:
    return Lesson(verdict=verdict, fit=fit, effect=effect, effect_stderr=0.01, sentence="")


def finding(
    number: int,
    made: Recipe,
    value: float | None = 0.5,
    parent: int = ROOT,
    outcome: Trained | Failed | None = None,
    taught: Lesson | None = None,
) -> Finding:
    ended = outcome or (None if value is None else trained())
    return Finding(
        experiment=ExperimentId(number),
        parent=ExperimentId(parent),
        recipe=made,
        outcome=ended,
        value=value,
        lesson=taught or (lesson() if ended else None),
    )


def request(
    findings: Sequence[Finding] = (), *, number: int | None = None, parent: int = ROOT, **rest: Any
) -> ProposeRequest:
    usual: dict[str, Any] = {
        "job_id": JobId("j-1"),
        "experiments": (ExperimentId(len(findings) + 1 if number is None else number),),
        "parent": ExperimentId(parent),
        "context": CONTEXT,
        "brief": BRIEF,
        "base_value": 0.1,
        "findings": tuple(findings),
    }
    return ProposeRequest(**(usual | rest))
