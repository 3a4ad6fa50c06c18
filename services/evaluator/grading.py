"""How answers are judged: by the metric that a request names, or by what its job brings along."""

from collections.abc import Sequence
from functools import partial

from ftbench.metrics.by_name import graded
from shared.contracts.job import MetricName
from shared.contracts.score import ScoreRequest
from shared.graders.confined import Question, confined_grades
from shared.graders.rehearsal import Grading, rehearse


def grading_of(request: ScoreRequest, pairs: Sequence[tuple[str, str]]) -> Grading:
    """Return what grades answers, after it has been tried on the references.

    Args:
        request: which metric or grader.
        pairs: the prompts of the split, each with its reference.

    Raises:
        ScoringFailed: the metric does not fit the references, or the grader does not find them
            right and empty answers wrong.
    """
    if request.grader is None:
        grading = partial(_measured, request.metric)
        grading([Question(prompt, reference, reference) for prompt, reference in pairs])
        return grading
    grading = partial(confined_grades, request.grader)
    rehearse(grading, pairs)
    return grading


def _measured(metric: MetricName, questions: Sequence[Question]) -> list[float]:
    answers, references = [one.answer for one in questions], [one.reference for one in questions]
    return graded(metric, answers, references)
