"""How answers are judged: by the metric that a request names, or by what its job brings along."""

from collections.abc import Callable, Sequence
from functools import partial
from statistics import fmean
from typing import ParamSpec, TypeVar

from ftbench.metrics.by_name import graded
from services.evaluator.judge import Judge, JudgeRefused
from shared.contracts.grader import Grader, JudgeGrader
from shared.contracts.job import MetricName
from shared.contracts.score import ScoreRequest
from shared.errors import ScoringFailed
from shared.graders.confined import Question, Unconfined, confined_grades
from shared.graders.rehearsal import TRIED, Grading, rehearse

P = ParamSpec("P")
T = TypeVar("T")

LEAST = 0.8
"""What a judge must give the first references on the average; whole marks are too much to ask."""


def grading_of(
    request: ScoreRequest, pairs: Sequence[tuple[str, str]], judge: Judge | None
) -> Grading:
    """Return what grades answers, after it has been tried on the references.

    Args:
        request: which metric or grader.
        pairs: the prompts of the split, each with its reference.
        judge: the language model to ask where the grader is one; None where there is none.

    Raises:
        ScoringFailed: the metric does not fit the references, the grader does not find them right
            and empty answers wrong, or there is no judge.
        Unavailable: the judge is away.
    """
    if request.grader is None:
        measured = partial(_measured, request.metric)
        measured([Question(prompt, reference, reference) for prompt, reference in pairs])
        return measured
    if isinstance(request.grader, JudgeGrader) and judge is None:
        raise ScoringFailed(
            "grader: wanted a judge to ask, found none; set TREX_JUDGE_URL, and TREX_JUDGE_KEY if "
            "it wants one, for the evaluator"
        )
    tried = partial(_tried, request.grader, pairs, judge)
    if request.split == "dev":
        return tried()
    return _discreet(_discreet(tried, request.split)(), request.split)


def _tried(grader: Grader, pairs: Sequence[tuple[str, str]], judge: Judge | None) -> Grading:
    if isinstance(grader, JudgeGrader):
        assert judge is not None
        return _judged(grader, pairs, judge)
    confined = partial(confined_grades, grader)
    rehearse(confined, pairs)
    return confined


def _discreet(work: Callable[P, T], split: str) -> Callable[P, T]:
    """Return work that fails without a word of a row: a grader may raise what it was shown."""

    def discreet(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except Unconfined:  # in its own words: the process may have been made to say others
            raise Unconfined(
                "wanted a machine that can confine a grader, found none; score on Linux with "
                "libseccomp.so.2"
            ) from None
        except JudgeRefused:
            raise ScoringFailed(
                f"grader: wanted a judge that answers, found that its server refuses questions of "
                f"{split}; score dev with it, where the reason is told"
            ) from None
        except ScoringFailed:
            raise ScoringFailed(
                f"grader: wanted a grade from 0 to 1 for each row of {split}, found none for some; "
                "which is not told, so correct the grader on dev rows like them"
            ) from None

    return discreet


def _measured(metric: MetricName, questions: Sequence[Question]) -> list[float]:
    answers, references = [one.answer for one in questions], [one.reference for one in questions]
    return graded(metric, answers, references)


def _judged(grader: JudgeGrader, pairs: Sequence[tuple[str, str]], judge: Judge) -> Grading:
    grading = partial(judge.grades, grader)
    tried = [Question(prompt, reference, reference) for prompt, reference in pairs[:TRIED]]
    mean = fmean(grading(tried))
    if mean < LEAST:
        raise ScoringFailed(
            f"grader: wanted a judge that gives the first {len(tried)} references {LEAST:g} on the "
            f"average, found {mean:.2f}; make the criterion clearer or name another model"
        )
    return grading
