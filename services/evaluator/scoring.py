"""Turns answers into a score with its doubt."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ftbench.metrics.accuracy import accuracy
from ftbench.metrics.estimate import estimate
from ftbench.metrics.exact_match import exact_match
from ftbench.metrics.rouge import rouge
from services.evaluator.scorer import Answer, Scorer
from shared.contracts.job import MetricName
from shared.contracts.run import Progress
from shared.contracts.score import BadCase, Score, ScoreRequest
from shared.errors import DataFailed
from shared.rows import Sample, read_samples, sha256_of

MAX_BAD_CASES = 20


def score(request: ScoreRequest, scorer: Scorer, *, say: Callable[[Progress], None]) -> Score:
    """Answer the rows of a request and score the answers.

    Raises:
        DataFailed: the rows cannot be read, or are not those scored before.
        ScoringFailed: the model cannot be loaded, or the metric does not fit the data.
    """
    started = time.monotonic()
    sha256 = sha256_of(Path(request.data))
    if request.data_sha256 not in (None, sha256):
        raise DataFailed(
            f"{request.data}: wanted the rows the base model was scored on, found that the file "
            "changed since; restore it, or submit a new job"
        )
    samples = list(read_samples(Path(request.data), request.mapping))
    references = [sample.completion for sample in samples]
    items_of(request.metric, references, references)  # a metric that does not fit fails here

    def on_progress(done: int) -> None:
        say(Progress(phase="answering", step=done, steps=len(samples)))

    answers = scorer.answer(
        request.checkpoint,
        request.base_model,
        samples,
        max_new_tokens=request.max_new_tokens,
        on_progress=on_progress,
    )
    items = items_of(request.metric, [answer.text for answer in answers], references)
    measured = estimate(items)
    return Score(
        metric=request.metric,
        split=request.split,
        data_sha256=sha256,
        value=measured.mean,
        stderr=measured.stderr,
        items=tuple(items),
        bad_cases=tuple(_bad_cases(samples, answers, items)) if request.split == "dev" else (),
        empty_share=sum(not answer.text.strip() for answer in answers) / len(answers),
        cut_share=sum(answer.cut for answer in answers) / len(answers),
        engine=scorer.engine,
        seconds=time.monotonic() - started,
    )


def items_of(metric: MetricName, answers: Sequence[str], references: Sequence[str]) -> list[float]:
    """Return the score of each answer, in [0, 1].

    Raises:
        ScoringFailed: nothing to score, or the metric does not fit the references.
    """
    match metric:
        case MetricName.EXACT_MATCH:
            return exact_match(answers, references)
        case MetricName.ACCURACY:
            return accuracy(answers, references)
        case MetricName.ROUGE_1 | MetricName.ROUGE_2 | MetricName.ROUGE_L:
            return rouge(answers, references, metric)


def _bad_cases(
    samples: Sequence[Sample], answers: Sequence[Answer], items: Sequence[float]
) -> list[BadCase]:
    """Return the worst items below full marks, in the order of the data among equals."""
    worst = sorted((i for i, item in enumerate(items) if item < 1.0), key=lambda i: items[i])
    return [
        BadCase(
            prompt=samples[i].prompt[:500],
            expected=samples[i].completion[:200],
            got=answers[i].text[:200],
        )
        for i in worst[:MAX_BAD_CASES]
    ]
