"""A plan that a language model made, as far as each of its choices stands a trial; rules the rest.

How many rows are set aside stays with the rules: it is arithmetic.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from services.researcher.bases import SHORT_LIST
from services.researcher.llm.adviser import Adviser, NoCounsel
from services.researcher.llm.briefing.analysing import GOAL_CHARS, shown, spread
from services.researcher.llm.prompts import prompt
from services.researcher.llm.quoting import quoted
from services.researcher.llm.telling.room import fitting
from services.researcher.planning import LOOK_ROWS, references_of
from shared.asking.question import Shape
from shared.contracts.brief import Requirements, TaskType
from shared.contracts.grader import JsonSchemaGrader, RegexGrader
from shared.contracts.job import MetricName
from shared.contracts.plan import Choice, JobDraft, Plan, PlanRequest
from shared.errors import Rejected, ScoringFailed
from shared.graders.confined import confined_grades
from shared.graders.rehearsal import TRIED, rehearse
from shared.rows import Sample, read_samples
from shared.suiting import unsuited

ROW_CHARS = 800
"""Characters of a training row that the model is shown."""

_Sentence = Annotated[str, Field(min_length=1, max_length=300)]
_Few = Annotated[list[_Sentence], Field(max_length=5)]
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


class JobPlan(Shape):
    """What a model replies."""

    task_type: TaskType
    output_format: _Sentence
    success: _Sentence
    constraints: _Few
    risks: _Few
    missing: _Few
    metric: Literal["exact_match", "accuracy", "rouge1", "rouge2", "rougeL", "grader"]
    metric_reason: _Sentence
    grader: Literal["none", "regex", "json_schema"]
    grader_text: Annotated[str, Field(max_length=2000)]
    grader_reason: Annotated[str, Field(max_length=300)]
    base_model: Annotated[str, Field(max_length=120)]
    base_model_reason: _Sentence


def plan(request: PlanRequest, counted: Plan, adviser: Adviser) -> Plan:
    """Return a plan with a language model's words and those of its choices that can work.

    Args:
        request: what is asked for.
        counted: what rules propose, which stands where the model said nothing or chose what cannot
            work. Why is then the ``fallback`` of the plan's counsel.
        adviser: who is asked.

    Raises:
        DataFailed: the training rows cannot be read any more.
        shared.answering.GivenUp: the work was cancelled or taken away meanwhile.
    """
    trial = _trial_of(request.draft)
    heard: list[tuple[JobPlan, dict[str, str]]] = []

    def check(answer: JobPlan) -> None:
        faults = dict(trial.faults(answer))
        heard.append((answer, faults))
        if faults:
            raise Rejected("\n".join(faults.values()))

    lacking = None
    try:
        told = fitting(_told(request, counted), adviser)
        adviser.ask(prompt("plan"), told, JobPlan, check=check)
    except NoCounsel as error:
        lacking = str(error)
    counsel = adviser.counsel.model_copy(update={"fallback": lacking})
    if not heard:
        return counted.model_copy(update={"counsel": counsel})
    said, faults = heard[-1]
    requirements = Requirements(
        output_format=said.output_format,
        success=said.success,
        constraints=tuple(said.constraints),
        risks=tuple(said.risks),
        missing=tuple(said.missing),
    )
    changed = {
        "task_type": said.task_type,
        "requirements": requirements,
        "choices": tuple(trial.chosen(said, faults, counted)),
        "counsel": counsel,
    }
    return counted.model_copy(update=changed)


@dataclass(frozen=True, slots=True)
class _Trial:
    """What a model's choices are tried with."""

    draft: JobDraft
    references: Sequence[str]
    pairs: Sequence[tuple[str, str]]
    """Of a few rows, prompt and right answer."""

    @property
    def judging_is_open(self) -> bool:
        """Whether the model may say how answers are judged."""
        return self.draft.metric in (None, MetricName.GRADER) and self.draft.grader is None

    def wants_grader(self, said: JobPlan) -> bool:
        """Whether the model has to bring a grader."""
        return self.draft.metric is MetricName.GRADER or said.metric == "grader"

    def faults(self, said: JobPlan) -> Iterator[tuple[str, str]]:
        """Yield each choice that cannot work, and why, without a word of what others wrote."""
        if self.judging_is_open and self.wants_grader(said):
            fault = self._grader_fault(said)
            if fault is not None:
                yield "grader", fault
        elif self.judging_is_open:
            fault = unsuited(MetricName(said.metric), self.references)
            if fault is not None:
                yield "metric", f"metric: {fault}"
        if self.draft.base_model is None and not self._is_known(said.base_model):
            listed = ", ".join(base.name for base in SHORT_LIST)
            yield (
                "base_model",
                f"base_model: wanted one of {listed}, or a hub id that the goal names, found "
                "another; take one of them",
            )

    def chosen(self, said: JobPlan, faults: Mapping[str, str], counted: Plan) -> Iterator[Choice]:
        """Yield a choice for each thing left open: the model's, or that of rules if it is wrong."""
        by_rule = {choice.field: choice for choice in counted.choices}
        if self.judging_is_open and not faults.keys() & {"metric", "grader"}:
            yield from self._judging(said)
        else:
            yield from (by_rule[field] for field in ("metric", "grader") if field in by_rule)
        if "base_model" in by_rule and "base_model" not in faults:
            why = said.base_model_reason
            yield Choice(field="base_model", value=said.base_model, reason=why)
        elif "base_model" in by_rule:
            yield by_rule["base_model"]
        yield from (by_rule[field] for field in ("dev", "confirm", "test") if field in by_rule)

    def _judging(self, said: JobPlan) -> Iterator[Choice]:
        if self.draft.metric is None:
            yield Choice(field="metric", value=said.metric, reason=said.metric_reason)
        if self.wants_grader(said):
            why = said.grader_reason or said.metric_reason
            yield Choice(field="grader", value=_grader_of(said).model_dump_json(), reason=why)

    def _grader_fault(self, said: JobPlan) -> str | None:
        """Return why a grader cannot be used: it is none, or judges right answers wrongly."""
        try:
            rehearse(partial(confined_grades, _grader_of(said)), self.pairs)
        except Rejected as error:
            return str(error)
        except ScoringFailed as error:  # which quotes a row
            why = quoted(str(error), "what happened when it was tried", most=ROW_CHARS)
            return f"grader: wanted one that knows right answers from empty ones\n{why}"
        return None

    def _is_known(self, name: str) -> bool:
        goal = self.draft.goal.replace("huggingface.co/", "")
        named = {found.rstrip(".") for found in _HUB_ID.findall(goal)}
        return name in named or any(name == base.name for base in SHORT_LIST)


