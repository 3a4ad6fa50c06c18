"""EconLogicQA: four economic events to be put in their logical order."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from ftbench.metrics.sums import Ratio
from ftbench.reading import need
from ftbench.sources import Files, Remote, Source
from ftbench.splits import split_by_hash
from ftbench.task import Item, Judged, Loaded, Message, Split, Task
from ftbench.tasks.econ_logic_qa.order import LETTERS, gold_order, read_order
from shared.errors import DataFailed
from shared.rows import Row, read_rows

NAME = "econ_logic_qa"
SHARES = {Split.TRAIN: 0.8, Split.CONFIRM: 0.2}
SPLITS = {"test": Split.TEST, "val": Split.DEV}

_HUB = "hf://datasets/yinzhu-quan/econ_logic_qa@28de9728244fd33913a64188d526187ac8e3bdae/data"


def load(files: Files) -> Loaded:
    """Return the published test as test, val as dev, and train less a fifth for confirm.

    A question that stands in two files is taken once: from test, else from val.
    """
    items: list[Item] = []
    for file in ("test", "val", "train"):
        taken = {item.group for item in items}
        items += [i for i in _read(files.get(f"{file}.csv"), file) if i.group not in taken]
    return Loaded(items)


def judge(item: Item, answer: str, *, strict: bool) -> Judged:
    """Compare the order found in an answer with the gold order, as lm-evaluation-harness does."""
    order = read_order(answer)
    gold: str = item.record["order"]
    right = float(order == gold)
    pairs = pairwise(order, gold) if order else 0.0
    counts = {"correct": right, "pairwise": pairs, "n": 1.0}
    return Judged(right, counts, ", ".join(order) if order else None)


def pairwise(order: str, gold: str) -> float:
    """Return the share of the six pairs of letters that stand in the same order in both."""
    place = {letter: i for i, letter in enumerate(order)}
    pairs = list(combinations(gold, 2))
    return sum(place[first] < place[then] for first, then in pairs) / len(pairs)


def _read(path: Path, file: str) -> Iterator[Item]:
    for number, row in enumerate(read_rows(path)):
        yield _item(path, file, number, row)


def _item(path: Path, file: str, number: int, row: Row) -> Item:
    where = f"{path} line {row.number}"
    columns = need(row.columns, ("Question", *LETTERS, "Answer"), where)
    order = gold_order(columns["Answer"])
    if order is None:
        raise DataFailed(
            f"{where}: wanted an Answer like 'D, A, C, B', found {columns['Answer']!r:.80}; "
            "is it the published file?"
        )
    events = "\n".join(f"{letter}. {columns[letter]}" for letter in LETTERS)
    question = f"Question: {columns['Question']}\n{events}"
    prompt = f"{question}\nAnswer with the letters in order, comma-separated.\nAnswer:"
    split = SPLITS.get(file) or split_by_hash(NAME, question, SHARES)
    return Item(
        id=f"{file}/{number}",
        split=split,
        published=split is Split.TEST,
        group=question,
        messages=(Message("user", prompt),),
        answer=", ".join(order),
        record={**columns, "order": order},
    )


def _commonest(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
    counts = Counter(item.answer or "" for item in train)
    commonest = min(counts, key=lambda order: (-counts[order], order), default="")
    return [commonest] * len(items)


TASK = Task(
    name=NAME,
    title="EconLogicQA",
    measures="putting economic events in logical order, English",
    source=Source(
        folder="econ_logic_qa",
        homepage="https://huggingface.co/datasets/yinzhu-quan/econ_logic_qa",
        licence="CC BY-NC-SA 4.0",
        remotes={f"{file}.csv": Remote(f"{_HUB}/{file}.csv") for file in ("train", "val", "test")},
    ),
    load=load,
    judge=judge,
    metric="accuracy",
    metrics={"accuracy": Ratio("correct", "n"), "pairwise": Ratio("pairwise", "n")},
    baselines={
        "always A, B, C, D": lambda _, items: ["A, B, C, D"] * len(items),
        "commonest order of train": _commonest,
    },
    max_new_tokens=64,
    references={
        "GPT-4-Turbo, 1-shot": 0.569,
        "GPT-4, 1-shot": 0.554,
        "GPT-3.5-Turbo, 1-shot": 0.377,
        "Llama-3-8B-Instruct, 1-shot": 0.346,
        "Mistral-7B-Instruct-v0.2, 1-shot": 0.315,
        "Qwen2.5-0.5B-Instruct, 1-shot": 0.069,
        "Llama-2-7B, 1-shot": 0.008,
    },
    trex=0.454,
)
