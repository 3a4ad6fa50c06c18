"""The notebook in this process's memory: for tests and simulations. Nothing survives."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal

from shared.contracts.base import JobId, WorkId
from shared.contracts.counsel import Call, Caps, Spend
from shared.contracts.lesson import BankedLesson, Remark
from shared.notebook import MOST_CALLS, amount_of, cap_words, nanos, no_lesson


@dataclass(slots=True)
class _Account:
    tokens: int = 0
    money: int = 0

    def add(self, spend: Spend, *, times: int = 1) -> None:
        self.tokens += times * spend.tokens
        self.money += times * nanos(spend.money)


class MemoryNotebook:
    """`shared.notebook.Notebook` in memory. Threads may share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._jobs: defaultdict[JobId, _Account] = defaultdict(_Account)
        self._days: defaultdict[str, _Account] = defaultdict(_Account)
        self._calls: defaultdict[tuple[JobId, WorkId], list[Call]] = defaultdict(list)
        self._lessons: dict[str, BankedLesson | None] = {}
        self._remarks: defaultdict[str, dict[str, Any]] = defaultdict(dict)

    def reserve(
        self, job_id: JobId, day: str, most: Spend, *, job: Caps, daily: Caps
    ) -> str | None:
        """See `shared.notebook.Notebook.reserve`."""
        with self._lock:
            ours, todays = self._jobs[job_id], self._days[day]
            for words in (
                *_in_the_way("job", ours, most, job),
                *_in_the_way("day", todays, most, daily),
            ):
                return words
            ours.add(most)
            todays.add(most)
        return None

    def settle(self, job_id: JobId, day: str, most: Spend, spent: Spend) -> None:
        """See `shared.notebook.Notebook.settle`."""
        with self._lock:
            for account in (self._jobs[job_id], self._days[day]):
                account.add(most, times=-1)
                account.add(spent)

    def spent(self, job_id: JobId) -> Spend:
        """See `shared.notebook.Notebook.spent`."""
        account = self._jobs[job_id]
        return amount_of(account.tokens, account.money)

    def spent_on(self, day: str) -> Spend:
        """See `shared.notebook.Notebook.spent_on`."""
        account = self._days[day]
        return amount_of(account.tokens, account.money)

    def keep(self, job_id: JobId, work_id: WorkId, call: Call) -> None:
        """See `shared.notebook.Notebook.keep`."""
        calls = self._calls[job_id, work_id]
        if call not in calls:
            calls.append(call)
            del calls[:-MOST_CALLS]

    def calls(self, job_id: JobId, work_id: WorkId) -> tuple[Call, ...]:
        """See `shared.notebook.Notebook.calls`."""
        return tuple(self._calls[job_id, work_id])

    def bank(self, lesson: BankedLesson) -> None:
        """See `shared.notebook.Notebook.bank`."""
        with self._lock:
            if self._lessons.get(lesson.id, lesson) is not None:
                self._lessons[lesson.id] = lesson

    def lessons(self) -> tuple[BankedLesson, ...]:
        """See `shared.notebook.Notebook.lessons`."""
        with self._lock:
            there = [self._remarked(lesson) for lesson in self._lessons.values() if lesson]
        return tuple(sorted(there, key=lambda lesson: (lesson.at, lesson.id)))

    def edit(self, lesson_id: str, remark: Remark) -> BankedLesson:
        """See `shared.notebook.Notebook.edit`."""
        with self._lock:
            lesson = self._lessons.get(lesson_id)
            if lesson is None:
                raise no_lesson(lesson_id)
            self._remarks[lesson_id].update(remark.model_dump(exclude_unset=True))
            return self._remarked(lesson)

    def forget(self, lesson_id: str) -> None:
        """See `shared.notebook.Notebook.forget`."""
        with self._lock:
            if lesson_id not in self._lessons:
                raise no_lesson(lesson_id)
            self._lessons[lesson_id] = None
            self._remarks.pop(lesson_id, None)

    def _remarked(self, lesson: BankedLesson) -> BankedLesson:
        return lesson.model_copy(update=self._remarks.get(lesson.id, {}))


def _in_the_way(
    whose: Literal["job", "day"], account: _Account, most: Spend, caps: Caps
) -> Iterator[str]:
    if caps.tokens is not None and account.tokens + most.tokens > caps.tokens:
        yield cap_words(whose, "tokens", caps, account.tokens)
    if caps.money is not None and account.money + nanos(most.money) > nanos(caps.money):
        yield cap_words(whose, "money", caps, account.money)
