"""How a data file is read and how its rows become conversations.

Shared because the executor, the evaluator, the researcher and the command line must agree on every
row.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.contracts.job import stored_rows
from shared.contracts.mapping import Mapping
from shared.data_files import files_of
from shared.errors import DataFailed
from shared.exchanges import exchanges
from shared.formats import place_of, read_file
from shared.turns import Turn


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a data file."""

    number: int
    """Line of the file the row stands on, counted from 1; for Parquet and JSON the number of the
    row."""

    columns: dict[str, Any]
    """Column name to value, as parsed."""

    file: Path | None = field(default=None, compare=False)
    """Where it stands; None of a row that came from no file."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One row as a conversation that ends with one answer."""

    prompt: str
    """What the user says last."""

    completion: str
    """The answer; where two are compared, the better one; empty where none is given."""

    system: str | None = None

    history: tuple[Turn, ...] = ()
    """What was said before the prompt."""

    rejected: str | None = None
    """A worse answer to the same; None where none is given."""

    good: bool | None = None
    """Whether the answer is to be learned or to be avoided; None where nobody judged it."""

    score: float | None = None
    """How good a teacher found it, in [0, 1]; None where no teacher was asked."""

    source: str = field(default="", compare=False)
    """Path of the file it came from."""

    row: int = field(default=0, compare=False)
    """Line of that file, counted from 1; for Parquet and JSON the number of the row."""

    copy: bool = field(default=False, compare=False)
    """Whether it is a variant that was made of another sample of the same row."""

    @property
    def fault(self) -> str | None:
        """Why the answer is none to learn or to score against: ``none`` or ``one judged bad``."""
        if not self.completion:
            return "none"
        return "one judged bad" if self.good is False else None

    @property
    def place(self) -> str:
        """Where it came from, for messages, such as ``train.jsonl line 7``."""
        return place_of(Path(self.source), self.row)

    def messages(self) -> list[dict[str, str]]:
        """Return what comes before the answer, as chat messages."""
        system = [Turn("system", self.system)] if self.system is not None else []
        turns = [*system, *self.history, Turn("user", self.prompt)]
        return [turn._asdict() for turn in turns]


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a JSONL, JSON, CSV, TSV or Parquet file, or of all files of a pattern.

    Raises:
        DataFailed: as `shared.data_files.files_of` and `shared.formats.read_file`.
    """
    for file in files_of(path).values():
        for number, columns in read_file(file):
            yield Row(number, columns, file)


def read_samples(path: Path, mapping: Mapping) -> Iterator[Sample]:
    """Yield every row of a file as a conversation that ends with its last answer.

    Raises:
        DataFailed: as `read_rows` and `to_sample`, or a file without a single row.
    """
    empty = True
    for row in read_rows(path):
        empty = False
        yield to_sample(row, mapping, path)
    if empty:
        raise DataFailed(f"{path}: wanted at least one row, found none; give a file with rows")


def read_exam(path: Path, mapping: Mapping) -> Iterator[Sample]:
    """Yield every row of a file as `read_samples` does, each with an answer that is right.

    Raises:
        DataFailed: as `read_samples`, or an answer that is missing or was judged bad.
    """
    for sample in read_samples(path, mapping):
        if sample.fault:
            raise DataFailed(
                f"{sample.place}: wanted a right answer to score against, found "
                f"{sample.fault}; give rows with right answers to score on"
            )
        yield sample


def to_sample(row: Row, mapping: Mapping, path: Path) -> Sample:
    """Return a row as a conversation that ends with its last answer.

    Raises:
        DataFailed: as `to_samples`.
    """
    return to_samples(row, mapping, path)[-1]


def to_samples(row: Row, mapping: Mapping, path: Path) -> list[Sample]:
    """Return a row as what there is to learn from it.

    That is one sample for each answer in a column of messages, with all that was said before it,
    and otherwise one sample a row. ``path`` is where a row comes from that stands in no file.

    Raises:
        DataFailed: a column that the row lacks or that is null or NaN, messages that
            `shared.turns.read_turns` refuses, no answer or an empty one, or text that has no UTF-8.
    """
    source = row.file or path
    where = place_of(source, row.number)
    samples = []
    for before, answer, rejected, good in exchanges(row.columns, mapping, where):
        has_system = before[0].role == "system"
        sample = Sample(
            before[-1].content,
            answer,
            system=before[0].content if has_system else mapping.system,
            history=tuple(before[has_system:-1]),
            rejected=rejected,
            good=good,
            source=str(source),
            row=row.number,
        )
        _refuse_half_characters(sample, where)
        samples.append(sample)
    return samples


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as 64 hexadecimal digits.

    Raises:
        DataFailed: no such file.
    """
    if not path.is_file():
        raise DataFailed(f"{path}: wanted a data file, found none; check the path")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_files(path: Path) -> str:
    """Return `sha256_of` a file; of a pattern, the SHA-256 of its files' names and hashes.

    Raises:
        DataFailed: no such file, or none that fits the pattern.
    """
    files = files_of(path)
    if path in files.values() or stored_rows(str(path)):
        return sha256_of(*files.values())
    lines = (f"{name} {sha256_of(file)}\n" for name, file in files.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _refuse_half_characters(sample: Sample, where: str) -> None:
    said = [*(message["content"] for message in sample.messages()), sample.completion]
    try:
        "".join([*said, sample.rejected or ""]).encode()
    except UnicodeEncodeError as error:
        raise DataFailed(
            f"{where}: wanted text, found the half character "
            f"U+{ord(error.object[error.start]):04X}; correct the row or remove it"
        ) from None
