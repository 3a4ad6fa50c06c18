"""Looking at a job's data before it starts: are the rows there, and can the metric judge them?"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from shared.contracts.job import JobData, MetricName, sealed_rows
from shared.data_files import files_of
from shared.errors import DataFailed, Rejected
from shared.rows import Sample, read_exam, read_samples

PEEK_ROWS = 1000
PEEK_BYTES = 50_000_000
"""Data up to this size is read to the end; of larger data, only the first `PEEK_ROWS`."""

_ROUGE = (MetricName.ROUGE_1, MetricName.ROUGE_2, MetricName.ROUGE_L)
_ROUGE_WORD = re.compile("[a-z0-9]")


def check_data(data: JobData, metric: MetricName, options: Sequence[str] = ()) -> None:
    """Return when the data can be read, is kept apart, and suits the metric and the options.

    Raises:
        Rejected: what is wrong, with file and line, and what to change.
    """
    _refuse_shared(data)
    _peek("train", data.train, read_samples(Path(data.train), data.mapping))
    if metric is MetricName.FTBENCH:
        return  # the other splits are sealed: the evaluator alone can look at them
    references = {
        split: _peek(split, path, read_exam(Path(path), data.mapping))
        for split, path in data.files().items()
        if split != "train" and sealed_rows(path) is None
    }
    problem = unsuited(metric, references["dev"]) if "dev" in references else None
    if problem:
        raise Rejected(f"metric: {problem}")
    for split, found in references.items():
        _refuse_others(split, found, options)


def unsuited(metric: MetricName, references: Sequence[str]) -> str | None:
    """Say why a metric cannot judge answers against these references; None when it can."""
    if metric is MetricName.ACCURACY and is_free_text(references):
        return (
            f"accuracy wanted a few labels to tell apart, found {_distinct(references)} different "
            f"references in {len(references)} rows of dev; use exact_match or rougeL"
        )
    if metric in _ROUGE:
        silent = sum(not _ROUGE_WORD.search(reference.lower()) for reference in references)
        if 2 * silent > len(references):
            return (
                f"{metric} wanted words in the letters a-z or digits, which are all it counts, "
                f"found none in {silent} of {len(references)} references of dev; use exact_match"
            )
    return None


def _refuse_others(split: str, references: Sequence[str], options: Sequence[str]) -> None:
    for row, reference in enumerate(references, start=1):
        if options and reference not in options:
            raise Rejected(
                f"options: wanted every right answer of {split} among them, found {reference!r} at "
                f"row {row}; add it to options, or correct the row"
            )


def is_free_text(references: Sequence[str]) -> bool:
    """Say whether references are written answers rather than labels.

    True for more than 100 different ones, or for 20 and more when most rows have one of their own.
    """
    distinct = _distinct(references)
    return distinct > 100 or (distinct >= 20 and 2 * distinct > len(references))


def _distinct(references: Sequence[str]) -> int:
    return len({reference.strip() for reference in references})


def _refuse_shared(data: JobData) -> None:
    seen: dict[Path, str] = {}
    for name, path in data.files().items():
        for file in _files(name, path):
            other = seen.setdefault(file.resolve(), name)
            if other != name:
                raise Rejected(
                    f"data: wanted {other} and {name} in files of their own, found {file} for "
                    "both; scores on rows that were trained or chosen on mean nothing, give other "
                    "rows"
                )


def _files(name: str, path: str) -> list[Path]:
    try:
        return list(files_of(Path(path)).values())
    except DataFailed as error:
        raise Rejected(f"data.{name}: {error}") from None


def _peek(name: str, path: str, samples: Iterator[Sample]) -> list[str]:
    sizes = [file.stat().st_size if file.is_file() else 0 for file in _files(name, path)]
    whole = sum(sizes) <= PEEK_BYTES
    try:
        return [sample.completion for sample in islice(samples, None if whole else PEEK_ROWS)]
    except DataFailed as error:
        raise Rejected(f"data.{name}: {error}") from None
