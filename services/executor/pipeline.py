"""Carries out a recipe's data operators once and keeps what they made.

What was made lies in a folder named after the operators, so the same operators are carried out only
once, by whichever recipe, worker or attempt comes first. Operators that see all samples end a
stage: what they made has a folder of its own, and recipes that begin alike share it.
"""

import errno
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter

from services.executor.operators.curriculum import easy_first
from services.executor.operators.hold_out import hold_out
from services.executor.operators.judging import Tally
from services.executor.sample_files import (
    iterate_samples,
    reorder_file,
    rows_of,
    split_file,
    write_durably,
    write_samples,
)
from services.executor.stages import Stored, first_stage, later_stage, stage_start
from services.executor.teacher.teacher import Teacher
from shared import rows
from shared.cache import MANIFEST, Use, obtain
from shared.contracts import operators as kinds
from shared.contracts.run import RowCount
from shared.errors import DataFailed

_TRAIN, _LINEAGE = "train.parquet", "lineage.parquet"
_HELD_OUT, _HELD_OUT_LINEAGE = "held_out.parquet", "held_out_lineage.parquet"
_ROW_COUNTS = TypeAdapter(tuple[RowCount, ...])
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Materialised:
    """Samples on disk, ready for a trainer. They stay there as long as this value lives."""

    train: Path
    """Samples to train on; read them with `read_materialised`. Beside it lies their lineage."""

    held_out: Path | None
    """Samples training must not see; None when none were set aside."""

    rows: tuple[RowCount, ...]
    """What each operator kept. ``load`` counts rows; what ``hold_out`` sets aside did not leave,
    and nor did the copies of it."""

    use: Use | None = field(default=None, compare=False, repr=False)
    """Keeps the folder from being evicted; None of files that are in no cache."""


def materialise(
    operators: Sequence[kinds.Operator], cache: Path, teacher: Teacher | None = None
) -> Materialised:
    """Return what the operators make of their file, making only what ``cache`` lacks.

    Doing it twice, or in two processes at once, gives the same bytes once; the file is not read
    again. After an error only whole stages are left in the cache.

    Args:
        operators: of a recipe.
        cache: folder of prepared data.
        teacher: whom operators may ask; one that asks fails without.

    Raises:
        DataFailed: a file cannot be read or is another, a row does not fit, no sample is left, the
            disk is full, or the teacher refuses.
        Unavailable: the teacher is away. What it replied is kept.
    """
    with _room_wanted(cache):
        return _made(operators, len(operators), cache, teacher)


def read_materialised(path: Path) -> Iterator[rows.Sample]:
    """Yield the samples of one file of a `Materialised`, in order."""
    return iterate_samples(path)


def _made(
    operators: Sequence[kinds.Operator], upto: int, cache: Path, teacher: Teacher | None
) -> Materialised:
    """Return what the first ``upto`` operators make."""
    folder = cache / _name(operators[:upto])
    fill = partial(_fill, operators=operators, upto=upto, cache=cache, teacher=teacher)
    use = obtain(folder, fill)
    held_out = folder / _HELD_OUT
    return Materialised(
        train=folder / _TRAIN,
        held_out=held_out if held_out.exists() else None,
        rows=_ROW_COUNTS.validate_json((folder / MANIFEST).read_bytes()),
        use=use,
    )


def _name(operators: Sequence[kinds.Operator]) -> str:
    canonical = json.dumps(
        [operator.model_dump(mode="json") for operator in operators],
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def _fill(
    folder: Path,
    *,
    operators: Sequence[kinds.Operator],
    upto: int,
    cache: Path,
    teacher: Teacher | None,
) -> None:
    """Carry out the last stage of the first ``upto`` operators, on what those before it make."""
    start = stage_start(operators[:upto])
    before = _made(operators, start, cache, teacher) if start else None
    stage = operators[start:upto]
    tallies = [Tally(operator.kind) for operator in stage]
    match stage:
        case [kinds.HoldOut() as last] if before is not None:
            _set_aside(folder, before, last, tallies[0])
        case [kinds.Curriculum() as last] if before is not None:
            _put_in_order(folder, before, last, tallies[0])
        case _:
            samples = _samples(stage, tallies, before, cache, teacher)
            write_samples(folder / _TRAIN, folder / _LINEAGE, samples)
            _refuse_nothing(operators, start, tallies)
    counts = (*(before.rows if before else ()), *(tally.count() for tally in tallies))
    write_durably(folder / MANIFEST, _ROW_COUNTS.dump_json(counts, indent=2))


def _samples(
    stage: Sequence[kinds.Operator],
    tallies: list[Tally],
    before: Materialised | None,
    cache: Path,
    teacher: Teacher | None,
) -> Iterator[rows.Sample]:
    if before is None:
        return first_stage(stage, tallies)

    def prepare(operators: Sequence[kinds.Operator]) -> Stored:
        return _stored(_made(operators, len(operators), cache, teacher))

    return later_stage(stage, tallies, _stored(before), prepare, teacher)


def _stored(made: Materialised) -> Stored:
    origins = tuple(origin for row in made.rows for origin in row.origins)
    # Reading through the value keeps its folder in use.
    return Stored(made.rows[-1].rows_out, lambda: read_materialised(made.train), origins)


def _set_aside(folder: Path, before: Materialised, operator: kinds.HoldOut, tally: Tally) -> None:
    tally.rows_in = before.rows[-1].rows_out
    row, copy = rows_of(before.train.with_name(_LINEAGE))
    chosen = hold_out(
        row, copy, share=operator.share, max_samples=operator.max_samples, seed=operator.seed
    )
    aside = chosen & ~copy
    tally.dropped["set aside"] = int(aside.sum())
    tally.dropped["copy of one set aside"] = int((chosen & copy).sum())
    tally.rows_out = tally.rows_in - int(chosen.sum())
    if not aside.any():
        for name in (_TRAIN, _LINEAGE):
            write_durably(folder / name, before.train.with_name(name).read_bytes())
        return
    for name, held_out in ((_TRAIN, _HELD_OUT), (_LINEAGE, _HELD_OUT_LINEAGE)):
        split_file(before.train.with_name(name), {folder / name: ~chosen, folder / held_out: aside})


def _put_in_order(
    folder: Path, before: Materialised, operator: kinds.Curriculum, tally: Tally
) -> None:
    tally.rows_in = tally.rows_out = before.rows[-1].rows_out
    order = easy_first(read_materialised(before.train), operator.first)
    for name in (_TRAIN, _LINEAGE):
        reorder_file(before.train.with_name(name), order, folder / name)


def _refuse_nothing(
    operators: Sequence[kinds.Operator], start: int, tallies: Sequence[Tally]
) -> None:
    if tallies[-1].rows_out:
        return
    place = next(place for place, tally in enumerate(tallies) if not tally.rows_out)
    operator, tally = operators[start + place], tallies[place]
    if isinstance(operator, kinds.Load | kinds.LoadHub):
        source = operator.path if isinstance(operator, kinds.Load) else operator.dataset
        raise DataFailed(f"{source}: wanted at least one row, found none; give a file with rows")
    now = ", ".join(f"{name}={value}" for name, value in operator if name != "kind")
    why = ", ".join(f"{reason}: {count}" for reason, count in tally.dropped.most_common(3))
    raise DataFailed(
        f"data operator {start + place + 1} of {len(operators)}, {operator.kind}: wanted at least "
        f"one sample to be left of the {tally.rows_in} that arrived, found none ({why}); remove it "
        f"or loosen it (now {now})"
    )


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
