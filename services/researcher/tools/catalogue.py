"""The data sets at hand, which a person listed in a YAML file."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.researcher.tools.ranking import Ranking
from services.researcher.tools.research import Dataset, Found
from shared.contracts.base import sentences
from shared.errors import DataFailed
from shared.one_line import one_line
from shared.rows import Row, read_rows

SAMPLES = 5
"""Rows of a data set that are looked at."""

MOST_ROWS = 1_000_000
"""Rows that are counted; how many there are of more is unknown."""


class Entry(BaseModel):
    """One data set of the file."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    path: str = Field(min_length=1)
    """Of its rows, in any format of training rows; seen from the folder of the catalogue."""
    description: str = Field(min_length=1)
    """What its rows are, in words that a search may meet."""
    licence: str | None = None
    split: str | None = None
    """Which part of a larger data set it is, as ``train``."""


class Catalogue:
    """The data sets that a file lists, ranked by what a query asks; each is looked into once."""

    def __init__(self, file: Path, *, give_up: Callable[[], None] = lambda: None) -> None:
        """Take the YAML file; paths in it are seen from its folder.

        ``give_up`` is called before each data set; it raises when the work is no longer wanted.
        """
        self._file = file
        self._give_up = give_up
        self._read: tuple[list[Entry], Ranking, tuple[str, ...]] | None = None
        self._seen: dict[int, Dataset | str] = {}

    def look(self, query: str, most: int) -> Found[Dataset]:
        """Return the data sets that a query speaks of; bad entries are told."""
        if self._read is None:
            entries, faults = _read(self._file)
            texts = [f"{entry.name}\n{entry.description}" for entry in entries]
            self._read = entries, Ranking(texts), tuple(faults)
        entries, ranking, told = self._read
        seen = [self._look_into(place, entries[place]) for place in ranking.best(query, most)]
        items = tuple(one for one in seen if isinstance(one, Dataset))
        return Found(items, (*told, *(one for one in seen if isinstance(one, str))))

    def _look_into(self, place: int, entry: Entry) -> Dataset | str:
        """Return an entry's data set, or why it was left out."""
        if place not in self._seen:
            self._give_up()
            try:
                self._seen[place] = _dataset(entry, self._file.parent)
            except DataFailed as error:
                why = str(error).replace(f"{self._file.parent}/", "")
                self._seen[place] = f"{entry.name} of the catalogue was left out: {why}."
        return self._seen[place]


def _read(file: Path) -> tuple[list[Entry], list[str]]:
    try:
        listed = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (
        OSError,
        yaml.YAMLError,
        # What an odd scalar, as a day that no month has, makes yaml stumble over:
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        ValueError,
    ) as error:
        said = one_line(str(error), 200)
        return [], [f"The catalogue {file.name} could not be read: {said}."]
    if not isinstance(listed, list):
        found = type(listed).__name__
        return [], [f"The catalogue {file.name} wants a list of data sets, found a {found}."]
    entries, faults = [], []
    for number, one in enumerate(listed, start=1):
        try:
            entries.append(Entry.model_validate(one))
        except ValidationError as error:
            why = "; ".join(sentences(error.errors()))
            faults.append(f"Entry {number} of the catalogue was left out: {why}.")
    return entries, faults


def _dataset(entry: Entry, folder: Path) -> Dataset:
    """Raises DataFailed when its rows cannot be read."""
    first: list[Row] = []
    rows = 0
    for row in islice(_rows(folder / entry.path), MOST_ROWS + 1):
        rows += 1
        if len(first) < SAMPLES:
            first.append(row)
    return Dataset(
        name=one_line(entry.name, 100),
        where=entry.path,
        licence=None if entry.licence is None else one_line(entry.licence, 100),
        description=one_line(entry.description, 500),
        splits=(entry.split,) if entry.split else (),
        rows=rows if rows <= MOST_ROWS else None,
        columns=tuple(one_line(name, 60) for name in first[0].columns)[:50],
        samples=tuple(row.columns for row in first),
    )


def _rows(path: Path) -> Iterator[Row]:
    empty = True
    for row in read_rows(path):
        empty = False
        yield row
    if empty:
        raise DataFailed(f"{path.name}: wanted at least one row, found none")
