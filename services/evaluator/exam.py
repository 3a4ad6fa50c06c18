"""An exam: the questions of one split, and how answers to them are graded.

The only place that opens rows whose answers must stay sealed.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ftbench.metrics.by_name import graded
from ftbench.metrics.estimate import estimate
from ftbench.scoring import Scope, digest_of, in_scope, judge_all, measure
from ftbench.sources import files_of
from ftbench.tasks import get_task
from services.evaluator.grading import grading_of
from services.evaluator.guards.side_tasks import side_items
from services.evaluator.judge import Judge
from services.evaluator.scorer import Conversation
from services.evaluator.shots import with_shots
from shared.contracts.job import SealedSplit, sealed_split
from shared.contracts.score import ScoreRequest, positions
from shared.errors import DataFailed, Rejected, ScoringFailed
from shared.graders.confined import Question
from shared.rows import read_exam, sha256_of_files


@dataclass(frozen=True, slots=True)
class Graded:
    """What a set of answers earned, in the metric's own unit."""

    value: float
    stderr: float | None
    items: tuple[float, ...]
    """Of each answer, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Exam:
    """Questions with what it takes to grade answers to them."""

    questions: Sequence[Conversation]
    expected: Sequence[str]
    """A right answer to each; empty where none is known."""

    sha256: str
    """Of all the split's questions and right answers: scores of other exams cannot be compared."""

    grade: Callable[[Sequence[str]], Graded]


def open_exam(request: ScoreRequest, ftbench_data: Path | None, judge: Judge | None = None) -> Exam:
    """Return the exam that a request names: rows of a file, a sealed split, or a side task.

    Raises:
        DataFailed: the rows cannot be read, or are not those that were scored before; or there are
            too few training rows to show.
        ScoringFailed: the metric or grader does not fit the data, a task's data are not to be had,
            or there is no such side task.
    """
    if request.split == "guard":
        return _of_guard(request)
    sealed = sealed_split(request.data)
    exam = (
        _of_file(request, judge)
        if sealed is None
        else _of_task(sealed, ftbench_data, share=request.item_share)
    )
    if request.data_sha256 not in (None, exam.sha256):
        raise DataFailed(
            f"{request.data}: wanted the rows the base model was scored on, found that they "
            "changed since; restore them, or submit a new job"
        )
    return replace(exam, questions=with_shots(exam.questions, request))


def _of_guard(request: ScoreRequest) -> Exam:
    items = side_items(request.data)
    references = [item.answer for item in items]

    def grade(answers: Sequence[str]) -> Graded:
        earned = graded(request.metric, answers, references)
        measured = estimate(earned)
        return Graded(measured.mean, measured.stderr, tuple(earned))

    return Exam(
        [[{"role": "user", "content": item.prompt}] for item in items],
        references,
        hashlib.sha256(json.dumps(items).encode()).hexdigest(),
        grade,
    )


def _of_file(request: ScoreRequest, judge: Judge | None) -> Exam:
    path = Path(request.data)
    sha256 = sha256_of_files(path)
    every = list(read_exam(path, request.mapping))
    samples = [every[i] for i in positions(len(every), request.item_share)]
    asked = [(sample.prompt, sample.completion) for sample in samples]
    grading = grading_of(request, asked, judge)  # one that does not fit fails here

    def grade(answers: Sequence[str]) -> Graded:
        items = grading(
            [Question(*pair, answer) for pair, answer in zip(asked, answers, strict=True)]
        )
        measured = estimate(items)
        return Graded(measured.mean, measured.stderr, tuple(items))

    expected = [sample.completion for sample in samples]
    return Exam([sample.messages() for sample in samples], expected, sha256, grade)


def _of_task(sealed: SealedSplit, ftbench_data: Path | None, *, share: float) -> Exam:
    try:
        task = get_task(sealed.task)
        loaded = task.load(files_of(task.name, task.source, ftbench_data))
    except Rejected as error:
        # Whoever submitted the job may not see this machine's folders; the search must hear of it.
        raise ScoringFailed(str(error)) from None
    every = in_scope(loaded.items, Scope(sealed.split))
    if not every:
        raise ScoringFailed(
            f"wanted items in {sealed.split} of {sealed.task}, found none; use another split"
        )
    items = [every[i] for i in positions(len(every), share)]

    def grade(answers: Sequence[str]) -> Graded:
        said = dict(zip((item.id for item in items), answers, strict=True))
        judged = judge_all(task, items, said)
        headline = measure(task, items, judged)[task.metric]
        if headline.value is None:
            raise ScoringFailed(
                f"wanted {task.metric} of {sealed.split} of {task.name}, found that its "
                f"{len(items)} items do not give one; use a larger split"
            )
        # A penalty may take an item below zero, which a score may not be.
        value = min(1.0, max(0.0, headline.value))
        return Graded(value, headline.stderr, tuple(max(0.0, one.value) for one in judged))

    return Exam(
        [[message.as_dict() for message in item.messages] for item in items],
        [item.answer or "" for item in items],
        digest_of(every),
        grade,
    )
