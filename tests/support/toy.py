"""A made-up task of yes-or-no questions, for tests that are about no task in particular."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ftbench.metrics.sums import Ratio
from ftbench.sources import Files, Source
from ftbench.task import Item, Judged, Loaded, Message, Split, Task


def toy_item(
    id: str,
    split: Split = Split.TEST,
    *,
    answer: str | None = "yes",
    group: str | None = None,
    subtask: str = "",
    messages: tuple[Message, ...] = (Message("user", "Is it so?"),),
    record: Mapping[str, Any] | None = None,
) -> Item:
    """Return an item that is published when it is in test, in a group of its own unless named."""
    return Item(
        id=id,
        split=split,
        published=split is Split.TEST,
        group=id if group is None else group,
        messages=messages,
        answer=answer,
        record={"answer": answer} if record is None else record,
        subtask=subtask,
    )


def judge_toy(item: Item, answer: str, *, strict: bool) -> Judged:
    """Compare with the item's answer: letter by letter when strict, else whatever the case."""
    wanted = str(item.answer)
    right = float(answer == wanted if strict else answer.lower() == wanted.lower())
    counts = {"correct": right, "n": 1.0}
    if item.subtask:
        counts |= {f"{item.subtask}.correct": right, f"{item.subtask}.n": 1.0}
    return Judged(right, counts, answer or None)


def load_nothing(files: Files) -> Loaded:
    """Return no items: tests hand theirs over themselves."""
    return Loaded(())


def say_yes(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
    """Answer yes to everything."""
    return ["yes"] * len(items)


TOY = Task(
    name="toy",
    title="Toy",
    measures="whether it is so",
    source=Source(folder="toy", homepage="https://toy.example", licence="MIT", remotes={}),
    load=load_nothing,
    judge=judge_toy,
    metric="accuracy",
    metrics={"accuracy": Ratio("correct", "n")},
    baselines={"always yes": say_yes},
    max_new_tokens=4,
)

FORBIDDEN = replace(TOY, source=replace(TOY.source, licence="no training", may_train=False))
"""The same, but its authors forbid training on it."""
