"""Measures data operators: rows a second of each alone, then of a recipe, with its peak memory.

    python -m benchmarks.data [--rows 200000] [--streamed 5000000]

Rows are made here: a question of twelve words and one of four labels. Every tenth row is one of
those shortly before it, every twentieth nearly so. The recipe is load, map, filter, deduplicate and
sample; it runs in a process of its own, so that nothing else is in its memory. Five million rows
take some minutes.
"""

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.table import Table

from services.executor.operators.decontaminate import decontaminate
from services.executor.operators.deduplicate import deduplicate
from services.executor.operators.extract import extract
from services.executor.operators.filter import filter_by_length
from services.executor.operators.judging import Judge, Tally, judged
from services.executor.operators.labels import balanced, share_of_each
from services.executor.operators.language import language
from services.executor.operators.load import load
from services.executor.operators.map import map_rows
from services.executor.operators.matching import matching
from services.executor.operators.near_duplicates import near_duplicates
from services.executor.operators.quality import quality
from services.executor.operators.sample import sample
from services.executor.operators.where import where
from services.executor.pipeline import materialise
from services.executor.sample_files import iterate_samples, write_samples
from shared.contracts.mapping import Templates
from shared.contracts.operators import Deduplicate, Filter, Load, Map, Quality
from shared.contracts.operators import Sample as Share
from shared.fingerprint import Fingerprint, hashed
from shared.rows import Row, Sample, sha256_of

MAPPING = Templates(prompt="{question}", completion="{label}")
LABELS = ("positive", "negative", "neutral", "mixed")
WANTED = {"deduplicate": 100_000, "near_duplicates": 8_000}
WANTED_GIB = 2.0


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000, help="for each operator alone")
    parser.add_argument("--streamed", type=int, default=500_000, help="through the recipe")
    chosen = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as scratch:
        console.print(_operators(Path(scratch), chosen.rows))
        console.print(_recipe(Path(scratch), chosen.streamed))


def _operators(scratch: Path, count: int) -> Table:
    table = Table(title=f"{count:,} rows, a second of one core")
    for heading in ("operator", "rows/s", "wanted"):
        table.add_column(heading, justify="left" if heading == "operator" else "right")
    for name, run in _steps(scratch, count):
        began = time.process_time()
        run()
        pace = count / (time.process_time() - began)
        wanted = f"≥ {WANTED[name]:,}" if name in WANTED else ""
        table.add_row(name, f"{pace:,.0f}", wanted)
    return table


def _steps(scratch: Path, count: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield each operator's name, and what carries it out on all rows."""
    file, kept = scratch / "rows.jsonl", scratch / "samples.parquet"
    _write(file, count)
    sha256 = sha256_of(file)
    rows = list(load(file, sha256))
    samples = list(map_rows(rows, MAPPING, file))
    sealed = _sealed(scratch / "sealed.json")

    def all_of(items: Iterable[object]) -> Callable[[], object]:
        return lambda: sum(1 for _ in items)

    def judge(one: Judge) -> Callable[[], object]:
        found: Iterator[Sample] = judged(samples, one, Tally(""))
        return all_of(found)

    def labels() -> Iterator[str]:
        return (one.completion for one in samples)

    yield "load", all_of(load(file, sha256))
    yield "where", all_of(_chosen(rows, file))
    yield "extract", all_of(_extracted(rows, file))
    yield "map", all_of(map_rows(rows, MAPPING, file))
    yield "filter", judge(filter_by_length(max_prompt_chars=200, max_completion_chars=20))
    yield "matching", judge(matching(r"https?://", of="prompt", fate="drop"))
    yield "quality", judge(quality(Quality()))
    yield "language", judge(language(["en"], of="prompt"))
    yield "deduplicate", judge(deduplicate())
    yield "near_duplicates", judge(near_duplicates(threshold=0.8, num_perm=128))
    yield "decontaminate", judge(decontaminate(sealed, sha256_of(sealed)))
    yield "balance", lambda: balanced(labels(), max_share=0.3, seed=0)
    yield "sample", all_of(sample(samples, share=0.5, seed=0))
    yield "sample by label", lambda: share_of_each(labels(), share=0.5, seed=0)
    yield "write to disk", lambda: write_samples(kept, scratch / "lineage.parquet", samples)
    yield "read from disk", all_of(iterate_samples(kept))


def _chosen(rows: list[Row], file: Path) -> Iterator[Row]:
    return judged(rows, where("label", LABELS[:2], "keep", file), Tally(""))


def _extracted(rows: list[Row], file: Path) -> Iterator[Row]:
    pattern = r"(?P<first>\w+) (?P<rest>.+)"
    return extract(rows, column="question", pattern=pattern, path=file, tally=Tally(""))


def _recipe(scratch: Path, count: int) -> Table:
    table = Table(title="a recipe, one core")
    for heading in ("rows", "kept", "seconds", "rows/s", "peak resident", "wanted"):
        table.add_column(heading, justify="right")
    file = scratch / "streamed.jsonl"
    _write(file, count)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        kept, seconds, gib = pool.submit(_stream, file, scratch / "cache").result()
    table.add_row(
        f"{count:,}",
        f"{kept:,}",
        f"{seconds:.1f}",
        f"{count / seconds:,.0f}",
        f"{gib:.2f} GiB",
        f"≤ {WANTED_GIB} GiB",
    )
    return table


def _stream(file: Path, cache: Path) -> tuple[int, float, float]:
    """Return samples kept, seconds and the process's peak resident memory in GiB."""
    began = time.perf_counter()
    made = materialise(
        [
            Load(path=str(file), sha256=sha256_of(file)),
            Map(mapping=MAPPING),
            Filter(max_prompt_chars=200, max_completion_chars=20),
            Deduplicate(),
            Share(share=0.9),
        ],
        cache,
    )
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if _mac() else 1024)
    return made.rows[-1].rows_out, seconds, peak / 2**30


def _write(file: Path, count: int) -> None:
    """Write rows, the same ones each time."""
    draw = random.Random(0).random
    words = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("nd", "lt", "m", "r")]
    recent = ["the first question of all"] * 100
    with file.open("w") as lines:
        for number in range(count):
            question = recent[int(draw() * 100)]
            luck = draw()
            if luck > 0.15:
                question = " ".join(words[int(draw() * len(words))] for _ in range(12))
            elif luck > 0.1:
                question = f"{question} {number}"
            recent[number % 100] = question
            row = {"question": question, "label": LABELS[min(3, int(draw() * 8))]}
            lines.write(json.dumps(row) + "\n")


def _sealed(path: Path) -> Path:
    """Write a fingerprint as large as that of a thousand sealed items."""
    ngrams = tuple(hashed([f"run {number}"]) for number in range(10_000))
    texts = tuple(hashed([f"text {number}"]) for number in range(1_000))
    found = Fingerprint(task="made", splits=("test",), items=1000, ngrams=ngrams, texts=texts)
    path.write_text(found.model_dump_json())
    return path


def _mac() -> bool:
    return sys.platform == "darwin"


if __name__ == "__main__":
    main()
