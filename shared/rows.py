"""How a data file is read and how its rows become conversations.

Shared because the executor, the evaluator, the researcher and the command line must agree on every
row. Lazy: holds one row at a time, whatever the size of the file.
"""

import codecs
import csv
import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple

from shared.contracts.job import Mapping
from shared.errors import DataFailed

FORMATS = (".jsonl", ".csv", ".tsv", ".parquet")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a data file."""

    number: int
    """Line of the file the row stands on, counted from 1; for Parquet the number of the row."""

    columns: dict[str, Any]
    """Column name to value, as parsed."""


class Turn(NamedTuple):
    """One message of a conversation."""

    role: str
    """``system``, ``user`` or ``assistant``."""

    content: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One row as a conversation that ends with one answer."""

    prompt: str
    """What the user says last."""

    completion: str
    """The answer; where two are compared, the better one."""

    system: str | None = None

    history: tuple[Turn, ...] = ()
    """What was said before the prompt."""

    rejected: str | None = None
    """A worse answer to the same; None where none is given."""

    good: bool | None = None
    """Whether the answer is to be learned or to be avoided; None where nobody judged it."""

    source: str = field(default="", compare=False)
    """Path of the file it came from."""

    row: int = field(default=0, compare=False)
    """Line of that file, counted from 1; for Parquet the number of the row."""

    def messages(self) -> list[dict[str, str]]:
        """Return what comes before the answer, as chat messages."""
        system = [Turn("system", self.system)] if self.system is not None else []
        turns = [*system, *self.history, Turn("user", self.prompt)]
        return [turn._asdict() for turn in turns]


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a JSONL, CSV, TSV or Parquet file, in order. Blank lines are skipped.

    Raises:
        DataFailed: no such file, an ending that is not in `FORMATS`, bytes that are not UTF-8, or a
            line that cannot be parsed; the message names the file and the line.
    """
    if not path.is_file():
        raise DataFailed(f"{path}: wanted a data file, found none; check the path")
    match path.suffix.lower():
        case ".jsonl":
            yield from _read_jsonl(path)
        case ".csv":
            yield from _read_table(path, _split_commas(path))
        case ".tsv":
            yield from _read_table(path, _split_tabs(path))
        case ".parquet":
            yield from _read_parquet(path)
        case other:
            raise DataFailed(
                f"{path}: wanted a file ending in {', '.join(FORMATS)}, found "
                f"{other or 'no ending'}; convert or rename it"
            )


def read_samples(path: Path, mapping: Mapping) -> Iterator[Sample]:
    """Yield every row of a file as a conversation.

    Raises:
        DataFailed: as `read_rows` and `to_sample`, or a file without a single row.
    """
    empty = True
    for row in read_rows(path):
        empty = False
        yield to_sample(row, mapping, path)
    if empty:
        raise DataFailed(f"{path}: wanted at least one row, found none; give a file with rows")


def to_sample(row: Row, mapping: Mapping, path: Path) -> Sample:
    """Fill the mapping's templates from a row.

    Raises:
        DataFailed: a column that the row lacks or that is null or NaN, an empty completion, or text
            that has no UTF-8.
    """
    for column in mapping.columns:
        value = row.columns.get(column)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            raise DataFailed(
                f"{path} line {row.number}: wanted a column {column!r}, found "
                f"{', '.join(map(repr, row.columns)) or 'no columns'}"
                f"{' with no value there' if column in row.columns else ''}; "
                "correct the row or the mapping"
            )
    prompt, completion = (_fill(part, row) for part in (mapping.prompt, mapping.completion))
    if not completion.strip():
        raise DataFailed(
            f"{path} line {row.number}: wanted a completion, found only white space; "
            "fill it in or remove the row"
        )
    try:
        f"{prompt}{completion}".encode()
    except UnicodeEncodeError as error:
        raise DataFailed(
            f"{path} line {row.number}: wanted text, found the half character "
            f"U+{ord(error.object[error.start]):04X}; correct the row or remove it"
        ) from None
    return Sample(prompt, completion, mapping.system, source=str(path), row=row.number)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as 64 hexadecimal digits.

    Raises:
        DataFailed: no such file.
    """
    if not path.is_file():
        raise DataFailed(f"{path}: wanted a data file, found none; check the path")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fill(template: str, row: Row) -> str:
    # str.format_map would take a column named 0 for a position.
    return "".join(
        text if name is None else f"{text}{row.columns[name]}"
        for text, name, _, _ in Formatter().parse(template)
    )


def _read_jsonl(path: Path) -> Iterator[Row]:
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            columns = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataFailed(
                f"{path} line {number}: wanted one JSON object a line, found "
                f"{line.strip()[:60]!r} ({error}); correct that line"
            ) from None
        if not isinstance(columns, dict):
            raise DataFailed(
                f"{path} line {number}: wanted a JSON object, found "
                f"{type(columns).__name__}; write each row as {{...}}"
            )
        yield Row(number, columns)


def _read_table(path: Path, lines: Iterator[tuple[int, list[str]]]) -> Iterator[Row]:
    header: list[str] | None = None
    for number, fields in lines:
        if len(fields) == 1 and not fields[0].strip():
            continue
        if header is None:
            header = fields
            if len(set(header)) < len(header):
                twice = next(name for name in header if header.count(name) > 1)
                raise DataFailed(
                    f"{path} line {number}: wanted distinct column names, found {twice!r} "
                    f"{header.count(twice)} times; rename them"
                )
        elif len(fields) != len(header):
            raise DataFailed(
                f"{path} line {number}: wanted {len(header)} fields as in the header, "
                f"found {len(fields)}; correct that line or its quoting"
            )
        else:
            yield Row(number, dict(zip(header, fields, strict=True)))


def _split_commas(path: Path) -> Iterator[tuple[int, list[str]]]:
    # Strict, or a quote that is never closed would take the rest of the file into one field.
    reader = csv.reader((line for _, line in _lines(path)), strict=True)
    number = 1
    try:
        for fields in reader:
            if fields:
                yield number, fields
            number = reader.line_num + 1
    except csv.Error as error:
        raise DataFailed(
            f"{path} line {number}: wanted a row of CSV, found {error}; "
            "correct its quoting or convert the file to JSONL"
        ) from None


def _split_tabs(path: Path) -> Iterator[tuple[int, list[str]]]:
    # Tabs cannot be quoted in the TSV files people publish, and quotes in them are ordinary text.
    for number, line in _lines(path):
        yield number, line.rstrip("\r\n").split("\t")


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    try:
        number = 0
        for batch in parquet.ParquetFile(path).iter_batches():
            for columns in batch.to_pylist():
                number += 1
                yield Row(number, columns)
    except (pyarrow.ArrowException, OSError) as error:  # a damaged page is an OSError
        raise DataFailed(
            f"{path}: wanted a whole Parquet file, found a damaged one or none "
            f"({' '.join(str(error).split())}); check it"
        ) from None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    # Decoded line by line, because a decoder that reads ahead cannot say where it failed.
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            # Spreadsheet programs put a byte order mark first, which is no part of the data.
            raw = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            try:
                yield number, raw.decode()
            except UnicodeDecodeError as error:
                raise DataFailed(
                    f"{path} line {number}: wanted UTF-8, found byte "
                    f"0x{raw[error.start]:02x}; save the file as UTF-8"
                ) from None
