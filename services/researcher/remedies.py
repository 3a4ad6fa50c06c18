"""What the textbook advises for an experiment that fits too little, too much, or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.researcher.evidence import broke_down
from shared.contracts.base import ROOT
from shared.contracts.proposal import Finding
from shared.contracts.run import Trained


@dataclass(frozen=True, slots=True)
class Symptom:
    """Something about an experiment that speaks for some steps and against their opposites."""

    said: str
    """What is the matter, as the end of a sentence that begins with *because*."""
    remedies: Mapping[tuple[str, str], float]
    """Factor and direction to how many times more often it is tried; the opposite less often."""

    def factor_for(self, name: str, toward: str) -> float:
        """Return how many times more often a step should be tried."""
        if (name, toward) in self.remedies:
            return self.remedies[name, toward]
        against = _OPPOSITE.get(toward)
        return 1 / self.remedies.get((name, against), 1.0) if against else 1.0


_OPPOSITE = {"up": "down", "down": "up", "full": "lora", "lora": "full"}

_UNDERFITTING = {
    ("num_train_epochs", "up"): 4.0,
    ("learning_rate", "up"): 4.0,
    ("r", "up"): 2.0,
    ("adapter", "full"): 2.0,
    ("batch_size", "down"): 1.5,
    ("sample", "up"): 2.0,
}
_OVERFITTING = {
    ("num_train_epochs", "down"): 4.0,
    ("learning_rate", "down"): 3.0,
    ("lora_dropout", "up"): 3.0,
    ("weight_decay", "up"): 3.0,
    ("r", "down"): 2.0,
    ("adapter", "lora"): 2.0,
    ("sample", "up"): 2.0,
}
_OUT_OF_TIME = {
    ("num_train_epochs", "down"): 4.0,
    ("batch_size", "up"): 3.0,
    ("sample", "down"): 2.0,
}
_DIVERGED_NEARBY = {("learning_rate", "down"): 4.0, ("warmup_steps", "up"): 2.0}
_WORSE_THAN_BASE = {("learning_rate", "down"): 4.0, ("num_train_epochs", "down"): 2.0}


def symptoms(finding: Finding, findings: Sequence[Finding]) -> list[Symptom]:
    """Return what is the matter with an experiment, judged by itself and by those next to it."""
    who = f"#{finding.experiment}"
    found = []
    lesson = finding.lesson
    if lesson is not None and lesson.fit == "underfitting":
        found.append(Symptom(f"{who} is underfitting", _UNDERFITTING))
    if lesson is not None and lesson.fit == "overfitting":
        found.append(Symptom(f"{who} is overfitting", _OVERFITTING))
    if lesson is not None and lesson.verdict == "worse" and finding.parent == ROOT:
        found.append(Symptom(f"{who} does worse than the base model", _WORSE_THAN_BASE))
    if isinstance(finding.outcome, Trained) and finding.outcome.stopped in ("time", "tokens"):
        limit = "time was up" if finding.outcome.stopped == "time" else "its tokens were used up"
        found.append(Symptom(f"{limit} before the last epoch of {who}", _OUT_OF_TIME))
    broken = next((other for other in findings if _beside(other, finding)), None)
    if broken is not None:
        rate = broken.recipe.method.learning_rate
        said = f"#{broken.experiment} broke down beside it at learning_rate {rate:.3g}"
        found.append(Symptom(said, _DIVERGED_NEARBY))
    return found


def _beside(other: Finding, finding: Finding) -> bool:
    return (
        broke_down(other)
        and other.recipe.adapter.kind == finding.recipe.adapter.kind
        and other.parent in (finding.parent, finding.experiment)
    )
