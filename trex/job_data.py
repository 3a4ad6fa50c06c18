"""Looking at a job's data before it starts: are the rows there, and can the metric judge them?"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from shared.contracts.job import JobData, MetricName, sealed_rows
from shared.data_files import files_of
from shared.errors import DataFailed, Rejected
from shared.rows import Sample, read_exam, read_samples
from shared.suiting import unsuited

PEEK_ROWS = 1000
PEEK_BYTES = 50_000_000
"""Data up to this size is read to the end; of larger data, only the first `PEEK_ROWS`."""


def check_data(data: JobData, metric: MetricName, options: Sequence[str] = ()) -> None:
    """Return when the data can be read, is kept apart, and suits the metric and the options.

    Raises:
        Rejected: what is wrong, with file and line, and what to change.
    """
    _refuse_shared(data)
    peek("train", data.train, read_samples(Path(data.train), data.mapping))
    if metric is MetricName.FTBENCH:
        return  # the other splits are sealed: the evaluator alone can look at them
    references = {
        split: peek(split, path, read_exam(Path(path), data.mapping))
        for split, path in data.files().items()
        if split != "train" and sealed_rows(path) is None
    }
    problem = unsuited(metric, references["dev"]) if "dev" in references else None
    if problem:
        raise Rejected(f"metric: {problem}")
    for split, found in references.items():
        _refuse_others(split, found, options)


def _refuse_others(split: str, references: Sequence[str], options: Sequence[str]) -> None:
    for row, reference in enumerate(references, start=1):
        if options and reference not in options:
            raise Rejected(
                f"options: wanted every right answer of {split} among them, found {reference!r} at "
                f"row {row}; add it to options, or correct the row"
            )


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


def peek(name: str, path: str, samples: Iterator[Sample]) -> list[str]:
    """Return right answers of the first samples of a split, or of all where its data is small.

    Raises:
        Rejected: they cannot be read.
    """
    sizes = [file.stat().st_size if file.is_file() else 0 for file in _files(name, path)]
    whole = sum(sizes) <= PEEK_BYTES
    try:
        return [sample.completion for sample in islice(samples, None if whole else PEEK_ROWS)]
    except DataFailed as error:
        raise Rejected(f"data.{name}: {error}") from None
