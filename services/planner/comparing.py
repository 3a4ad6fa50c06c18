"""Scores without their items, and two of them side by side. Pure."""

from shared.comparison import better, paired_difference
from shared.contracts.score import Score
from shared.contracts.views import Comparison, ScoreView


def score_view(score: Score) -> ScoreView:
    """Return a score without its items."""
    return ScoreView(
        metric=score.metric,
        value=score.value,
        stderr=score.stderr,
        n=score.n,
        engine=score.engine,
        certificate=score.certificate,
    )


def compare(base: Score, best: Score) -> Comparison:
    """Return how much better the best is.

    Raises:
        ValueError: the scores are not on the same rows.
    """
    difference, stderr = paired_difference(best, base)
    return Comparison(
        split=best.split,
        base=score_view(base),
        best=score_view(best),
        difference=difference,
        stderr=stderr,
        probability=better(best, base),
    )


def difference_words(found: Comparison) -> str:
    """Say the difference with its 95 % interval."""
    interval = found.interval
    doubt = f" [{interval[0]:+.3f}, {interval[1]:+.3f}]" if interval else ""
    return f"{found.difference:+.3f}{doubt}"


def score_words(score: ScoreView) -> str:
    """Say a score with its standard error."""
    doubt = f" ± {score.stderr:.3f}" if score.stderr is not None else ""
    return f"{score.value:.3f}{doubt} {score.metric}"


def probability_words(probability: float) -> str:
    """Say a probability; none that is reckoned from items is a certainty."""
    if probability > 0.99:
        return "over 0.99"
    return f"{probability:.2f}" if probability >= 0.01 else "below 0.01"
