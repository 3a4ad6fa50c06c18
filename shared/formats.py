"""Data files as they lie on disk: JSON Lines, JSON, CSV, TSV and Parquet, told by their ending.

Lazy, but for JSON: holds one row at a time, whatever the size of the file.
"""

import codecs
import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

from shared.errors import DataFailed

TEXTS = (".jsonl", ".json", ".csv", ".tsv")
"""Endings of text formats; each may be followed by ``.gz``."""

_MAGIC = {b"PAR1": "Parquet", b"\x1f\x8b": "gzip", b"PK\x03\x04": "a zip archive or a workbook"}

Numbered = tuple[int, dict[str, Any]]
"""A row: the line it begins on (its own number in Parquet and JSON), and its columns."""


def read_file(path: Path) -> Iterator[Numbered]:
    """Yield the rows of a file, in order. Blank lines are skipped.

    Raises:
        DataFailed: no such file, an ending of no known format, bytes of another format than the
            ending says, or a line that cannot be parsed; the message names the file and the line.
    """
    if not path.is_file():
        raise DataFailed(f"{path}: wanted a data file, found none; check the path")
    match format_of(path):
        case ".jsonl":
            yield from _read_jsonl(path)
        case ".json":
            yield from _read_json(path)
        case ".csv":
            yield from _read_table(path, _split_commas(path))
        case ".tsv":
            yield from _read_table(path, _split_tabs(path))
        case ".parquet":
            yield from _read_parquet(path)
        case other:
            raise DataFailed(
                f"{path}: wanted a file ending in {', '.join(TEXTS)} (with .gz or without) or "
                f".parquet, found {other or 'no ending'}; convert or rename it"
            )


def format_of(path: Path) -> str:
    """Return a file's ending in lower case, that before ``.gz`` where the text in it is packed."""
    inner = Path(path.stem).suffix.lower()
    return inner if _is_packed(path) and inner in TEXTS else path.suffix.lower()


def place_of(path: Path, number: int) -> str:
    """Return where a row stands, for messages, such as ``train.jsonl line 7``."""
    unit = "line" if format_of(path) in (".jsonl", ".csv", ".tsv") else "row"
    return f"{path} {unit} {number}"


def _is_packed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _read_jsonl(path: Path) -> Iterator[Numbered]:
    first = True
    for number, line in _lines(path):
        if not line.strip():
            continue
        if first and line.lstrip().startswith("["):
            raise DataFailed(
                f"{path}: wanted one JSON object a line, as its ending says, found an array; "
                "give it the ending .json"
            )
        first = False
        where = place_of(path, number)
        try:
            columns = json.loads(line, object_pairs_hook=_distinct_columns)
        except (ValueError, RecursionError) as error:
            raise DataFailed(
                f"{where}: wanted one JSON object a line, found "
                f"{line.strip()[:60]!r} ({error}); correct that line"
            ) from None
        yield number, _object(columns, where)


def _read_json(path: Path) -> Iterator[Numbered]:
    with _opened(path) as file:
        raw = file.read()
    try:
        found = json.loads(
            raw.removeprefix(codecs.BOM_UTF8).decode(), object_pairs_hook=_distinct_columns
        )
    except (ValueError, RecursionError) as error:
        raise DataFailed(
            f"{path}: wanted one JSON array of objects, found something else ({error}); correct "
            "it, or give one object a line the ending .jsonl"
        ) from None
    for number, columns in enumerate(_array(found, path), start=1):
        yield number, _object(columns, place_of(path, number))


def _array(found: Any, path: Path) -> list[Any]:
    if isinstance(found, list):
        return found
    if not isinstance(found, dict):
        raise DataFailed(f"{path}: wanted an array of objects, found {_name_of(found)}; correct it")
    arrays = [value for value in found.values() if isinstance(value, list)]
    if len(arrays) != 1:
        raise DataFailed(
            f"{path}: wanted an array of objects, or an object with one such array, found "
            f"{len(arrays)} arrays in it; keep the array that holds the rows"
        )
    return arrays[0]


def _object(columns: Any, where: str) -> dict[str, Any]:
    if not isinstance(columns, dict):
        raise DataFailed(
            f"{where}: wanted a JSON object, found {_name_of(columns)}; write each row as {{...}}"
        )
    return columns


def _name_of(value: Any) -> str:
    return type(value).__name__


def _distinct_columns(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Left to itself, the parser keeps the last of several values without a word.
    columns = dict(pairs)
    if len(columns) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands {names.count(twice)} times in one object")
    return columns


def _read_table(path: Path, lines: Iterator[tuple[int, list[str]]]) -> Iterator[Numbered]:
    header: list[str] | None = None
    for number, fields in lines:
        if len(fields) == 1 and not fields[0].strip():
            continue
        if header is None:
            header = fields
            _refuse_twice(header, f"{path} line {number}")
        elif len(fields) != len(header):
            raise DataFailed(
                f"{path} line {number}: wanted {len(header)} fields as in the header, "
                f"found {len(fields)}; correct that line or its quoting"
            )
        else:
            yield number, dict(zip(header, fields, strict=True))


def _refuse_twice(names: list[str], where: str) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataFailed(
            f"{where}: wanted distinct column names, found {twice!r} "
            f"{names.count(twice)} times; rename them"
        )


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


def _read_parquet(path: Path) -> Iterator[Numbered]:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        _refuse_twice(file.schema_arrow.names, str(path))
        number = 0
        for batch in file.iter_batches():
            for columns in batch.to_pylist():
                number += 1
                yield number, columns
    except (pyarrow.ArrowException, OSError) as error:  # a damaged page is an OSError
        raise DataFailed(
            f"{path}: wanted a whole Parquet file, found a damaged one or none "
            f"({' '.join(str(error).split())}); check it"
        ) from None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    # Decoded line by line, because a decoder that reads ahead cannot say where it failed.
    with _opened(path) as file:
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


@contextmanager
def _opened(path: Path) -> Iterator[gzip.GzipFile | BufferedReader]:
    """Open a text, unpacked where its ending says so; what is none is told by its first bytes."""
    try:
        with gzip.open(path) if _is_packed(path) else path.open("rb") as file:
            head = file.peek(4)
            found = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
            if found is not None:
                raise DataFailed(
                    f"{path}: wanted {format_of(path)[1:].upper()} text, as its ending says, found "
                    f"{found}; correct the ending or unpack it"
                )
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataFailed(
            f"{path}: wanted a whole gzip file, as its ending says, found a damaged one or none "
            f"({error}); check it"
        ) from None
