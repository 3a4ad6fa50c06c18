"""SST-2: the sentiment of sentences from film reviews."""

import re
from collections.abc import Sequence
from pathlib import Path

from ftbench.metrics.sums import Ratio
from ftbench.sources import Files, Remote, Source
from ftbench.splits import split_by_hash
from ftbench.task import Item, Judged, Loaded, Message, Split, Task
from shared.errors import DataFailed
from shared.rows import read_rows

NAME = "sst2"
LABELS = ("negative", "positive")
SHARES = {Split.TRAIN: 0.96, Split.DEV: 0.02, Split.CONFIRM: 0.02}

_GLUE = "hf://datasets/nyu-mll/glue@bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c/sst2"
_LABEL = re.compile(r"\b(positive|negative)\b", re.IGNORECASE)


def load(files: Files) -> Loaded:
    """Return the labelled phrases, one an item, and the 872 labelled sentences as test.

    Train, dev and confirm are drawn by phrase from everything that was published as training data,
    however it is divided into files. A phrase that stands there twice is taken once, and one that
    is a whole test sentence is left out.
    """
    as_tables = files.are_local and files.find("train.parquet") is None
    names = ("train.tsv", "dev.tsv") if as_tables else ("train.parquet",)
    train = [files.get(name) for name in names]
    test = files.get("test.tsv" if as_tables else "test.parquet")
    sentences = _read(test)
    phrases = {phrase: label for path in train for phrase, label in _read(path)}
    for sentence, _ in sentences:
        phrases.pop(sentence, None)
    items = [
        _item(f"phrase/{number}", split_by_hash(NAME, phrase, SHARES), phrase, label)
        for number, (phrase, label) in enumerate(sorted(phrases.items()))
    ]
    items += [
        _item(f"test/{number}", Split.TEST, phrase, label)
        for number, (phrase, label) in enumerate(sentences)
    ]
    return Loaded(items)


def judge(item: Item, answer: str, *, strict: bool) -> Judged:
    """Take the first whole word that is a label, whatever its case; none is wrong."""
    found = _LABEL.search(answer)
    label = found[0].lower() if found else None
    right = float(label == item.answer)
    return Judged(right, {"correct": right, "n": 1.0}, label)


def _read(path: Path) -> list[tuple[str, str]]:
    """Return each row's phrase and the name of its label."""
    read = []
    for row in read_rows(path):
        label = str(row.columns.get("label"))
        sentence = str(row.columns.get("sentence") or "").strip()
        if label not in ("0", "1") or not sentence:
            raise DataFailed(
                f"{path} line {row.number}: wanted a sentence and a label 0 or 1, found "
                f"{row.columns!r:.80}; is it the published file?"
            )
        read.append((sentence, LABELS[int(label)]))
    return read


def _item(id: str, split: Split, phrase: str, label: str) -> Item:
    question = f"{phrase}\nQuestion: Is this sentence positive or negative?\nAnswer in one word."
    return Item(
        id=id,
        split=split,
        published=split is Split.TEST,
        group=phrase,
        messages=(Message("user", question),),
        answer=label,
        record={"sentence": phrase, "label": label},
    )


def _always(label: str, items: Sequence[Item]) -> list[str]:
    return [label] * len(items)


TASK = Task(
    name=NAME,
    title="SST-2",
    measures="sentiment of sentences from film reviews, English",
    source=Source(
        folder="sst2",
        homepage="https://huggingface.co/datasets/nyu-mll/glue",
        licence="unknown",
        remotes={
            "train.parquet": Remote(f"{_GLUE}/train-00000-of-00001.parquet"),
            "test.parquet": Remote(f"{_GLUE}/validation-00000-of-00001.parquet"),
        },
    ),
    load=load,
    judge=judge,
    metric="accuracy",
    metrics={"accuracy": Ratio("correct", "n")},
    baselines={
        "always positive": lambda _, items: _always("positive", items),
        "always negative": lambda _, items: _always("negative", items),
    },
    max_new_tokens=8,
    trex=0.972,
)
