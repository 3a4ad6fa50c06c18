"""What researchers keep: what their language model said and cost, and what jobs have taught.

Kept apart from the ledger, which names calls and lessons but does not hold their texts. Two
implementations pass one suite (`tests/suites/notebook.py`): `shared.notebook_redis.RedisNotebook`
for the running system and `shared.notebook_memory.MemoryNotebook` for tests and simulations.

What both promise:

* What a call may cost is reserved before it is put, in one step for the job and the day, so that
  callers at the same time never pass a cap together by more than what they had reserved. What is
  not settled, because a worker died, stays counted.
* Calls are kept in the order of `keep`, and by all attempts at a piece of work: each was paid for.
  Of a piece of work the latest `MOST_CALLS` are kept.
* Of the lessons banked under one id the latest is kept: an experiment is measured again as its runs
  become longer. That changes nothing that a person said, and brings nothing back that one removed.
"""

from typing import Literal, Protocol

from shared.contracts.base import JobId, WorkId
from shared.contracts.counsel import Call, Caps, Spend
from shared.contracts.lesson import BankedLesson, Remark
from shared.errors import Unknown

MOST_CALLS = 200
"""Calls kept of one piece of work; the oldest go first."""

NANO = 1_000_000_000
"""Accounts are kept in whole billionths of the unit of money: a sum of floats would drift."""


class Notebook(Protocol):
    """The researcher's memory, and what the planner shows of it."""

    def reserve(
        self, job_id: JobId, day: str, most: Spend, *, job: Caps, daily: Caps
    ) -> str | None:
        """Set aside what a call may cost at most. Return None, or which cap it would pass.

        For example ``the day's cap of 20,000 tokens, of which 19,500 are spent or set aside``.

        Args:
            job_id: whose call it is.
            day: by UTC, for example ``2026-11-26``.
            most: what it may cost.
            job: what all calls of the job may cost.
            daily: what all calls of the day may cost.
        """
        ...

    def settle(self, job_id: JobId, day: str, most: Spend, spent: Spend) -> None:
        """Replace what was set aside by what a call did cost."""
        ...

    def spent(self, job_id: JobId) -> Spend:
        """Return what a job's calls cost, the ones under way at their most."""
        ...

    def spent_on(self, day: str) -> Spend:
        """Return what the calls of a day cost, the ones under way at their most."""
        ...

    def keep(self, job_id: JobId, work_id: WorkId, call: Call) -> None:
        """Keep a call and its reply."""
        ...

    def calls(self, job_id: JobId, work_id: WorkId) -> tuple[Call, ...]:
        """Return the calls that a piece of work took, the oldest first; empty for unknown work."""
        ...

    def bank(self, lesson: BankedLesson) -> None:
        """Keep a lesson for jobs to come, in place of an earlier one of its id.

        What a person said about that one stays, and one that was forgotten stays forgotten.
        """
        ...

    def lessons(self) -> tuple[BankedLesson, ...]:
        """Return every lesson, the oldest first."""
        ...

    def edit(self, lesson_id: str, remark: Remark) -> BankedLesson:
        """Say something about a lesson, and return it. What the remark does not give stays.

        Raises:
            Unknown: there is no such lesson.
        """
        ...

    def forget(self, lesson_id: str) -> None:
        """Remove a lesson for good. Removing it twice changes nothing.

        Raises:
            Unknown: there never was such a lesson.
        """
        ...


def nanos(money: float) -> int:
    """Return money in whole billionths of its unit."""
    return round(money * NANO)


def amount_of(tokens: int, money_nanos: int) -> Spend:
    """Return what an account holds. Never below nothing, though one may have been emptied."""
    return Spend(tokens=max(0, tokens), money=max(0, money_nanos) / NANO)


def cap_words(
    whose: Literal["job", "day"], unit: Literal["tokens", "money"], caps: Caps, spent: int
) -> str:
    """Say which cap is in the way.

    Args:
        whose: the job's or the day's.
        unit: which of the two caps.
        caps: both.
        spent: what is spent of it or set aside, money in billionths.
    """
    if unit == "tokens":
        return (
            f"the {whose}'s cap of {caps.tokens:,} tokens, of which {spent:,} are spent or set "
            "aside"
        )
    return (
        f"the {whose}'s cap of {caps.money:g} in money, of which {spent / NANO:.6g} is spent or "
        "set aside"
    )


def no_lesson(lesson_id: str) -> Unknown:
    """Return what to raise about an id that no lesson has."""
    return Unknown(f"wanted the id of a lesson, found {lesson_id!r}; `trex lessons` lists them")
