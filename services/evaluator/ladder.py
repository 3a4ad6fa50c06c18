"""What a job is told about rows that it will look at again: as much as it needs. Pure."""

import math

from shared.contracts.score import Score


def told_coarsely(score: Score) -> Score:
    """Return a score rounded to about half its standard error, all else about its rows withheld.

    The step is the largest power of two, ``2^-k``, that is no larger than half of the standard
    error; a step that followed it closely would tell the value by itself, for where items are right
    or wrong the one is a function of the other. The standard error is rounded to half a step.
    Rounding adds a variance of at most ``(stderr / 2)^2 / 12``, which is a 48th, 2 %, of the one
    there is already. A score without a standard error, or of one that is 0, is told as it is.

    Source: Blum and Hardt, "The Ladder", 2015, arXiv 1502.04585, section 3: only what stands out
    against the noise is told. There the best score so far is told; here each, rounded, as the
    finalists are to be compared.
    """
    withheld: dict[str, object] = {
        "items": (),
        "withheld": score.n,
        "likelihood": None,
        "faults": (),
        "confusions": (),
    }
    if not score.stderr:
        return score.model_copy(update=withheld)
    step = 2.0 ** math.floor(math.log2(score.stderr / 2))
    rounded = {
        "value": min(1.0, round(score.value / step) * step),
        "stderr": round(score.stderr / (step / 2)) * (step / 2),
    }
    return score.model_copy(update=withheld | rounded)
