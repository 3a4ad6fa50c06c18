"""Numbers and foreign text as a person reads them in a terminal. Pure."""

from shared.contracts.job import Budget
from shared.contracts.run import Progress
from shared.contracts.score import Score
from shared.contracts.views import ScoreView, Spent


def clean(text: str) -> str:
    """Return text on one line, without signs that could steer a terminal.

    Failures and samples quote files and models, and those may hold anything.
    """
    return "".join(sign if sign.isprintable() else " " for sign in text)


def score_words(score: ScoreView | Score | None) -> str:
    """Return a score with its standard error, for example ``0.912 ± 0.016``."""
    if score is None:
        return "–"
    return f"{score.value:.3f}" + ("" if score.stderr is None else f" ± {score.stderr:.3f}")


def duration_words(seconds: float) -> str:
    """Return seconds as ``42 s``, ``3:07 min`` or ``2:05 h``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"


def progress_words(progress: Progress) -> str:
    """Return where a piece of work stands: phase, steps, loss, pace and time left."""
    parts = [progress.phase]
    if progress.steps:
        parts[0] += f" {progress.step}/{progress.steps}"
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.3f}")
    if progress.tokens_per_s is not None:
        parts.append(f"{progress.tokens_per_s:,.0f} tokens/s")
    if progress.eta_s is not None:
        parts.append(f"{duration_words(progress.eta_s)} left")
    return ", ".join(parts)


def spent_words(spent: Spent, budget: Budget) -> str:
    """Return what a job has used of what it may use: of experiments, a budget counts full runs."""
    parts = [
        f"{runs_words(spent)} of {budget.experiments} full runs, {spent.experiments} experiments",
        f"{_of(spent.gpu_seconds, budget.gpu_seconds)} of training",
        f"{_of(spent.wall_clock_s, budget.wall_clock_s)} in all",
        *([counsel_words(spent, budget)] if spent.llm_calls else []),
    ]
    return " · ".join(parts)


def counsel_words(spent: Spent, budget: Budget) -> str:
    """Return what the researcher's language model has read, written and cost."""
    cap = "" if budget.llm_tokens is None else f" of {budget.llm_tokens:,}"
    words = f"language model {spent.llm_tokens:,}{cap} tokens"
    if not spent.money and budget.money is None:
        return words
    money = "" if budget.money is None else f" of {budget.money:g}"
    return f"{words}, money {spent.money:.4g}{money}"


def runs_words(spent: Spent) -> str:
    """Return how many full runs were launched, to a tenth: ``3`` or ``6.2``."""
    return f"{round(spent.runs, 1):g}"


def _of(used: float, allowed: float | None) -> str:
    limit = "" if allowed is None else f" of {duration_words(allowed)}"
    return duration_words(used) + limit
