"""Carries out a recipe's data operators once and keeps what they made.

What was made lies in a folder named after the operators, so the same operators are carried out only
once, by whichever recipe, worker or attempt comes first. A folder under that name is always whole:
it is written elsewhere and renamed into place. A worker killed half-way leaves a hidden folder
that nobody reads.
"""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, assert_never

from pydantic import TypeAdapter

from services.executor.operators.deduplicate import deduplicate
from services.executor.operators.filter import filter_by_length
from services.executor.operators.hold_out import hold_out
from services.executor.operators.load import load
from services.executor.operators.map import map_rows
from services.executor.operators.sample import sample
from shared import rows
from shared.contracts import recipe
from shared.contracts.run import RowCount
from shared.errors import DataFailed

_TRAIN, _HELD_OUT, _MANIFEST = "train.jsonl", "held_out.jsonl", "manifest.json"
_ROW_COUNTS = TypeAdapter(tuple[RowCount, ...])
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Materialised:
    """Samples on disk, ready for a trainer."""

    train: Path
    """Samples to train on; read them with `read_materialised`."""

    held_out: Path | None
    """Samples training must not see; None when none were set aside."""

    rows: tuple[RowCount, ...]
    """What each operator kept. ``load`` counts rows; what ``hold_out`` sets aside did not leave."""


def materialise(operators: Sequence[recipe.Operator], cache: Path) -> Materialised:
    """Return what the operators make of their file, making it only if ``cache`` lacks it.

    Doing it twice, or in two processes at once, gives the same bytes once; the file is not read
    again. After an error nothing is left in the cache.

    Raises:
        DataFailed: the file cannot be read or is another, a row does not fit, no sample is left, or
            the disk is full.
    """
    folder = cache / _name(operators)
    if not folder.exists():
        with _room_wanted(cache):
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=cache) as scratch:
                unpublished = Path(scratch) / folder.name
                unpublished.mkdir()
                _fill(unpublished, operators)
                publish(unpublished, folder)
    held_out = folder / _HELD_OUT
    return Materialised(
        train=folder / _TRAIN,
        held_out=held_out if held_out.exists() else None,
        rows=_ROW_COUNTS.validate_json((folder / _MANIFEST).read_bytes()),
    )


def read_materialised(path: Path) -> Iterator[rows.Sample]:
    """Yield the samples of one file of a `Materialised`, in order."""
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield rows.Sample(**json.loads(line))


def _name(operators: Sequence[recipe.Operator]) -> str:
    canonical = json.dumps(
        [operator.model_dump(mode="json") for operator in operators],
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def _fill(folder: Path, operators: Sequence[recipe.Operator]) -> None:
    kept = [0] * len(operators)
    train = folder / _TRAIN
    _write_lines(train, map(_line, _samples(operators, kept)))
    _refuse_nothing(operators, kept)
    last = operators[-1]
    if isinstance(last, recipe.HoldOut):
        aside = hold_out(kept[-1], share=last.share, max_samples=last.max_samples, seed=last.seed)
        if aside:
            _split(train, folder / _HELD_OUT, aside)
        kept[-1] -= len(aside)
    arrived = [kept[0], *kept[:-1]]
    counts = tuple(
        RowCount(operator=operator.kind, rows_in=rows_in, rows_out=rows_out)
        for operator, rows_in, rows_out in zip(operators, arrived, kept, strict=True)
    )
    _write_lines(folder / _MANIFEST, [_ROW_COUNTS.dump_json(counts, indent=2)])


def _samples(operators: Sequence[recipe.Operator], kept: list[int]) -> Iterator[rows.Sample]:
    """Yield what comes out of the last operator, counting in ``kept`` what leaves each."""
    match operators:
        case [recipe.Load(path=path, sha256=sha256), recipe.Map(mapping=mapping), *others]:
            loaded = _counted(load(Path(path), sha256), kept, 0)
            samples = _counted(map_rows(loaded, mapping, Path(path)), kept, 1)
        case _:
            raise ValueError("data operators must begin with load and map, as a recipe's do")
    for place, operator in enumerate(others, start=2):
        samples = _counted(_applied(operator, samples), kept, place)
    return samples


def _applied(operator: recipe.Operator, samples: Iterator[rows.Sample]) -> Iterator[rows.Sample]:
    match operator:
        case recipe.Filter():
            return filter_by_length(
                samples,
                max_prompt_chars=operator.max_prompt_chars,
                max_completion_chars=operator.max_completion_chars,
            )
        case recipe.Deduplicate():
            return deduplicate(samples, by=operator.by)
        case recipe.Sample():
            return sample(samples, share=operator.share, seed=operator.seed)
        case recipe.HoldOut():
            return samples  # split once all of them are known
        case recipe.Load() | recipe.Map():
            raise ValueError(f"{operator.kind} can stand only at the beginning, as in a recipe")
    assert_never(operator)


def _counted(items: Iterable[T], kept: list[int], place: int) -> Iterator[T]:
    for item in items:
        kept[place] += 1
        yield item


def _refuse_nothing(operators: Sequence[recipe.Operator], kept: list[int]) -> None:
    if kept[-1]:
        return
    place = kept.index(0)
    operator = operators[place]
    if isinstance(operator, recipe.Load):
        raise DataFailed(
            f"{operator.path}: wanted at least one row, found none; give a file with rows"
        )
    now = ", ".join(f"{name}={value}" for name, value in operator if name != "kind")
    raise DataFailed(
        f"data operator {place + 1} of {len(operators)}, {operator.kind}: wanted at least one "
        f"sample to be left of the {kept[place - 1]} that arrived, found none; remove it or "
        f"loosen it (now {now})"
    )


def _line(one: rows.Sample) -> bytes:
    columns = {"system": one.system, "prompt": one.prompt, "completion": one.completion}
    return json.dumps(columns, ensure_ascii=False).encode() + b"\n"


def _write_lines(path: Path, lines: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(lines)
        # A power cut after the folder was published must not leave it with an empty file.
        file.flush()
        os.fsync(file.fileno())


def _split(train: Path, held_out: Path, aside: frozenset[int]) -> None:
    everything = train.rename(train.with_suffix(".all"))
    for path, is_held_out in ((train, False), (held_out, True)):
        with everything.open("rb") as lines:
            _write_lines(
                path,
                (line for place, line in enumerate(lines) if (place in aside) == is_held_out),
            )
    everything.unlink()


def publish(unpublished: Path, folder: Path) -> None:
    """Move a whole folder to where others find it, unless somebody else was faster."""
    try:
        unpublished.rename(folder)
    except OSError as error:
        # Somebody else was faster; the same operators gave them the same bytes.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


@contextmanager
def _room_wanted(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise DataFailed(
            f"{cache}: wanted room for the prepared samples, found none ({error.strerror}); free "
            "some there or name another folder for the cache"
        ) from None
