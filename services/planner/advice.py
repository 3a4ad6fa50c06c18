"""What the researcher's language model has had to do with a job so far. Pure."""

from dataclasses import dataclass

from shared.contracts.brief import Brief
from shared.contracts.counsel import Counsel
from shared.contracts.lesson import Lesson
from shared.contracts.plan import Plan
from shared.contracts.proposal import Proposals
from shared.contracts.work import Result


@dataclass(slots=True)
class Advice:
    """What was asked of a language model, summed over a job's answers."""

    model: str | None = None
    """Who was asked last; None where the researcher has no language model."""
    calls: int = 0
    tokens: int = 0
    """Read and written together."""
    money: float = 0.0
    """In the unit of the researcher's price table."""
    dropped: int = 0
    """Proposals of the model that were wrong, repeated or refuted."""
    fallback: str | None = None
    """Why rules stood in for it in the latest answer; None when they did not."""

    def take(self, result: Result) -> None:
        """Add what a model had to do with an answer; nothing for one that none was asked for."""
        counsel = counsel_of(result)
        if counsel is None:
            return
        self.model = counsel.model
        self.calls += counsel.calls
        self.tokens += counsel.spend.tokens
        self.money += counsel.spend.money
        self.dropped += len(counsel.dropped)
        self.fallback = counsel.fallback


def counsel_of(result: Result) -> Counsel | None:
    """Return what a language model had to do with an answer; None when none was asked."""
    return result.counsel if isinstance(result, Plan | Brief | Proposals | Lesson) else None
