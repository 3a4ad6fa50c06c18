"""Turns answers into a score with its doubt."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

from services.evaluator.certificate import certificate_of
from services.evaluator.diagnosis import Marked, confusions_of, faults_of
from services.evaluator.exam import Exam, open_exam
from services.evaluator.judge import Judge
from services.evaluator.kept_scores import KeptScores, key_of
from services.evaluator.options import choose
from services.evaluator.scorer import Answer, Scorer
from shared.contracts.run import Progress
from shared.contracts.score import Score, ScoreRequest
from shared.telemetry.measures import SCORED_ITEMS
from shared.telemetry.spans import span


def score(
    request: ScoreRequest,
    scorer: Scorer,
    *,
    say: Callable[[Progress], None],
    ftbench_data: Path | None = None,
    kept: KeptScores | None = None,
    judge: Judge | None = None,
) -> Score:
    """Answer the questions of a request and score the answers, unless that was done before.

    Args:
        request: which model, which rows, which metric.
        scorer: what generates answers.
        say: told how far it is.
        ftbench_data: folder with the published files of tasks; None to fetch them.
        judge: what grades where the job asks for a language model.
        kept: where scores are looked for and kept; None measures anew.

    Raises:
        DataFailed: the rows cannot be read, or are not those scored before.
        ScoringFailed: the model cannot be loaded, or the metric or grader does not fit the
            data.
        NotCertified: a trained model is not served as it was trained.
    """
    exam = open_exam(request, ftbench_data, judge)
    key = None if kept is None else key_of(request, exam, scorer.engine)
    if kept is None or key is None:
        return _measured(request, exam, scorer, say)
    found = kept.find(key)
    if found is None:
        found = _measured(request, exam, scorer, say)
        kept.keep(key, found)
    return found


def _measured(
    request: ScoreRequest, exam: Exam, scorer: Scorer, say: Callable[[Progress], None]
) -> Score:
    started = time.monotonic()
    with span("certify"):
        certificate = certificate_of(request, scorer, say=say)
    began = time.monotonic()
    with span("answer", {"trex.items": len(exam.questions)}):
        if request.options:
            answers = choose(request, exam, scorer, say=say)
        else:
            answers = _generated(request, exam, scorer, say)
    SCORED_ITEMS.set(len(answers) / max(time.monotonic() - began, 1e-6))
    with span("grade"):
        graded = exam.grade([answer.text for answer in answers])
    likelihood = _likelihood(request, exam, scorer, say) if request.likelihood else None
    # What is shown of other splits would be learned by.
    marked = _marked(exam, answers, graded.items) if request.split == "dev" else []
    return Score(
        metric=request.metric,
        split=request.split,
        data_sha256=exam.sha256,
        value=graded.value,
        stderr=graded.stderr,
        items=graded.items,
        item_share=request.item_share,
        likelihood=likelihood,
        certificate=certificate,
        faults=faults_of(marked),
        confusions=confusions_of(marked),
        empty_share=sum(not answer.text.strip() for answer in answers) / len(answers),
        cut_share=sum(answer.cut for answer in answers) / len(answers),
        engine=scorer.engine,
        seconds=time.monotonic() - started,
    )


def _generated(
    request: ScoreRequest, exam: Exam, scorer: Scorer, say: Callable[[Progress], None]
) -> list[Answer]:
    count = len(exam.questions)
    answered: dict[int, Answer] = {}
    batches = scorer.answer(
        request.checkpoint,
        request.base_model,
        exam.questions,
        max_new_tokens=request.max_new_tokens,
    )
    say(Progress(phase="answering", step=0, steps=count))
    for batch in batches:
        answered |= batch
        say(Progress(phase="answering", step=len(answered), steps=count))
    return [answered[i] for i in range(count)]


def _likelihood(
    request: ScoreRequest, exam: Exam, scorer: Scorer, say: Callable[[Progress], None]
) -> float | None:
    """Return the mean likelihood of the right answers; None when one of them is not known."""
    if not all(exam.expected):
        return None
    found: dict[int, float] = {}
    batches = scorer.weigh(request.checkpoint, request.base_model, exam.questions, exam.expected)
    for batch in batches:
        found |= {i: weighed.likelihood for i, weighed in batch.items()}
        say(Progress(phase="weighing answers", step=len(found), steps=len(exam.questions)))
    return fmean(found.values())


def _marked(exam: Exam, answers: Sequence[Answer], items: Sequence[float]) -> list[Marked]:
    return [
        Marked(question[-1]["content"], expected, answer.text, answer.cut, grade)
        for question, expected, answer, grade in zip(
            exam.questions, exam.expected, answers, items, strict=True
        )
    ]
