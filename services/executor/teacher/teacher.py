"""A teacher: answers questions in order, within a budget, and says how far it is."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from shared.asking.asker import REFUSED, RETRIES, Asker
from shared.asking.pace import Pace
from shared.asking.question import Question, Reply
from shared.asking.replies import Replies
from shared.contracts.run import Progress
from shared.errors import DataFailed
from shared.settings import TeacherSettings

T = TypeVar("T")

ASKING = "asking the teacher"
"""The phase of a run that waits for one; its time is not training's."""

SPENT = "budget of tokens spent"
"""The fault of replies that would have cost too much."""

REPLIES = "replies.sqlite"
"""File of a folder of prepared data that holds what teachers replied."""

AHEAD = 4
"""Questions taken up for each that may wait at the server, so that a slow one delays no others."""

IN_A_ROW = 20
"""Questions refused before the first reply, after which they are not to blame."""

SAY_S = 1.0
"""Seconds between two words on how far it is."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[T]):
    item: T
    most_tokens: int
    task: asyncio.Task[Reply]


@dataclass(frozen=True, slots=True)
class Teacher:
    """A language model that can be asked."""

    settings: TeacherSettings
    """Where it is, and how it may be asked."""

    cache: Path
    """Folder of prepared data; what the teacher replies is kept there."""

    say: Callable[[Progress], None]
    """Told how far it is."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    retries: int = RETRIES

    def answers(
        self, asked: Iterable[tuple[T, Question]], *, budget_tokens: int, steps: int
    ) -> Iterator[tuple[T, Reply]]:
        """Yield each item with the reply to its question, in order.

        Replies count against the budget in this order, and as much when they were paid for before,
        so neither the server's pace nor the cache decides which are used. The first that does not
        fit, and all after it, come with the fault `SPENT`. While others could spend what is left, a
        question waits: little is paid for and not used. A few questions are held at a time.

        Args:
            asked: items, each with its question.
            budget_tokens: of questions and replies together.
            steps: how many questions there are, for who is told; 0 when unknown.

        Raises:
            DataFailed: as `Asker.result`, or the first `IN_A_ROW` questions were refused.
            Unavailable: as `Asker.result`. What was replied is kept.
        """
        with closing(Replies(self.cache / REPLIES)) as replies, self._asker(replies) as asker:
            waiting: deque[_Waiting[T]] = deque()
            purse = _Purse(budget_tokens)
            refused = _Refused(asker.address)

            def first() -> tuple[T, Reply]:
                one = waiting.popleft()
                if purse.is_empty:
                    one.task.cancel()
                    return one.item, Reply("", 0, SPENT)
                return one.item, purse.paid(refused.noted(asker.result(one.task)))

            def in_order() -> Iterator[tuple[T, Reply]]:
                for item, question in asked:
                    most = question.most_tokens
                    while waiting and (
                        len(waiting) >= AHEAD * self.settings.concurrency
                        or not purse.has(most + sum(one.most_tokens for one in waiting))
                    ):
                        yield first()
                    if purse.is_empty:
                        yield item, Reply("", 0, SPENT)
                    else:
                        waiting.append(_Waiting(item, most, asker.start(question)))
                while waiting:
                    yield first()

            yield from self._told(in_order(), steps)

    def _asker(self, replies: Replies) -> Asker:
        pace = Pace(self.settings.requests_per_minute, clock=self.clock, sleep=self.sleep)
        return Asker(self.settings, replies, pace=pace, retries=self.retries)

    def _told(self, found: Iterator[T], steps: int) -> Iterator[T]:
        """Yield what is found, saying about once a second how much that was."""
        self.say(Progress(phase=ASKING, steps=steps))
        told = self.clock()
        for done, one in enumerate(found, start=1):
            if self.clock() - told >= SAY_S:
                told = self.clock()
                self.say(Progress(phase=ASKING, step=done, steps=steps))
            yield one
        self.say(Progress(phase="preparing data"))


@dataclass(slots=True)
class _Purse:
    budget: int
    spent: int = 0

    @property
    def is_empty(self) -> bool:
        return self.spent >= self.budget

    def has(self, tokens: int) -> bool:
        return self.spent + tokens <= self.budget

    def paid(self, reply: Reply) -> Reply:
        """Return the reply, faulty if it cost more than was left."""
        self.spent += reply.tokens
        return reply if self.spent <= self.budget else replace(reply, text="", fault=SPENT)


@dataclass(slots=True)
class _Refused:
    address: str
    in_a_row: int = 0
    works: bool = False

    def noted(self, reply: Reply) -> Reply:
        """Return the reply.

        Raises:
            DataFailed: this is the last of too many refusals before the first reply.
        """
        self.works = self.works or reply.fault != REFUSED
        self.in_a_row += 1
        if not self.works and self.in_a_row >= IN_A_ROW:
            raise DataFailed(
                f"wanted replies from {self.address}, found that it refuses the first {IN_A_ROW} "
                f"questions, the last with {reply.text!r}; change the operator or the server"
            )
        return reply
