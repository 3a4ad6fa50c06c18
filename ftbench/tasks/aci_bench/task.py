"""ACI-BENCH: the clinical note of a visit, from the conversation between doctor and patient."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ftbench.metrics.sums import Ratio
from ftbench.reading import need
from ftbench.sources import Files, Remote, Source
from ftbench.splits import split_by_hash
from ftbench.task import Item, Judged, Loaded, Message, Split, Task
from shared.errors import DataFailed
from shared.rows import Row, read_rows

NAME = "aci_bench"
TRAIN, VALID = "train", "valid"
FILES = {
    TRAIN: "train.csv",
    VALID: "valid.csv",
    "test1": "clinicalnlp_taskB_test1.csv",
    "test2": "clinicalnlp_taskC_test2.csv",
    "test3": "clef_taskC_test3.csv",
}
DATASETS = ("aci", "virtassist", "virtscribe")
SHARES = {Split.TRAIN: 0.8, Split.CONFIRM: 0.2}
COLUMNS = ("dataset", "encounter_id", "dialogue", "note")

INSTRUCTION = """\
Summarize the conversation to generate a clinical note with four sections:
1. HISTORY OF PRESENT ILLNESS
2. PHYSICAL EXAM
3. RESULTS
4. ASSESSMENT AND PLAN

The conversation is:

"""

_COMMIT = "b909b2bb9cf1d19de08df15cddde7bd0179665e4"
_DATA = f"https://raw.githubusercontent.com/wyim/aci-bench/{_COMMIT}/data/challenge_data"
_WORD = re.compile("[a-z0-9]+")


def load(files: Files) -> Loaded:
    """Return one item a visit.

    The three test files are the published test set, and valid is dev. Confirm is drawn by visit
    from train.
    """
    return Loaded([_item(part, row) for part in FILES for row in _read(files.get(FILES[part]))])


def judge(item: Item, answer: str, *, strict: bool) -> Judged:
    """Compare the whole answer with the note; the published scorer has no fault to mend."""
    value = rouge1(answer, item.record["note"])
    counts = {"rouge1": value, "n": 1.0}
    for part in (item.subtask, item.record["dataset"]):
        counts |= {f"{part}.rouge1": value, f"{part}.n": 1.0}
    return Judged(value, counts, answer if answer.strip() else None)


def rouge1(answer: str, note: str) -> float:
    """Return the F-measure of the words that two texts share, in [0, 1]; 0 when they share none.

    A word is a run of a-z and 0-9 after lower-casing, and is not stemmed. Source: rouge-score 0.1.2
    with ``use_stemmer=False``, which is what the benchmark's evaluate_fullnote.py runs.
    """
    return _shared(_words(answer), _words(note))


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.lower()))


def _shared(one: Counter[str], other: Counter[str]) -> float:
    # 2PR / (P + R), where P and R divide the same overlap by the one length and the other.
    overlap = (one & other).total()
    return 2 * overlap / (one.total() + other.total()) if overlap else 0.0


def _read(path: Path) -> list[Row]:
    rows = list(read_rows(path))
    for row in rows:
        where = f"{path} line {row.number}"
        columns = need(row.columns, COLUMNS, where)
        for column in COLUMNS:
            if not columns[column].strip():
                raise DataFailed(f"{where}: wanted a {column}, found none; fetch the file again")
        if columns["dataset"] not in DATASETS:
            raise DataFailed(
                f"{where}: wanted a dataset, one of {', '.join(DATASETS)}; found "
                f"{columns['dataset']!r:.60}; is it the published file?"
            )
    return rows


def _item(part: str, row: Row) -> Item:
    visit = str(row.columns["encounter_id"])
    match part:
        case "train":
            split = split_by_hash(NAME, visit, SHARES)
        case "valid":
            split = Split.DEV
        case _:
            split = Split.TEST
    return Item(
        id=f"{part}/{visit}",
        split=split,
        published=split is Split.TEST,
        group=visit,
        messages=(Message("user", INSTRUCTION + row.columns["dialogue"]),),
        answer=row.columns["note"],
        record=row.columns,
        subtask=part,
    )


def _copied(_: Sequence[Item], items: Sequence[Item]) -> list[str]:
    return [item.record["dialogue"] for item in items]


def _most_typical(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
    """Answer everything with the training note that is most like the other training notes."""
    notes = [_words(item.record["note"]) for item in train]
    likeness = [sum(_shared(note, other) for other in notes) for note in notes]
    best = max(range(len(train)), key=likeness.__getitem__, default=None)
    note = "" if best is None else train[best].record["note"]
    return [note] * len(items)


TASK = Task(
    name=NAME,
    title="ACI-BENCH",
    measures="writing clinical notes from conversations of 1,300 words, English",
    source=Source(
        folder="aci_bench",
        homepage="https://github.com/wyim/aci-bench",
        licence="CC BY 4.0",
        remotes={name: Remote(f"{_DATA}/{name}") for name in FILES.values()},
    ),
    load=load,
    judge=judge,
    metric="rouge1",
    metrics={
        "rouge1": Ratio("rouge1", "n"),
        **{
            part: Ratio(f"{part}.rouge1", f"{part}.n")
            for part in ("test1", "test2", "test3", *DATASETS)
        },
    },
    baselines={
        "copy the dialogue": _copied,
        "one training note for every item": _most_typical,
    },
    max_new_tokens=1024,
    trex=0.502,
    g_trex=8.49,
)
