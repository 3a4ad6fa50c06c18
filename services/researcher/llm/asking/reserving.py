"""Reserves what a question may cost before it is put."""

from dataclasses import dataclass
from datetime import UTC, datetime

from services.researcher.llm.adviser import CapReached
from shared.contracts.base import JobId
from shared.contracts.counsel import Caps, Spend
from shared.notebook import Notebook
from shared.settings import Price, ResearcherSettings

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Reserved:
    """What a question may cost, set aside."""

    day: str
    most: Spend


@dataclass(frozen=True, slots=True)
class Purse:
    """Pays for a job's questions, from what the job and the day have left."""

    notebook: Notebook
    job_id: JobId
    job: Caps
    daily: Caps
    price: Price | None

    @classmethod
    def of(
        cls, notebook: Notebook, job_id: JobId, caps: Caps, settings: ResearcherSettings
    ) -> "Purse":
        """Return the purse of a job under a researcher's settings."""
        daily = Caps(tokens=settings.tokens_per_day, money=settings.money_per_day)
        return cls(notebook, job_id, caps, daily, settings.prices.get(settings.model or ""))

    def cost(self, read: int, written: int) -> Spend:
        """Return what so many tokens cost."""
        price = self.price or Price(input=0.0, output=0.0)
        money = (read * price.input + written * price.output) / MILLION
        return Spend(tokens=read + written, money=money)

    def reserve(self, most: Spend, *, at: float) -> Reserved:
        """Set aside what a question may cost, at a time in seconds since 1970.

        Raises:
            CapReached: that would pass a cap, or a cap on money has no price to go by.
        """
        if self.job.money is not None and self.price is None:
            raise CapReached(
                "wanted the model's price because the job's money is capped, found none; add it to "
                "TREX_RESEARCHER_PRICES, or cap budget.llm_tokens instead"
            )
        day = datetime.fromtimestamp(at, UTC).date().isoformat()
        passed = self.notebook.reserve(self.job_id, day, most, job=self.job, daily=self.daily)
        if passed is not None:
            raise CapReached(
                f"wanted up to {most.tokens:,} tokens for a question, found that this would pass "
                f"{passed}; raise the cap, or let rules go on"
            )
        return Reserved(day, most)

    def settle(self, reserved: Reserved, spent: Spend) -> None:
        """Replace what was set aside by what was spent."""
        self.notebook.settle(self.job_id, reserved.day, reserved.most, spent)
