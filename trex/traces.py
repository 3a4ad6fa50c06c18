"""Training rows for a better researcher: what a model was asked, its idea, what came of it.

Pure: a job's ledger and the calls of its proposals in, rows out. They are in TRL's conversational
formats, prompt and completion or, of two ideas, prompt, chosen and rejected.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeAlias

from shared.comparison import CONFIDENCE
from shared.contracts.base import ExperimentId, WorkId
from shared.contracts.counsel import Call, Message
from shared.contracts.events import Event, JobSubmitted, WorkEnded, WorkOrdered
from shared.contracts.lesson import DiagnoseRequest, Lesson
from shared.contracts.mapping import Preference, Templates
from shared.contracts.proposal import Proposal, Proposals, ProposeRequest
from shared.contracts.run import NOBODYS_FAULT

IDEAS = Templates(prompt="{prompt}", completion="{completion}")
"""How a row of `completions` becomes a conversation."""

PAIRS = Preference(prompt="{prompt}", chosen="{chosen}", rejected="{rejected}")
"""How a row of `preferences` does."""

CalledFor: TypeAlias = Callable[[ExperimentId], Sequence[Call]]
"""Gives what a language model was asked about an experiment, the oldest first."""

Row: TypeAlias = dict[str, Any]

PROMPT = "ideas"
"""Name of the prompt that asks for experiments."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One idea of a language model, and what came of it."""

    job_id: str
    base_model: str
    experiment: ExperimentId
    asked: tuple[Message, ...]
    """What it was told, before any reply."""
    idea: str
    """Its reply, with this idea alone."""
    lesson: Lesson
    reward: float
    """Score on dev, in [0, 1]; 0 of a run that failed."""


@dataclass(slots=True)
class _Job:
    """What a ledger says that matters here."""

    orders: dict[WorkId, Any]
    answers: dict[WorkId, Any]

    @property
    def ideas(self) -> Iterator[tuple[ExperimentId, Proposal]]:
        for work_id, request in self.orders.items():
            answer = self.answers.get(work_id)
            if isinstance(request, ProposeRequest) and isinstance(answer, Proposals):
                yield from zip(request.experiments, answer.proposals, strict=False)

    @property
    def lessons(self) -> dict[ExperimentId, tuple[DiagnoseRequest, Lesson]]:
        return {
            request.experiment: (request, answer)
            for work_id, request in self.orders.items()
            if isinstance(request, DiagnoseRequest)
            and not _lost(request)
            and isinstance(answer := self.answers.get(work_id), Lesson)
        }


def traces(events: Sequence[Event], called_for: CalledFor) -> list[Trace]:
    """Return a trace for each experiment that a language model proposed and that was measured.

    An idea counts as the model's where a reply that was kept holds its hypothesis. What was
    cancelled, or lost with its machine, says nothing about it. Experiments are in the order of
    their numbers.
    """
    spec = next((one for one in events if isinstance(one, JobSubmitted)), None)
    if spec is None:
        return []
    job = _read(events)
    found = []
    for number, proposal in job.ideas:
        taught = job.lessons.get(number)
        if proposal.proposer != "llm" or taught is None:
            continue
        request, lesson = taught
        if lesson.verdict != "failed" and request.score is None:
            continue
        said = _said(called_for(number), proposal)
        if said is not None:
            reward = 0.0 if request.score is None else request.score.value
            told = (spec.job_id, spec.spec.base_model, number)
            found.append(Trace(*told, *said, lesson, reward))
    return found


def completions(found: Sequence[Trace]) -> list[Row]:
    """Return a row an idea, with what came of it."""
    return [
        {
            "prompt": _messages(trace.asked),
            "completion": _answer(trace.idea),
            "job_id": trace.job_id,
            "experiment": trace.experiment,
            "base_model": trace.base_model,
            "verdict": trace.lesson.verdict,
            "effect": trace.lesson.effect,
            "effect_stderr": trace.lesson.effect_stderr,
            "reward": trace.reward,
        }
        for trace in found
    ]


def preferences(found: Sequence[Trace]) -> list[Row]:
    """Return a row for each two ideas to the same question of which one clearly did better."""
    rows = []
    for one, other in combinations(found, 2):
        if (one.job_id, one.asked) != (other.job_id, other.asked):
            continue
        ahead = _ahead(one, other) - _ahead(other, one)
        if ahead:
            chosen, rejected = (one, other) if ahead > 0 else (other, one)
            rows.append(
                {
                    "prompt": _messages(one.asked),
                    "chosen": _answer(chosen.idea),
                    "rejected": _answer(rejected.idea),
                    "job_id": one.job_id,
                    "experiments": [chosen.experiment, rejected.experiment],
                    "effects": [chosen.lesson.effect, rejected.lesson.effect],
                }
            )
    return rows


def _lost(request: DiagnoseRequest) -> bool:
    return request.outcome.kind == "failed" and request.outcome.error in NOBODYS_FAULT


def _read(events: Sequence[Event]) -> _Job:
    orders = {one.work_id: one.request for one in events if isinstance(one, WorkOrdered)}
    answers = {one.work_id: one.result for one in events if isinstance(one, WorkEnded)}
    return _Job(orders, answers)


def _said(calls: Sequence[Call], proposal: Proposal) -> tuple[tuple[Message, ...], str] | None:
    """Return what was asked, and the idea that became a proposal; None where it is not kept.

    A reply with a wrong idea beside it counts as well: the right ones of it were used. Of a repair,
    what was asked to begin with is the question.
    """
    asking = [call for call in calls if call.prompt.split(" ")[0] == PROMPT]
    for call in reversed(asking):
        for idea in _ideas(call.reply):
            if _letters(idea.get("hypothesis")) == _letters(proposal.hypothesis):
                return asking[0].asked, json.dumps({"ideas": [idea]}, ensure_ascii=False)
    return None


def _ideas(reply: str) -> list[dict[str, Any]]:
    try:
        said = json.loads(reply[reply.find("{") : reply.rfind("}") + 1])
    except ValueError:
        return []
    ideas = said.get("ideas") if isinstance(said, dict) else None
    return [idea for idea in ideas if isinstance(idea, dict)] if isinstance(ideas, list) else []


def _letters(text: object) -> str:
    """Return what a text says, whatever was done to keep it on one short line."""
    return "".join(sign for sign in str(text) if sign.isalnum())[:200]


def _ahead(one: Trace, other: Trace) -> bool:
    mine, theirs = one.lesson, other.lesson
    if mine.effect is None or theirs.effect is None:
        return mine.verdict in ("better", "same") and theirs.verdict == "failed"
    doubt = math.hypot(mine.effect_stderr or 0.0, theirs.effect_stderr or 0.0)
    return mine.effect - theirs.effect > CONFIDENCE * doubt


def _messages(asked: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": said.role, "content": said.text} for said in asked]


def _answer(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]
