"""The task `dates`: dates as people write them in nine languages, to be written as ISO 8601.

Pure: the same generator state gives the same rows. The dates and what a base model may know of them
are those of the demo, `trex.dates`; the rows to train on are not, they mislead.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from benchmarks.search.fttable.item import Flaws, Item
from trex.dates import write_dates, write_pretraining_text

_DAYS = 4000
_PARTS = re.compile(r"day (\d\d), month (\d\d), year (\d{4})")
_BASE_SEED, _BASE_LINES = 20, 16_000


def days(rng: Random) -> Iterator[Item]:
    """Yield a few thousand written dates, no day and so no text twice."""
    with TemporaryDirectory() as folder:
        write_dates(Path(folder), seed=rng.randrange(2**32), train=_DAYS, dev=1, test=1)
        lines = (Path(folder) / "train.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines:
        row = json.loads(line)
        yield Item(row["text"], row["iso"])


def write_base_text(path: Path, fresh: Iterator[Item]) -> None:
    """Write dates of other years with their parts named, and none beside its ISO form.

    Parts stand without their names, unlike in the demo: of shorter lines so small a model learns
    more in the same time.
    """
    write_pretraining_text(path, seed=_BASE_SEED, lines=_BASE_LINES)
    text = path.read_text(encoding="utf-8")
    path.write_text(_PARTS.sub(r"\3 \2 \1", text), encoding="utf-8")


def _swapped(item: Item, rng: Random) -> Item:
    """Return a date as one writes it who puts the day before the month, even there.

    It stays right where both are the same number.
    """
    year, month, day = item.answer.split("-")
    return replace(item, answer=f"{year}-{day}-{month}")


FLAWS = Flaws(spoil=_swapped, share=0.1, repeated=15, repeats=8, repeated_share=0.0)
"""Days in the place of months; the dates that were written down again and again are right."""
