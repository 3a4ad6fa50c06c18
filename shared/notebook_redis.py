"""The notebook in Redis: accounts are counters, calls are lists, lessons are one hash.

As in `shared.store_redis`, every write that must not happen twice is one script of ``shared/lua``,
because redis-py sends a command again after a timeout. All accounts share a hash tag, because a
script counts for a job and for a day at once; calls share their job's, lessons have one of theirs.
"""

import uuid
from typing import Any, cast

import redis

from shared.contracts.base import JobId, WorkId
from shared.contracts.counsel import Call, Caps, Spend
from shared.contracts.lesson import BankedLesson, Remark
from shared.notebook import MOST_CALLS, amount_of, cap_words, nanos, no_lesson
from shared.store_redis import reaching, scripts

DAY_LIFETIME_S = 7 * 24 * 3600
"""How long a day's account is kept after its last call."""

ONCE_LIFETIME_S = 3600
"""How long it is known that a reservation was made: far longer than a command is sent again."""

_LESSONS = "trex:{lessons}:banked"
_REMARKS = "trex:{lessons}:remarks"  # apart, so that banking a lesson again loses none


class RedisNotebook:
    """`shared.notebook.Notebook` over one Redis-compatible server. Threads may share it."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._scripts = scripts(client)

    def reserve(
        self, job_id: JobId, day: str, most: Spend, *, job: Caps, daily: Caps
    ) -> str | None:
        """See `shared.notebook.Notebook.reserve`."""
        caps = [cap for both in (job, daily) for cap in _caps(both)]
        found = self._run(
            "reserve",
            [_job(job_id), _day(day), _once()],
            [most.tokens, nanos(most.money), *caps, DAY_LIFETIME_S, ONCE_LIFETIME_S],
        )
        if not found:
            return None
        whose, unit, spent = found
        return cap_words(whose, unit, job if whose == "job" else daily, int(spent))

    def settle(self, job_id: JobId, day: str, most: Spend, spent: Spend) -> None:
        """See `shared.notebook.Notebook.settle`."""
        more = [spent.tokens - most.tokens, nanos(spent.money) - nanos(most.money)]
        self._run(
            "settle",
            [_job(job_id), _day(day), _once()],
            [*more, DAY_LIFETIME_S, ONCE_LIFETIME_S],
        )

    def spent(self, job_id: JobId) -> Spend:
        """See `shared.notebook.Notebook.spent`."""
        return self._account(_job(job_id))

    def spent_on(self, day: str) -> Spend:
        """See `shared.notebook.Notebook.spent_on`."""
        return self._account(_day(day))

    def keep(self, job_id: JobId, work_id: WorkId, call: Call) -> None:
        """See `shared.notebook.Notebook.keep`."""
        self._run("keep_call", [_calls(job_id, work_id)], [call.model_dump_json(), MOST_CALLS])

    def calls(self, job_id: JobId, work_id: WorkId) -> tuple[Call, ...]:
        """See `shared.notebook.Notebook.calls`."""
        with reaching():
            found = cast(list[str], self._redis.lrange(_calls(job_id, work_id), 0, -1))
        return tuple(Call.model_validate_json(text) for text in found)

    def bank(self, lesson: BankedLesson) -> None:
        """See `shared.notebook.Notebook.bank`."""
        self._run("bank_lesson", [_LESSONS], [lesson.id, lesson.model_dump_json()])

    def lessons(self) -> tuple[BankedLesson, ...]:
        """See `shared.notebook.Notebook.lessons`."""
        with reaching(), self._redis.pipeline() as both:
            both.hgetall(_LESSONS)
            both.hgetall(_REMARKS)
            banked, remarks = both.execute()
        found = [_read(text, remarks.get(name)) for name, text in banked.items() if text]
        return tuple(sorted(found, key=lambda lesson: (lesson.at, lesson.id)))

    def edit(self, lesson_id: str, remark: Remark) -> BankedLesson:
        """See `shared.notebook.Notebook.edit`."""
        given = remark.model_dump_json(exclude_unset=True)
        found = self._run("edit_lesson", [_LESSONS, _REMARKS], [lesson_id, given])
        if not found:
            raise no_lesson(lesson_id)
        return _read(*found)

    def forget(self, lesson_id: str) -> None:
        """See `shared.notebook.Notebook.forget`."""
        if not self._run("forget_lesson", [_LESSONS, _REMARKS], [lesson_id]):
            raise no_lesson(lesson_id)

    def _account(self, key: str) -> Spend:
        with reaching():
            tokens, money = self._redis.hmget(key, ["tokens", "money"])
        return amount_of(int(tokens or 0), int(money or 0))

    def _run(self, script: str, keys: list[str], arguments: list[Any]) -> Any:
        with reaching():
            return self._scripts[script](keys=keys, args=arguments)


def _read(lesson: str, remark: str | None) -> BankedLesson:
    said = Remark.model_validate_json(remark or "{}").model_dump(exclude_unset=True)
    return BankedLesson.model_validate_json(lesson).model_copy(update=said)


def _caps(caps: Caps) -> tuple[int | str, int | str]:
    return (
        "" if caps.tokens is None else caps.tokens,
        "" if caps.money is None else nanos(caps.money),
    )


def _job(job_id: JobId) -> str:
    return f"trex:{{accounts}}:job:{job_id}"


def _day(day: str) -> str:
    return f"trex:{{accounts}}:day:{day}"


def _once() -> str:
    return f"trex:{{accounts}}:once:{uuid.uuid4().hex}"


def _calls(job_id: JobId, work_id: WorkId) -> str:
    return f"trex:{{{job_id}}}:calls:{work_id}"
