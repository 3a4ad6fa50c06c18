"""Has a teacher answer prompts, write texts anew, rate samples, or make up new ones."""

import random
from collections.abc import Iterable, Iterator, Sequence

from services.executor.operators.judging import Tally
from services.executor.operators.labels import luckiest
from services.executor.operators.questions import (
    Revising,
    made_up,
    question_about,
    question_for_one_more,
    revised,
)
from services.executor.teacher.teacher import SPENT, Teacher
from shared.asking.question import Question
from shared.contracts.teaching import Generate, Teaching
from shared.errors import DataFailed
from shared.rows import Sample
from shared.texts import texts_of

MAX_CHARS = 20_000
"""Of a sample, above which no teacher is shown it: about 5,000 tokens."""

POOL = 1000
"""Samples that are held to draw examples from: plenty of combinations."""


def taught(
    samples: Iterable[Sample],
    count: int,
    operator: Teaching,
    tally: Tally,
    teacher: Teacher | None,
) -> Iterator[Sample]:
    """Yield what an operator makes of ``count`` samples with a teacher's replies, in order.

    What gets no usable reply is dropped and counted. The same replies make the same samples.

    Raises:
        DataFailed: there is no teacher, or as `Teacher.answers`.
        Unavailable: as `Teacher.answers`.
    """
    if teacher is None or teacher.settings.url is None:
        raise DataFailed(
            f"{operator.kind}: wanted a teacher to ask, found none; set TREX_TEACHER_URL, and "
            "TREX_TEACHER_KEY if it wants one, for the executor, or remove the operator"
        )
    if isinstance(operator, Generate):
        return _with_more(samples, count, operator, tally, teacher)
    return _revised(samples, count, operator, tally, teacher)


def _revised(
    samples: Iterable[Sample], count: int, operator: Revising, tally: Tally, teacher: Teacher
) -> Iterator[Sample]:
    asked = ((one, question_about(one, operator)) for one in _short_enough(samples, tally))
    answers = teacher.answers(asked, budget_tokens=operator.budget_tokens, steps=count)
    for sample, reply in answers:
        tally.tokens += reply.tokens
        found = reply.fault or revised(sample, operator, reply.text)
        if isinstance(found, str):
            tally.dropped[found] += 1
        else:
            tally.rows_out += 1
            yield found


def _short_enough(samples: Iterable[Sample], tally: Tally) -> Iterator[Sample]:
    for sample in tally.arriving(samples):
        if _is_short(sample):
            yield sample
        else:
            tally.dropped["too long for the teacher"] += 1


def _with_more(
    samples: Iterable[Sample], count: int, operator: Generate, tally: Tally, teacher: Teacher
) -> Iterator[Sample]:
    pool: list[Sample] = []
    chosen = luckiest(count, min(count, POOL), seed=operator.seed)
    for sample, in_pool in zip(tally.arriving(samples), chosen, strict=True):
        if in_pool and _is_short(sample):
            pool.append(sample)
        tally.rows_out += 1
        yield sample
    asked = _questions(pool, operator) if pool else iter(())
    answers = teacher.answers(asked, budget_tokens=operator.budget_tokens, steps=operator.samples)
    for number, (examples, reply) in enumerate(answers, start=1):
        tally.tokens += reply.tokens
        if reply.fault == SPENT:
            return
        found = reply.fault or made_up(examples, reply.text, number=number)
        if isinstance(found, str):
            tally.dropped[found] += 1
        else:
            tally.rows_out += 1
            tally.made += 1
            yield found


def _questions(
    pool: Sequence[Sample], operator: Generate
) -> Iterator[tuple[Sequence[Sample], Question]]:
    for number in range(operator.samples):
        # Of `random`, only `random()` promises the same numbers in every version of Python.
        draw = random.Random(f"generate {operator.seed} {number}").random
        ranked = sorted((draw(), place) for place in range(len(pool)))
        examples = [pool[place] for _, place in ranked[: operator.examples]]
        yield examples, question_for_one_more(examples, operator, seed=int(draw() * 2**31))


def _is_short(sample: Sample) -> bool:
    return sum(map(len, texts_of(sample))) <= MAX_CHARS
