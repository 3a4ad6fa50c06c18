"""What researchers keep: what their language model said and cost, and what jobs have taught.

Kept apart from the ledger, which names calls and lessons but does not hold their texts. Two
implementations pass one suite (`tests/suites/notebook.py`): `shared.notebook_redis.RedisNotebook`
for the running system and `shared.notebook_memory.MemoryNotebook` for tests and simulations.

What both promise:

* What a call may cost is reserved before it is put, in one step for the job and the day, so that
  callers at the same time never pass a cap together by more than what they had reserved. What is
  not settled, because a worker died, stays counted.
* Calls are kept in the order of `keep`, and by all attempts at a piece of work: each was paid for.
* A lesson is banked once; banking it again changes nothing that a person wrote.
"""

from typing import Protocol

from shared.contracts.base import JobId, WorkId
from shared.contracts.counsel import Call, Caps, Spend
from shared.contracts.lesson import BankedLesson


class Notebook(Protocol):
    """The researcher's memory, and what the planner shows of it."""

    def reserve(
        self, job_id: JobId, day: str, most: Spend, *, job: Caps, daily: Caps
    ) -> str | None:
        """Set aside what a call may cost at most. Return None, or which cap it would pass.

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
        """Keep a lesson for jobs to come. One of that id stays as it is."""
        ...

    def lessons(self) -> tuple[BankedLesson, ...]:
        """Return every lesson, the oldest first."""
        ...

    def edit(self, lesson_id: str, *, note: str | None, ignored: bool) -> BankedLesson:
        """Replace what a person says about a lesson, and return it.

        Raises:
            Unknown: there is no such lesson.
        """
        ...

    def forget(self, lesson_id: str) -> None:
        """Remove a lesson for good. Removing it twice changes nothing."""
        ...
