"""Turns a finished experiment into a lesson: better than its parent or not, and why."""

from typing import Literal

from services.researcher.curves import Fit, Reading, read_curves
from services.researcher.faults import fault_words
from shared.comparison import CONFIDENCE, paired_difference
from shared.contracts.base import ROOT
from shared.contracts.lesson import DiagnoseRequest, Lesson
from shared.contracts.run import Failed, Stopped, Trained

_ADVICE: dict[Fit, str] = {
    "underfitting": "train longer, at a higher learning rate or with more capacity next",
    "overfitting": "train shorter, at a lower learning rate or with more regularisation next",
    "healthy": "the fit leaves nothing to mend, so look at other factors next",
    "unknown": "let the score decide",
}

_ENDED: dict[Stopped, str] = {
    "time": ", and time was up before its last epoch",
    "tokens": ", and its tokens were used up before its last epoch",
    "patience": ", and it ended when its held-out loss had stopped falling",
    "diverged": ", and its loss became NaN or infinite, so that earlier weights were scored",
}


def diagnose(request: DiagnoseRequest) -> Lesson:
    """Return the paired comparison with the parent, and what loss curves and answers say."""
    if isinstance(request.outcome, Failed):
        return _of_failure(request, request.outcome)
    effect, stderr = _effect(request)
    verdict = _verdict(effect, stderr)
    reading = read_curves(request.outcome)
    return Lesson(
        verdict=verdict,
        fit=reading.fit,
        effect=effect,
        effect_stderr=stderr,
        sentence=_sentence(request, request.outcome, verdict, (effect, stderr), reading),
    )


def _effect(request: DiagnoseRequest) -> tuple[float | None, float | None]:
    if request.score is None or request.parent_score is None:
        return None, None
    return paired_difference(request.score, request.parent_score)


def _verdict(effect: float | None, stderr: float | None) -> Literal["better", "worse", "same"]:
    if effect is None or stderr is None or effect == 0 or abs(effect) < CONFIDENCE * stderr:
        return "same"
    return "better" if effect > 0 else "worse"


def _of_failure(request: DiagnoseRequest, failed: Failed) -> Lesson:
    rate = request.recipe.method.learning_rate
    mend = f"; try a learning_rate below {rate:.3g}" if failed.error == "Diverged" else ""
    return Lesson(
        verdict="failed",
        fit="unknown",
        effect=None,
        effect_stderr=None,
        sentence=f"#{request.experiment} failed with {failed.error}: {failed.detail}{mend}",
    )


def _sentence(
    request: DiagnoseRequest,
    trained: Trained,
    verdict: str,
    measured: tuple[float | None, float | None],
    reading: Reading,
) -> str:
    parent = "the base model" if request.parent == ROOT else f"its parent #{request.parent}"
    effect, stderr = measured
    doubt = f" ± {CONFIDENCE * stderr:.3f}" if stderr is not None else ""
    if request.score is None or effect is None:
        compared = f"#{request.experiment} has no score to compare with {parent}"
    elif verdict == "same":
        compared = (
            f"#{request.experiment} scored {request.score.value:.3f}, no clear difference from "
            f"{parent} ({effect:+.3f}{doubt})"
        )
    else:
        compared = (
            f"#{request.experiment} scored {request.score.value:.3f}, {abs(effect):.3f}{doubt} "
            f"{'above' if effect > 0 else 'below'} {parent}"
        )
    # Against the base model everything differs, so nothing in particular made the difference.
    what = f" after {', '.join(request.changed)}" if request.changed and request.parent else ""
    early = _ENDED.get(trained.stopped, "")
    faults = fault_words(request.score) if request.score is not None else ""
    return f"{compared}{what}; {reading.said}{early}{faults}; {_ADVICE[reading.fit]}."
