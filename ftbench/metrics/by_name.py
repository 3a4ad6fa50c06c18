"""The metrics that a job can name, by their names."""

from collections.abc import Sequence

from ftbench.metrics.accuracy import accuracy
from ftbench.metrics.exact_match import exact_match
from ftbench.metrics.rouge import rouge
from shared.contracts.job import MetricName
from shared.errors import ScoringFailed


def graded(metric: MetricName, answers: Sequence[str], references: Sequence[str]) -> list[float]:
    """Return the score of each answer, in [0, 1].

    Raises:
        ScoringFailed: the metric does not fit the references, or is that of a task, which grades
            its own sealed items.
    """
    match metric:
        case MetricName.EXACT_MATCH:
            return exact_match(answers, references)
        case MetricName.ACCURACY:
            return accuracy(answers, references)
        case MetricName.ROUGE_1 | MetricName.ROUGE_2 | MetricName.ROUGE_L:
            return rouge(answers, references, metric)
        case MetricName.FTBENCH:
            raise ScoringFailed("metric ftbench wanted a sealed split of a task, found a file")
        case MetricName.GRADER:
            raise ScoringFailed("metric grader wanted the job's own grader, found none")
