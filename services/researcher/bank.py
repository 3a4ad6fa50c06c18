"""The lesson bank: what experiments taught that other jobs may want to know, and its sum.

Everything measured is kept, what did harm and what failed included. How far a lesson bears on
another job is decided when it is looked up, so that a better rule needs no new lessons.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from services.researcher.changes import changes
from services.researcher.evidence import failed_by_itself
from services.researcher.families import UNKNOWN, base_family
from services.researcher.pooling import Effect, pooled
from shared.comparison import CONFIDENCE
from shared.contracts.base import ROOT, JobId
from shared.contracts.brief import TaskType
from shared.contracts.job import MetricName
from shared.contracts.lesson import BankedLesson, DiagnoseRequest, Lesson
from shared.contracts.proposal import ProposeRequest

__all__ = ["Experience", "Verdict", "banked", "base_family", "bearing_on", "relevant"]

Verdict: TypeAlias = Literal["helps", "harms", "unclear"]

LEAST_TRIES = 3
"""Experiments below which no verdict is clear."""

_FAMILY_WEIGHT = 0.7
_OTHER_FAMILY_WEIGHT = 0.3
_TOGETHER_WEIGHT = 0.5  # where more than one factor was changed, the effect may be another's


def banked(
    request: DiagnoseRequest, lesson: Lesson, *, family: str, at: float
) -> tuple[BankedLesson, ...]:
    """Return a lesson for each factor that an experiment changed of its parent's recipe.

    None for a fresh start from the base model, of which everything differs, and none where nothing
    was measured or a machine was to blame.

    Args:
        request: what was asked to be explained.
        lesson: what it taught.
        family: of the base model; see `base_family`.
        at: now, in seconds since 1970.
    """
    if request.parent == ROOT or request.parent_recipe is None or request.metric is None:
        return ()
    if lesson.effect is None and not failed_by_itself(request.outcome):
        return ()
    changed = changes(request.parent_recipe, request.recipe)
    return tuple(
        BankedLesson(
            id=f"{request.job_id}/{request.experiment}/{change.factor}",
            job_id=request.job_id,
            experiment=request.experiment,
            task_type=request.task_type,
            metric=request.metric,
            base_model=request.recipe.base_model,
            base_family=family,
            base_parameters=request.base_parameters,
            factor=change.factor,
            before=change.before,
            after=change.after,
            toward=change.toward,
            alone=len(changed) == 1,
            effect=lesson.effect,
            effect_stderr=lesson.effect_stderr,
            cause=lesson.cause or lesson.sentence,
            at=at,
        )
        for change in changed
    )


@dataclass(frozen=True, slots=True)
class Experience:
    """What the lessons on one change add up to."""

    factor: str
    toward: str
    tries: int
    """Experiments, the failed ones included."""
    failed: int
    jobs: int
    effect: float | None
    """Mean effect on the score; None where none was measured."""
    stderr: float | None
    """Its standard error."""
    verdict: Verdict
    evidence: tuple[str, ...]
    """The lessons' ids, ``JOB/EXPERIMENT/FACTOR``, the oldest first."""
    notes: tuple[str, ...]
    """What persons have added."""

    @property
    def sentence(self) -> str:
        """For example ``learning_rate up: tried 7 times in 3 jobs, +0.003 ± 0.009, unclear``."""
        failed = f", {self.failed} of them failed" if self.failed else ""
        measured = ""
        if self.effect is not None and self.stderr is not None:
            measured = f", {self.effect:+.3f} ± {CONFIDENCE * self.stderr:.3f}"
        return (
            f"{self.factor} {self.toward}: tried {_times(self.tries)} in {_jobs(self.jobs)}"
            f"{failed}{measured}, {self.verdict}"
        )


def relevant(
    lessons: Iterable[BankedLesson],
    *,
    task_type: TaskType,
    base_family: str,
    base_model: str,
    metric: MetricName,
    but: JobId | None = None,
) -> tuple[Experience, ...]:
    """Return what lessons of like jobs add up to, one for each change, the most tried first.

    Like jobs want the same kind of answer and judge it by the same metric. Their lessons count in
    full for the same base model, less for its family, and less again for another one.

    Args:
        lessons: what is banked; what a person wants to be ignored is passed over.
        task_type: of the job that asks.
        base_family: likewise.
        base_model: likewise.
        metric: likewise.
        but: a job whose lessons are passed over, because it sees its own experiments anyway.
    """
    groups: defaultdict[tuple[str, str], list[BankedLesson]] = defaultdict(list)
    for lesson in lessons:
        alike = lesson.task_type == task_type and lesson.metric == metric
        if alike and not lesson.ignored and lesson.job_id != but:
            groups[lesson.factor, lesson.toward].append(lesson)
    found = [_experience(group, base_family, base_model) for group in groups.values()]
    return tuple(sorted(found, key=lambda one: (-one.tries, one.factor, one.toward)))


def bearing_on(request: ProposeRequest, lessons: Iterable[BankedLesson]) -> tuple[Experience, ...]:
    """Return what lessons of other jobs add up to for the job of a request."""
    return relevant(
        lessons,
        task_type=request.brief.task_type,
        base_family=base_family(request.context.base_model),
        base_model=request.context.base_model,
        metric=request.context.metric,
        but=request.job_id,
    )


def _experience(group: Sequence[BankedLesson], base_family: str, base_model: str) -> Experience:
    lessons = sorted(group, key=lambda lesson: (lesson.at, lesson.id))
    effects = [
        Effect(lesson.effect, lesson.effect_stderr, _weight(lesson, base_family, base_model))
        for lesson in lessons
        if lesson.effect is not None and lesson.effect_stderr is not None
    ]
    effect, stderr = pooled(effects) if effects else (None, None)
    failed = sum(lesson.effect is None for lesson in lessons)
    return Experience(
        factor=lessons[0].factor,
        toward=lessons[0].toward,
        tries=len(lessons),
        failed=failed,
        jobs=len({lesson.job_id for lesson in lessons}),
        effect=effect,
        stderr=stderr,
        verdict=_verdict(len(effects), failed, effect, stderr),
        evidence=tuple(lesson.id for lesson in lessons),
        notes=tuple(lesson.note for lesson in lessons if lesson.note),
    )


def _weight(lesson: BankedLesson, base_family: str, base_model: str) -> float:
    together = 1.0 if lesson.alone else _TOGETHER_WEIGHT
    if lesson.base_model == base_model:
        return together
    alike = lesson.base_family == base_family != UNKNOWN
    return together * (_FAMILY_WEIGHT if alike else _OTHER_FAMILY_WEIGHT)


def _verdict(measured: int, failed: int, effect: float | None, stderr: float | None) -> Verdict:
    if failed >= LEAST_TRIES and failed > measured:
        return "harms"
    if measured < LEAST_TRIES or effect is None or stderr is None:
        return "unclear"
    if abs(effect) <= CONFIDENCE * stderr:
        return "unclear"
    return "helps" if effect > 0 else "harms"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
