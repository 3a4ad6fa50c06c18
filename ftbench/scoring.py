"""From answers to a result: every metric with its error, beside what no skill would have scored."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from ftbench.answers import MAX_CHARS, final_answer
from ftbench.degenerate import flags_of, outputs_of
from ftbench.metrics.sums import MeanOf, Sums, Unit, standard_error, total
from ftbench.predictions import Predictions
from ftbench.results import Measured, Result
from ftbench.task import Item, Judged, Task


class Scope(StrEnum):
    """Which items are scored."""

    PUBLISHED = "published"
    """All that the authors of the benchmark score, whatever our splits make of them."""
    TRAIN = "train"
    DEV = "dev"
    CONFIRM = "confirm"
    TEST = "test"


EVERY = 100
"""Progress is told after so many items."""


def in_scope(items: Sequence[Item], scope: Scope) -> list[Item]:
    """Return the items of a split, or those of the published test set."""
    if scope is Scope.PUBLISHED:
        return [item for item in items if item.published]
    return [item for item in items if item.split.value == scope.value]


def judge_all(
    task: Task,
    items: Sequence[Item],
    answers: Mapping[str, str],
    *,
    strict: bool = False,
    on_progress: Callable[[int], None] = lambda _: None,
) -> list[Judged]:
    """Judge the answer to each item, in order.

    Raises:
        KeyError: an item without an answer.
    """
    judged = []
    for done, item in enumerate(items):
        if done % EVERY == 0:
            on_progress(done)
        judged.append(task.judge(item, final_answer(answers[item.id]), strict=strict))
    return judged


def measure(task: Task, items: Sequence[Item], judged: Sequence[Judged]) -> dict[str, Measured]:
    """Return every metric of the task over what was judged."""
    units = _units(items, judged)
    sums = total([unit.counts for unit in units])
    return {
        name: Measured(value=value, stderr=standard_error(metric, units))
        for name, metric in task.metrics.items()
        for value in [metric(sums)]
    }


def score(
    task: Task,
    items: Sequence[Item],
    predictions: Predictions,
    *,
    scope: Scope,
    strict: bool = False,
    model: str | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> tuple[Result, list[Judged]]:
    """Return the result of the predictions, and what each answered item earned.

    Args:
        task: which task.
        items: all of its items; baselines learn from those of train.
        predictions: answers to the items in scope.
        scope: what was in scope, for the record.
        strict: whether faults of the published scorer are copied.
        model: what answered, for the record.
        on_progress: told how many items are done.
    """
    answered = predictions.items
    judged = judge_all(task, answered, predictions.answers, strict=strict, on_progress=on_progress)
    texts = [final_answer(predictions.answers[item.id]) for item in answered]
    scores = measure(task, answered, judged)
    notes = list(predictions.notes)
    if scores[task.metric].value is None:
        notes.append(_of_the_rest(task, judged))
    longest = sum(len(text) == MAX_CHARS for text in texts)
    if longest:
        notes.append(f"{longest} answers reach {MAX_CHARS:,} characters, where longer ones are cut")
    result = Result(
        task=task.name,
        split=scope,
        strict=strict,
        model=model,
        metric=task.metric,
        scores=scores,
        n=len(answered),
        baselines=_baselines(task, items, answered, strict=strict),
        outputs=outputs_of(texts),
        flags=tuple(flags_of(answered, texts)),
        notes=tuple(notes),
        data_sha256=digest_of(answered),
        predictions_sha256=predictions.sha256,
    )
    return result, judged


def digest_of(items: Sequence[Item]) -> str:
    """Return the SHA-256 of what is asked and what is right, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for item in items:
        told = [item.id, *item.messages, item.answer, item.record]
        digest.update(json.dumps(told, sort_keys=True, default=str).encode() + b"\n")
    return digest.hexdigest()


def _baselines(
    task: Task, items: Sequence[Item], answered: Sequence[Item], *, strict: bool
) -> dict[str, float | None]:
    train = in_scope(items, Scope.TRAIN)
    values = {}
    for name, baseline in task.baselines.items():
        said = dict(zip((i.id for i in answered), baseline(train, answered), strict=True))
        judged = judge_all(task, answered, said, strict=strict)
        values[name] = _of_parts(task, total([one.counts for one in judged]))[0]
    return values


def _of_parts(task: Task, sums: Sums) -> tuple[float | None, int]:
    """Return the headline; where it lacks parts, the mean of those there are and their number."""
    metric = task.metrics[task.metric]
    whole = metric(sums)
    if whole is not None or not isinstance(metric, MeanOf):
        return whole, 0
    known = [value for part in metric.parts for value in [part(sums)] if value is not None]
    return (sum(known) / len(known) if known else None), len(known)


def _of_the_rest(task: Task, judged: Sequence[Judged]) -> str:
    mean, parts = _of_parts(task, total([one.counts for one in judged]))
    if mean is None:
        return f"{task.metric} has nothing to go by"
    return (
        f"{task.metric} needs all its parts and is not given; the mean of the {parts} answered is "
        f"{100 * mean:.2f}, and what no skill scores is the mean of the same"
    )


def _units(items: Sequence[Item], judged: Sequence[Judged]) -> list[Unit]:
    members: dict[str, list[int]] = defaultdict(list)
    for i, item in enumerate(items):
        members[item.group].append(i)
    return [Unit(_stratum(group, items), _sums(group, judged)) for group in members.values()]


def _stratum(group: Sequence[int], items: Sequence[Item]) -> str:
    return " ".join(sorted({items[i].subtask for i in group}))


def _sums(group: Sequence[int], judged: Sequence[Judged]) -> Sums:
    return judged[group[0]].counts if len(group) == 1 else total([judged[i].counts for i in group])
