"""OpenFinData: Chinese financial questions, nine files of them, eight with lettered options."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ftbench.metrics.sums import MeanOf, Ratio
from ftbench.reading import read_json_rows
from ftbench.sources import Files, Remote, Source
from ftbench.splits import split_by_hash
from ftbench.task import Item, Judged, Loaded, Message, Split, Task
from shared.errors import DataFailed

NAME = "open_fin_data"
ENTITIES = "entity_recognition"
OPTIONS: Mapping[str, str] = {
    "data_inspection": "ABCD",
    "emotion_identification": "ABC",
    "entity_disambiguation": "ABC",
    ENTITIES: "",
    "financial_facts": "ABC",
    "financial_terminology": "ABCD",
    "intent_understanding": "ABCDE",
    "metric_calculation": "ABCD",
    "value_extraction": "ABCD",
}
"""The files that are scored without a judge, and the letters of their options."""

SHARES = {Split.DEV: 0.2, Split.CONFIRM: 0.2, Split.TEST: 0.6}

_RELEASE = (
    "https://github.com/open-compass/OpenFinData/releases/download/release/openfindata_release.zip"
)


def load(files: Files) -> Loaded:
    """Return every question of the nine files; all are published, none may be trained on."""
    return Loaded([item for file in OPTIONS for item in _read(files.get(f"{file}.json"), file)])


def judge(item: Item, answer: str, *, strict: bool) -> Judged:
    """Compare the last capital of an answer with the letter, or look for every entity in it.

    Letters: the last character that Python calls upper case, of any script, so that an answer that
    ends in "ETF" chose F. Entities: each name must occur in the answer; what else stands there
    costs nothing. Both are the published rules, so ``strict`` changes nothing.
    """
    wanted = str(item.record["answer"])
    if item.subtask == ENTITIES:
        parsed = answer.strip() or None
        right = float(all(entity in answer for entity in wanted.split("、")))
    else:
        parsed = last_capital(answer)
        right = float(parsed == wanted)
    counts = {"correct": right, "n": 1.0}
    return Judged(right, counts | {f"{item.subtask}.{k}": v for k, v in counts.items()}, parsed)


def last_capital(answer: str) -> str | None:
    """Return the last upper-case character of a text, whatever its script; None without one."""
    return next((char for char in reversed(answer) if char.isupper()), None)


def _read(path: Path, file: str) -> list[Item]:
    rows = read_json_rows(path, ("question", *OPTIONS[file], "answer"))
    return [_item(path, file, number, row) for number, row in enumerate(rows)]


def _item(path: Path, file: str, number: int, row: Mapping[str, Any]) -> Item:
    question, answer = row["question"], row["answer"]
    for column, value in (("question", question), ("answer", answer)):
        if not isinstance(value, str) or not value:
            raise DataFailed(
                f"{path} record {number + 1}: wanted text as {column!r}, found {value!r:.80}; "
                "is it the published file?"
            )
    options = "".join(f"{letter}. {row[letter]}\n" for letter in OPTIONS[file])
    return Item(
        id=f"{file}/{number}",
        split=split_by_hash(NAME, question, SHARES),
        published=True,
        group=question,
        messages=(Message("user", f"{question}\n{options}答案: "),),
        answer=answer,
        record=row,
        subtask=file,
    )


def _commonest(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
    """Answer each file's commonest answer. There is no train: counted on the items themselves."""
    counts = {file: Counter(i.answer or "" for i in items if i.subtask == file) for file in OPTIONS}
    return [max(counts[i.subtask].items(), key=lambda pair: (pair[1], pair[0]))[0] for i in items]


_ACCURACIES = {file: Ratio(f"{file}.correct", f"{file}.n") for file in OPTIONS}

TASK = Task(
    name=NAME,
    title="OpenFinData",
    measures="everyday skills of a financial service, Chinese",
    source=Source(
        folder="open_fin_data",
        homepage="https://github.com/open-compass/OpenFinData",
        licence="Apache-2.0, but its README forbids training",
        remotes={
            f"{file}.json": Remote(_RELEASE, f"openfindata_release/{file}.json") for file in OPTIONS
        },
        may_train=False,
    ),
    load=load,
    judge=judge,
    metric="accuracy",
    metrics={
        "accuracy": MeanOf(tuple(_ACCURACIES.values())),
        "item_accuracy": Ratio("correct", "n"),
        **_ACCURACIES,
    },
    baselines={
        "commonest answer of each file": _commonest,
        "first option": lambda _, items: ["A"] * len(items),
        "copy of the question": lambda _, items: [item.messages[0].content for item in items],
    },
    max_new_tokens=512,
    references={"Qwen-14B-Chat": 0.713, "InternLM2-7B-Chat": 0.699},
    trex=0.699,
)
