"""What a job leaves open, proposed by rules over its training rows, each with its reason."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from services.researcher import reading_data
from services.researcher.bases import base_for
from shared.contracts.brief import Brief, BriefRequest, Requirements
from shared.contracts.grader import Grader, JsonSchemaGrader, RegexGrader
from shared.contracts.job import MetricName
from shared.contracts.plan import Choice, JobDraft, Plan, PlanRequest
from shared.errors import DataFailed, Rejected
from shared.rows import read_samples
from shared.suiting import suggest_metric

LOOK_ROWS = 20_000
"""Rows that a metric is chosen by: the first ones."""

LEAST, MOST = 50, 500
"""Rows that each file to score on should have at least, and needs at most."""

SHARE, MOST_SHARE = 0.1, 0.2
"""Of the training rows set aside for each: as a rule, and at most where there are few."""

FEW_ROWS = 200
"""Training rows below which a fine-tuned model easily learns them by heart."""

_USES = {
    "dev": "scores are measured on them while searching",
    "confirm": "finalists alone are scored on them",
    "test": "they are opened once, for the report",
}

_JUDGED = {
    MetricName.EXACT_MATCH: "an answer must equal the reference, white space around it aside",
    MetricName.ACCURACY: "the label found in an answer must be that of the reference",
    MetricName.ROUGE_1: "an answer should have the words of the reference",
    MetricName.ROUGE_2: "an answer should have the pairs of words of the reference",
    MetricName.ROUGE_L: "an answer should have the words of the reference in their order",
    MetricName.GRADER: "the grader must find an answer right",
}

_SUITS = {
    MetricName.EXACT_MATCH: "the answers are short and most are different",
    MetricName.ACCURACY: "the answers are a few labels that come again and again",
    MetricName.ROUGE_L: "the answers are texts, which can be right in other words too",
}

JSON_GRADER = JsonSchemaGrader(json_schema={"type": ["object", "array"]}, same=True)
WHOLE_ANSWER = RegexGrader(pattern=r"(?s)\S.*")


def plan(request: PlanRequest) -> Plan:
    """Return what rules propose for what a draft leaves open, and what it asks for.

    Raises:
        DataFailed: the training rows, or the base model's headers, cannot be read or learnt from,
            or there are too few rows to set some aside.
    """
    draft = request.draft
    references = list(islice(references_of(draft), LOOK_ROWS))
    base, why = base_for(request.machines)
    metric, judging = _judging(draft, references)
    counted = reading_data.study(
        BriefRequest(
            job_id=request.job_id,
            goal=draft.goal,
            base_model=draft.base_model or base.name,
            train=draft.train,
            mapping=draft.mapping,
            metric=metric,
        )
    )
    _refuse_too_few(draft, counted.rows)
    bases = [] if draft.base_model else [Choice(field="base_model", value=base.name, reason=why)]
    return Plan(
        task_type=counted.task_type,
        requirements=_requirements(draft, counted, metric, references),
        choices=(*judging, *bases, *_set_aside(draft, counted.rows)),
        rows=counted.rows,
    )


def references_of(draft: JobDraft) -> Iterator[str]:
    """Yield the right answers of a draft's training rows.

    Raises:
        DataFailed: the rows cannot be read.
    """
    samples = read_samples(Path(draft.train), draft.mapping)
    return (sample.completion for sample in samples if sample.fault is None)


def _judging(draft: JobDraft, references: Sequence[str]) -> tuple[MetricName, list[Choice]]:
    """Return how answers are judged, and what of that was left open."""
    if draft.metric not in (None, MetricName.GRADER):
        return draft.metric, []
    if draft.grader is not None:
        why = "the job brings a grader of its own"
        named = [] if draft.metric else [_metric(MetricName.GRADER, why)]
        return MetricName.GRADER, named
    as_json = _are_json(references)
    if draft.metric is MetricName.GRADER and not as_json:
        why = "rules write no grader: this one compares whole answers, as exact_match does"
        return MetricName.GRADER, [_grader(WHOLE_ANSWER, why)]
    if as_json:
        grader = _grader(JSON_GRADER, "read as JSON, the order of keys is no difference")
        metric = _metric(MetricName.GRADER, "the answers are JSON, which no metric reads")
        return MetricName.GRADER, [grader] if draft.metric else [metric, grader]
    found, why = _suggested(references)
    return found, [_metric(found, why)]


def _suggested(references: Sequence[str]) -> tuple[MetricName, str]:
    if not references:  # which fails when the rows are studied
        return MetricName.EXACT_MATCH, "there is no right answer to choose by"
    try:
        found = suggest_metric(references)
    except Rejected:
        return MetricName.EXACT_MATCH, (
            "the answers are long and in a script that no other metric reads; a grader of your own "
            "may judge them better"
        )
    return found, _SUITS[found]


def _are_json(references: Sequence[str]) -> bool:
    return bool(references) and all(map(_is_json, references))


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _metric(name: MetricName, why: str) -> Choice:
    return Choice(field="metric", value=name.value, reason=why)


def _grader(grader: Grader, why: str) -> Choice:
    return Choice(field="grader", value=grader.model_dump_json(), reason=why)


def _refuse_too_few(draft: JobDraft, rows: int) -> None:
    wanted = 1 + [draft.dev, draft.confirm, draft.test].count(None)
    if rows < wanted:
        raise DataFailed(
            f"{draft.train}: wanted at least {wanted} rows, as some are set aside to score on, "
            f"found {rows}; give more rows, or rows to score on in files of their own"
        )


def _set_aside(draft: JobDraft, rows: int) -> Iterator[Choice]:
    share = min(max(SHARE, LEAST / rows), MOST / rows, MOST_SHARE)
    kept = max(1, round(share * rows))
    few = "" if kept >= LEAST else f"; fewer than {LEAST} score roughly, so more rows would help"
    given = {"dev": draft.dev, "confirm": draft.confirm, "test": draft.test}
    for field, use in _USES.items():
        if given[field] is None:
            reason = f"about {kept:,} of {rows:,} rows: {use}{few}"
            yield Choice.model_validate({"field": field, "value": f"{share:.4g}", "reason": reason})


def _requirements(
    draft: JobDraft, counted: Brief, metric: MetricName, references: Sequence[str]
) -> Requirements:
    length = f"95 % of the answers have at most {counted.completion_chars_p95:,} characters"
    if counted.labels:
        wanted = f"one of {counted.labels} labels"
    elif _are_json(references):
        wanted = f"JSON; {length}"
    else:
        wanted = f"text; {length}"
    return Requirements(
        output_format=wanted,
        success=f"{metric}: {_JUDGED[metric]}",
        risks=tuple(_risks(counted)),
        missing=tuple(_missing(draft)),
    )


def _risks(counted: Brief) -> Iterator[str]:
    if counted.rows < FEW_ROWS:
        yield f"{counted.rows:,} rows are few: a model may learn them by heart."
    if counted.duplicate_share > 0.05:
        yield (
            f"{counted.duplicate_share:.0%} of the rows have a prompt seen before, so there is "
            "less to learn from than it seems."
        )


def _missing(draft: JobDraft) -> Iterator[str]:
    if draft.dev is None or draft.test is None:
        yield (
            "Rows from where the model is to be used: those set aside come from where the training "
            "rows do, and cannot show how it does elsewhere."
        )
