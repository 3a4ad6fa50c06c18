"""CS-Bench: questions of four domains of computer science, with options or true-or-false."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ftbench.metrics.sums import Ratio
from ftbench.reading import need, read_json_rows
from ftbench.sources import Files, Remote, Source
from ftbench.splits import split_by_hash
from ftbench.task import Item, Judged, Loaded, Message, Split, Task
from ftbench.tasks.cs_bench.parsing import first_letter_in, letter_in, verdict_in
from shared.errors import DataFailed

NAME = "cs_bench"
CHOICE, ASSERTION = "multiple_choice", "assertion"
FORMATS = {"Multiple-choice": CHOICE, "Assertion": ASSERTION}
JUDGED_BY_MODEL = ("Fill-in-the-blank", "Open-ended")
DOMAINS = {
    "Data Structure and Algorithm": "data_structure_and_algorithm",
    "Computer Organization": "computer_organization",
    "Computer Network": "computer_network",
    "Operating System": "operating_system",
}
TAGS = {"Knowledge": "knowledge", "Reasoning": "reasoning"}
LETTERS = ("A", "B", "C", "D")
COLUMNS = ("ID", "Format", "Domain", "Tag", "Question", "Answer")
SHARES = {Split.CONFIRM: 0.2, Split.TEST: 0.8}
VALID, TEST = "CSBench-EN/valid.json", "CSBench-EN/test.json"

QUESTIONS = {
    CHOICE: (
        "This is a multiple-choice question. Please read the question carefully and choose the "
        "correct answer. Question:{Question}\nWhich one of the following options is correct? "
        "Options:\n(A){A}\n(B){B}\n(C){C}\n(D){D}\nPlease provide the answer to this question "
        "directly (a single letter):"
    ),
    ASSERTION: (
        "This is a true/false question. Please determine whether the following statement is true "
        "or false. Statement:{Question}Please give the answer directly (true or false):"
    ),
}

# The repository moved its files; each is pinned to a commit and path at which it was seen.
_REPOSITORY = "https://raw.githubusercontent.com/csbench/csbench"
_VALID = f"{_REPOSITORY}/ed79664c9e8e4e795ac9161ebc5831875aede3bf/Dataset/{VALID}"
_TEST = f"{_REPOSITORY}/cd8d72635b1def36eb15ba90484b8323b1252c67/CSBench/{TEST}"


def load(files: Files) -> Loaded:
    """Return one item a question that can be judged without a model, English only.

    Valid is dev. All of the test file is published; a share of it, drawn by question, is confirm.
    """
    items = [_item(row, where, Split.DEV) for row, where in _read(files.get(VALID))]
    for row, where in _read(files.get(TEST)):
        items.append(_item(row, where, split_by_hash(NAME, str(row["ID"]), SHARES)))
    return Loaded(items)


def judge(item: Item, answer: str, *, strict: bool) -> Judged:
    """Compare the letter or the verdict that was read out of the answer with the published one.

    Strict copies two faults: the first letter counts even where it is the article, and a verdict
    in lower case is compared with one in upper case, so that none is ever right.
    """
    right: str | None = item.answer
    if item.subtask == CHOICE:
        said = first_letter_in(answer) if strict else letter_in(answer)
    else:
        said = verdict_in(answer)
        right = str(item.record["Answer"]).upper() if strict else right
    correct = float(said is not None and said == right)
    counts = {"correct": correct, "n": 1.0}
    for part in (item.subtask, DOMAINS[item.record["Domain"]], TAGS[item.record["Tag"]]):
        counts |= {f"{part}.correct": correct, f"{part}.n": 1.0}
    return Judged(correct, counts, said)


def _read(path: Path) -> list[tuple[dict[str, Any], str]]:
    """Return the rows that need no judge model, each with the place it stands at."""
    rows = []
    for number, row in enumerate(read_json_rows(path, COLUMNS), start=1):
        where = f"{path} record {number}"
        _need_one_of(row, "Format", (*FORMATS, *JUDGED_BY_MODEL), where)
        _need_one_of(row, "Domain", DOMAINS, where)
        _need_one_of(row, "Tag", TAGS, where)
        if row["Format"] in FORMATS:
            rows.append((row, where))
    return rows


def _item(row: Mapping[str, Any], where: str, split: Split) -> Item:
    subtask = FORMATS[row["Format"]]
    answer = _letter(row, where) if subtask == CHOICE else _verdict(row, where)
    return Item(
        id=f"{'valid' if split is Split.DEV else 'test'}/{row['ID']}",
        split=split,
        published=split is not Split.DEV,
        group=str(row["ID"]),
        messages=(Message("user", QUESTIONS[subtask].format_map(row)),),
        answer=answer,
        record=row,
        subtask=subtask,
    )


def _letter(row: Mapping[str, Any], where: str) -> str:
    _need_one_of(need(row, LETTERS, where), "Answer", LETTERS, where)
    return str(row["Answer"])


def _verdict(row: Mapping[str, Any], where: str) -> str:
    if not isinstance(row["Answer"], bool):
        raise DataFailed(
            f"{where}: wanted true or false as 'Answer', found {row['Answer']!r:.60}; is it the "
            "published file?"
        )
    return str(row["Answer"]).lower()


def _need_one_of(row: Mapping[str, Any], column: str, known: Collection[str], where: str) -> None:
    if row[column] not in tuple(known):
        raise DataFailed(
            f"{where}: wanted {column!r} to be one of {', '.join(known)}; found "
            f"{row[column]!r:.60}; is it the published file?"
        )


def _majority(_: Sequence[Item], items: Sequence[Item]) -> list[str]:
    return ["A" if item.subtask == CHOICE else "false" for item in items]


TASK = Task(
    name=NAME,
    title="CS-Bench",
    measures="knowledge and reasoning in computer science, options and true-or-false, English",
    source=Source(
        folder="cs_bench",
        homepage="https://github.com/csbench/csbench",
        licence="CC BY-NC 4.0",
        remotes={VALID: Remote(_VALID), TEST: Remote(_TEST)},
    ),
    load=load,
    judge=judge,
    metric="accuracy",
    metrics={
        "accuracy": Ratio("correct", "n"),
        **{
            part: Ratio(f"{part}.correct", f"{part}.n")
            for part in (CHOICE, ASSERTION, *DOMAINS.values(), *TAGS.values())
        },
    },
    baselines={"A for every choice, false for every statement": _majority},
    max_new_tokens=2048,
    references={  # over all four formats, two of them judged by GPT-4
        "Gemma-2B, all formats": 0.399,
        "Qwen1.5-4B, all formats": 0.455,
        "Llama-3-8B, all formats": 0.544,
        "GPT-4o, all formats": 0.723,
    },
    trex=0.581,
)
