"""Answers by choosing: of all that an answer can be, what the model finds likeliest.

Nothing is generated, so no answer is empty, cut short or of another form.
"""

from collections.abc import Callable, Sequence

from services.evaluator.exam import Exam
from services.evaluator.scorer import Answer, Scorer
from shared.contracts.run import Progress
from shared.contracts.score import ScoreRequest
from shared.errors import ScoringFailed


def choose(
    request: ScoreRequest, exam: Exam, scorer: Scorer, *, say: Callable[[Progress], None]
) -> list[Answer]:
    """Return the option that the model chooses for each question.

    Args:
        request: which model, which options.
        exam: the questions; their right answers are looked at only to refuse what is no option.
        scorer: what weighs the options.
        say: told how far it is.

    Raises:
        ScoringFailed: a right answer is no option, or the model cannot be loaded.
    """
    options, count = request.options, len(exam.questions)
    _refuse_others(request, exam)
    questions = [question for question in exam.questions for _ in options]
    totals: dict[int, float] = {}
    say(Progress(phase="answering", step=0, steps=count))
    batches = scorer.weigh(request.checkpoint, request.base_model, questions, list(options) * count)
    for batch in batches:
        totals |= {i: weighed.total for i, weighed in batch.items()}
        say(Progress(phase="answering", step=len(totals) // len(options), steps=count))
    every = range(len(options))
    return [
        Answer(likeliest(options, [totals[i * len(options) + k] for k in every]), cut=False)
        for i in range(count)
    ]


def likeliest(options: Sequence[str], totals: Sequence[float]) -> str:
    """Return the option with the highest log-probability of all its tokens, the first of equals.

    A sum, not a mean: the end of the answer is among its tokens, so the options are different
    answers whose probabilities add up to one at most, and a long one needs no allowance.

    Args:
        options: what an answer can be.
        totals: of each, in nats.
    """
    return options[max(range(len(options)), key=lambda k: totals[k])]


def _refuse_others(request: ScoreRequest, exam: Exam) -> None:
    for number, expected in enumerate(exam.expected, start=1):
        if expected not in request.options:
            # Of other rows than dev nobody is told what is right.
            found = f"{expected!r} at item {number}" if request.split == "dev" else "another"
            raise ScoringFailed(
                f"wanted every right answer of {request.split} among the options "
                f"{', '.join(map(repr, request.options))}, found {found}; add it to options, or "
                "correct the row"
            )
