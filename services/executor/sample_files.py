"""How prepared samples lie on disk: Parquet with every field of a sample, and a lineage beside it.

Parquet because it is written and read twice as fast as JSON lines, and is a tenth of their size.
Lazy: a batch of samples is held at a time, whatever the size of the file.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from shared.rows import Sample
from shared.texts import texts_of
from shared.turns import Turn

T = TypeVar("T")

_BATCH = 10_000
_PART = 200_000
_TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
_SAMPLES = pa.schema(
    [
        ("prompt", pa.string()),
        ("completion", pa.string()),
        ("system", pa.string()),
        ("history", pa.list_(_TURN)),
        ("rejected", pa.string()),
        ("good", pa.bool_()),
        ("score", pa.float64()),
        ("source", pa.string()),
        ("row", pa.int64()),
        ("copy", pa.bool_()),
    ]
)
_LINEAGE = pa.schema(
    [
        ("source", pa.string()),
        ("row", pa.int64()),
        ("copy", pa.bool_()),
        ("blake2b", pa.binary(16)),
    ]
)


def write_samples(path: Path, lineage: Path, samples: Iterable[Sample]) -> None:
    """Write samples to one file, and to another where each came from, with a hash of its texts."""
    with _writer(path, _SAMPLES) as file, _writer(lineage, _LINEAGE) as beside:
        for some in _batched(samples):
            file.write_batch(_samples_batch(some))
            beside.write_batch(_lineage_batch(some))


def iterate_samples(path: Path) -> Iterator[Sample]:
    """Yield the samples of a file in order, each as it was written."""
    for batch in parquet.ParquetFile(path).iter_batches(_BATCH):
        columns = [column.to_pylist() for column in batch.columns]
        for prompt, completion, system, history, *rest in zip(*columns, strict=True):
            turns = tuple(Turn(**turn) for turn in history)
            yield Sample(prompt, completion, system, turns, *rest)


def spread_samples(path: Path, most: int) -> list[Sample]:
    """Return up to so many samples of a file, evenly spread over it, in order."""
    source = parquet.ParquetFile(path)
    rows = source.metadata.num_rows
    wanted = min(most, rows)
    found = _rows_at(source, np.arange(wanted) * rows // wanted)
    return [
        Sample(**row | {"history": tuple(Turn(**turn) for turn in row["history"])}) for row in found
    ]


def rows_of(lineage: Path) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the number of the row that each sample is of, and whether the sample is a copy.

    Rows are numbered from 0 as they first appear. Holds some 60 bytes a sample.
    """
    sources: dict[str, int] = {}
    places, rows, copies = [], [], []
    for batch in parquet.ParquetFile(lineage).iter_batches(_BATCH):
        names = batch.column("source").to_pylist()
        codes = [sources.setdefault(name, len(sources)) for name in names]
        places.append(np.array(codes, dtype=np.int64))
        rows.append(batch.column("row").to_numpy())
        copies.append(batch.column("copy").to_numpy(zero_copy_only=False))
    row = np.concatenate(rows)
    keys = np.concatenate(places) * (row.max() + 1) + row
    _, first, found = np.unique(keys, return_index=True, return_inverse=True)
    numbers = np.empty(len(first), dtype=np.int64)
    numbers[np.argsort(first)] = np.arange(len(first))
    return numbers[found], np.concatenate(copies)


def split_file(path: Path, parts: Mapping[Path, NDArray[np.bool_]]) -> None:
    """Copy a file's rows to others, to each the ones chosen for it, in order."""
    source = parquet.ParquetFile(path)
    place = 0
    with ExitStack() as files:
        writers = [
            (files.enter_context(_writer(part, source.schema_arrow)), chosen)
            for part, chosen in parts.items()
        ]
        for batch in source.iter_batches(_BATCH):
            for writer, chosen in writers:
                mask = chosen[place : place + batch.num_rows]
                writer.write_batch(batch.filter(pa.array(mask)))
            place += batch.num_rows


def reorder_file(path: Path, order: NDArray[np.int64], reordered: Path) -> None:
    """Copy a file's rows in another order, given by their places in the file.

    Holds two hundred thousand rows, and reads the file once for each so many.
    """
    source = parquet.ParquetFile(path)
    with _writer(reordered, source.schema_arrow) as file:
        for start in range(0, len(order), _PART):
            part = order[start : start + _PART]
            rows = _rows_at(source, np.sort(part))
            ranks = np.argsort(np.argsort(part))
            # Not by Arrow's own `take`, in which a column may hold 2 GiB at most.
            for some in _batched(rows[rank] for rank in ranks):
                file.write_batch(pa.RecordBatch.from_pylist(some, schema=source.schema_arrow))


def _rows_at(source: Any, places: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Return the rows at some places, which ascend."""
    rows: list[dict[str, Any]] = []
    first = 0
    for batch in source.iter_batches(_BATCH):
        end = first + batch.num_rows
        here = places[np.searchsorted(places, first) : np.searchsorted(places, end)]
        rows.extend(batch.take(pa.array(here - first)).to_pylist())
        first = end
    return rows


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that outlives a power cut."""
    with _durable(path) as file:
        file.write(content)


def _batched(items: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(items)
    while some := list(islice(remaining, _BATCH)):
        yield some


def _samples_batch(samples: list[Sample]) -> Any:
    columns = (
        [one.prompt for one in samples],
        [one.completion for one in samples],
        [one.system for one in samples],
        [[turn._asdict() for turn in one.history] for one in samples],
        [one.rejected for one in samples],
        [one.good for one in samples],
        [one.score for one in samples],
        [one.source for one in samples],
        [one.row for one in samples],
        [one.copy for one in samples],
    )
    return _batch(columns, _SAMPLES)


def _lineage_batch(samples: list[Sample]) -> Any:
    columns = (
        [one.source for one in samples],
        [one.row for one in samples],
        [one.copy for one in samples],
        [_digest(one) for one in samples],
    )
    return _batch(columns, _LINEAGE)


def _batch(columns: Iterable[list[Any]], schema: Any) -> Any:
    arrays = [
        pa.array(values, type=column.type) for values, column in zip(columns, schema, strict=True)
    ]
    return pa.record_batch(arrays, schema=schema)


def _digest(sample: Sample) -> bytes:
    return hashlib.blake2b("\0".join(texts_of(sample)).encode(), digest_size=16).digest()


@contextmanager
def _writer(path: Path, schema: Any) -> Iterator[Any]:
    with _durable(path) as file, parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        yield writer


@contextmanager
def _durable(path: Path) -> Iterator[BinaryIO]:
    with path.open("wb") as file:
        yield file
        # A power cut after the folder was published must not leave it with an empty file.
        file.flush()
        os.fsync(file.fileno())
