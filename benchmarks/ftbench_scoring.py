"""Times the scoring of FT-Bench predictions on one core, and of ROUGE-L over ever longer texts.

Made-up items throughout: the fixtures, repeated, with answers as long as models give them. LawBench
is also timed on real predictions when FTBENCH_DATA holds them.
"""

import os
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ftbench.metrics.lcs import rouge_l
from ftbench.predictions import read_predictions
from ftbench.scoring import Scope, in_scope, judge_all, measure
from ftbench.sources import Files, files_of
from ftbench.task import Item, Task
from ftbench.tasks import fixture_of, get_task

LAW_ITEMS, TOMG_ITEMS = 10_000, 45_000
SENTENCE = (
    "根据刑法第二百六十四条的规定，被告人以非法占有为目的，秘密窃取他人财物，数额较大，构成盗窃罪。"
)


def main() -> None:
    """Print two tables."""
    print("| what | items | seconds | items/s | wanted |")
    print("|---|---|---|---|---|")
    law = _law_answers()
    _time("law_bench, made-up answers of 150 characters", get_task("law_bench"), *law, "≤ 60 s")
    real = _published_law_answers()
    if real is not None:
        _time("law_bench, GPT-4's published answers", get_task("law_bench"), *real, "≤ 60 s")
    _time("tomg_bench, molecules all different", get_task("tomg_bench"), *_molecules(), "≤ 300 s")
    print()
    print("| tokens in each text | textbook table | here | ratio |")
    print("|---|---|---|---|")
    for length in (250, 500, 1000, 2000, 4000):
        _compare_rouge(length)


def _time(what: str, task: Task, items: Sequence[Item], answers: dict[str, str], want: str) -> None:
    task.judge(items[0], answers[items[0].id], strict=False)  # dictionaries are loaded once
    began = time.perf_counter()
    measure(task, items, judge_all(task, items, answers))
    seconds = time.perf_counter() - began
    print(f"| {what} | {len(items):,} | {seconds:.1f} | {len(items) / seconds:,.0f} | {want} |")


def _fixture(name: str) -> Sequence[Item]:
    task = get_task(name)
    return task.load(Files(name, task.source, fixture_of(name))).items


def _repeated(items: Sequence[Item], count: int) -> list[Item]:
    return [replace(items[i % len(items)], id=f"{i}", group=f"{i}") for i in range(count)]


def _law_answers() -> tuple[list[Item], dict[str, str]]:
    rng = random.Random(0)
    items = _repeated(_fixture("law_bench"), LAW_ITEMS)
    return items, {
        item.id: f"{item.answer}{''.join(rng.sample(SENTENCE * 4, 150))}" for item in items
    }


def _published_law_answers() -> tuple[Sequence[Item], dict[str, str]] | None:
    data = os.environ.get("FTBENCH_DATA")
    folder = Path(data or "") / "lawbench" / "predictions" / "GPT4"
    if data is None or not folder.is_dir():
        return None
    task = get_task("law_bench")
    items = task.load(files_of(task.name, task.source, Path(data))).items
    scope = in_scope(items, Scope.PUBLISHED)
    said = read_predictions(folder, task, items, scope, missing_as_wrong=False)
    return said.items, dict(said.answers)


def _molecules() -> tuple[list[Item], dict[str, str]]:
    rng = random.Random(0)
    items = _repeated([i for i in _fixture("tomg_bench") if i.published], TOMG_ITEMS)
    parts = ["C", "CC", "N", "O", "C(=O)", "c1ccccc1", "C(F)", "S", "C(Cl)", "C(N)", "C(O)"]
    return items, {
        item.id: '{"molecule": "C' + "".join(rng.choices(parts, k=rng.randint(4, 12))) + '"}'
        for item in items
    }


def _compare_rouge(length: int) -> None:
    rng = random.Random(length)
    words = [str(word) for word in range(300)]
    one, other = rng.choices(words, k=length), rng.choices(words, k=length)
    began = time.perf_counter()
    shared = _textbook_lcs(one, other)
    table = time.perf_counter() - began
    began = time.perf_counter()
    score = rouge_l(one, other)
    here = time.perf_counter() - began
    assert abs(score - shared / length) < 1e-9
    print(f"| {length:,} | {1000 * table:.1f} ms | {1000 * here:.2f} ms | {table / here:,.0f} |")


def _textbook_lcs(one: Sequence[str], other: Sequence[str]) -> int:
    above = [0] * (len(other) + 1)
    for word in one:
        row = [0]
        for j, against in enumerate(other):
            row.append(above[j] + 1 if word == against else max(above[j + 1], row[j]))
        above = row
    return above[-1]


if __name__ == "__main__":
    main()
