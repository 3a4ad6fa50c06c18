"""LawBench: twenty subtasks of Chinese law, from reciting articles to setting prison terms."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from ftbench.metrics.sums import MeanOf
from ftbench.reading import read_json_rows
from ftbench.sources import Files, Remote, Source
from ftbench.splits import split_by_hash
from ftbench.task import Item, Judged, Loaded, Message, Split, Task
from ftbench.tasks.law_bench.correction import CorpusFHalf
from ftbench.tasks.law_bench.marks import Case
from ftbench.tasks.law_bench.predictions import read_predictions
from ftbench.tasks.law_bench.subtasks import SUBTASKS, metric_of
from shared.errors import DataFailed

NAME = "law_bench"
COLUMNS = ("instruction", "question", "answer")
SHARES = {Split.DEV: 0.15, Split.CONFIRM: 0.15, Split.TEST: 0.70}

_DATA = (
    "https://raw.githubusercontent.com/open-compass/LawBench/"
    "e30981bb3ff54c41571f222e0b23e92d27375388/data"
)


def load(files: Files) -> Loaded:
    """Return the items of all subtasks. There is nothing to train on: each split is published."""
    return Loaded([item for id in SUBTASKS for item in _read(id, files.get(_path(id)))])


def judge(item: Item, answer: str, *, strict: bool) -> Judged:
    """Mark an answer as its subtask does. Strict mode changes nothing here."""
    subtask = SUBTASKS[item.subtask]
    gold = subtask.read_gold(item.record["answer"])
    assert gold is not None  # load refuses items without
    mark = subtask.mark(Case(item.record["question"], gold), answer)
    counts = {f"{item.subtask}.{key}": count for key, count in mark.counts.items()}
    return Judged(mark.value, counts, mark.parsed)


def case_of(question: str) -> str:
    """Return the part of a question that questions of several subtasks share.

    3-1, 3-3, 3-4 and 3-5 ask about the same facts, and each gives away what the one before it
    asks for: the charge, then the article. Their questions begin with the facts; elsewhere the
    whole question is what may be shared.
    """
    facts, _, _ = question.removeprefix("事实:").partition("罪名:")
    return "".join((facts if question.startswith("事实:") else question).split())


def _read(id: str, path: Path) -> list[Item]:
    items = []
    for number, row in enumerate(read_json_rows(path, COLUMNS)):
        wrong = [column for column in COLUMNS if not isinstance(row[column], str)]
        gold = None if wrong else SUBTASKS[id].read_gold(row["answer"])
        if gold is None:
            raise DataFailed(
                f"{path} record {number + 1}: wanted strings, and an answer like "
                f"{SUBTASKS[id].gold!r}, found {row[wrong[0] if wrong else 'answer']!r:.80}; is it "
                "the published file?"
            )
        case = hashlib.sha256(case_of(row["question"]).encode()).hexdigest()[:16]
        items.append(
            Item(
                id=f"{id}/{number}",
                split=split_by_hash(NAME, case, SHARES),
                published=True,
                group=case,
                messages=(Message("user", f"{row['instruction']}\n{row['question']}"),),
                answer=SUBTASKS[id].written(gold),
                record=row,
                subtask=id,
            )
        )
    return items


def _path(id: str) -> str:
    return f"zero_shot/{id}.json"


def _constant(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
    return [SUBTASKS[item.subtask].constant for item in items]


def _question(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
    return [item.record["question"] for item in items]


_METRICS = {id: metric_of(id) for id in SUBTASKS}

TASK = Task(
    name=NAME,
    title="LawBench",
    measures="knowing, understanding and applying the law of China, Chinese",
    source=Source(
        folder="lawbench",
        homepage="https://github.com/open-compass/LawBench",
        licence="Apache-2.0 (sources vary)",
        remotes={_path(id): Remote(f"{_DATA}/{_path(id)}") for id in SUBTASKS},
    ),
    load=load,
    judge=judge,
    metric=NAME,
    metrics={
        NAME: MeanOf(tuple(_METRICS.values())),
        **_METRICS,
        "2-1-difflib": CorpusFHalf("2-1.difflib"),  # an approximation, no part of the mean
    },
    baselines={"constant": _constant, "copy the question": _question},
    max_new_tokens=1024,
    references={
        "GPT-4": 0.5235,
        "GPT-3.5-turbo-0613": 0.4215,
        "StableBeluga2": 0.3923,
        "Qwen-7B-Chat": 0.3700,
        "InternLM-Chat-7B-8K": 0.3573,
    },
    trex=0.421,
    read_predictions=read_predictions,
)