def _trial_of(draft: JobDraft) -> _Trial:
    samples = (s for s in _samples(draft) if s.fault is None)
    pairs = [(sample.prompt, sample.completion) for sample in islice(samples, TRIED)]
    return _Trial(draft, list(islice(references_of(draft), LOOK_ROWS)), pairs)


def _samples(draft: JobDraft) -> Iterator[Sample]:
    return read_samples(Path(draft.train), draft.mapping)


def _grader_of(said: JobPlan) -> RegexGrader | JsonSchemaGrader:
    """Return the grader a model described; never one that runs code of its.

    Raises:
        Rejected: it described none.
    """
    try:
        match said.grader:
            case "regex":
                return RegexGrader(pattern=said.grader_text)
            case "json_schema":
                schema = json.loads(said.grader_text)
                return JsonSchemaGrader(json_schema=schema, same=True)
            case "none":
                raise Rejected("grader: wanted regex or json_schema with metric grader, found none")
    except (ValueError, RecursionError):
        raise Rejected(
            f"grader_text: wanted what a {said.grader} grader is made of, found something else; "
            "correct it or take another metric"
        ) from None


def _told(request: PlanRequest, counted: Plan) -> Iterator[str]:
    """Yield what the model is told, with ever fewer rows."""
    draft, facts = request.draft, _facts(request, counted)
    rows = shown(spread(Path(draft.train), draft.mapping, counted.rows), ROW_CHARS // 2)
    for kept in range(len(rows), -1, -1):
        yield "\n\n".join((facts, *rows[:kept]))


def _facts(request: PlanRequest, counted: Plan) -> str:
    draft = request.draft
    lines = [
        f"Goal: {draft.goal[:GOAL_CHARS]}",
        f"Counted: {counted.rows} training rows; task type by rule: {counted.task_type}; "
        f"right answers: {counted.requirements.output_format}.",
        *(f"Given: {name} is {value}" for name, value in _given(draft)),
        *(f"Left open: {c.field}. Rules would take {c.value}: {c.reason}" for c in counted.choices),
        "Base models: " + ", ".join(base.name for base in SHORT_LIST),
    ]
    return "\n".join(lines)


def _given(draft: JobDraft) -> Iterator[tuple[str, str]]:
    if draft.metric is not None:
        yield "metric", draft.metric.value
    if draft.grader is not None:
        yield "grader", f"one of kind {draft.grader.kind}"
    if draft.base_model is not None:
        base = Path(draft.base_model)
        yield "base_model", base.name if base.is_absolute() else draft.base_model
