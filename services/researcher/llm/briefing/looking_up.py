"""Lets a language model say what to look for, and looks.

The model writes queries and does not hold the tools: see decision record 24.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, StringConstraints

from services.researcher.llm.adviser import Adviser
from services.researcher.llm.prompts import prompt
from services.researcher.tools.contamination import contamination, shared_with
from services.researcher.tools.research import Dataset, Found, Kind, Paper, Passage, Research
from shared.asking.question import Shape
from shared.contracts.brief import BriefRequest, DatasetFound, Source
from shared.errors import Rejected
from shared.one_line import one_line
from shared.rows import read_samples

MOST_PAPERS = 10
MOST_PASSAGES = 6
MOST_DATASETS = 6

COMPARED = 20_000
"""Training rows that a data set's sample rows are looked for in."""

T = TypeVar("T")

Query = Annotated[str, StringConstraints(max_length=80)]


class Queries(Shape):
    """What a model wants looked up."""

    papers: Annotated[list[Query], Field(max_length=5)]
    documents: Annotated[list[Query], Field(max_length=5)]
    datasets: Annotated[list[Query], Field(max_length=5)]


@dataclass(frozen=True, slots=True)
class Read:
    """Something that was found, with what a model may read of it."""

    source: Source
    text: str
    """Of strangers."""
    dataset: DatasetFound | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was found, numbered from 1, and what could not be looked into."""

    read: tuple[Read, ...] = ()
    faults: tuple[str, ...] = ()
    """A sentence each."""


def look_up(told: str, request: BriefRequest, research: Research, adviser: Adviser) -> Evidence:
    """Return what is found for the queries that a model writes.

    Args:
        told: what the model is told of the job.
        request: the job.
        research: where to look.
        adviser: the model.

    Raises:
        NoCounsel: there are no queries to be had.
        shared.answering.GivenUp: the work was cancelled or taken away meanwhile.
    """
    kinds = research.kinds
    if not kinds:
        return Evidence(
            faults=(
                "Nothing was looked up: the network is off, and there is neither a library nor a "
                "catalogue; see TREX_RESEARCHER_NETWORK, TREX_RESEARCHER_LIBRARY and "
                "TREX_RESEARCHER_CATALOGUE.",
            )
        )
    open_to = [
        ("papers", "papers" in kinds),
        ("documents", "passages" in kinds),
        ("datasets", bool({"datasets", "catalogue"} & kinds)),
    ]
    wanted = [name for name, can in open_to if can]
    told = f"{told}\n\n## What can be looked into\n\n{', '.join(wanted)}"

    def check(said: Queries) -> None:
        if not any(_asked(getattr(said, name)) for name in wanted):
            raise Rejected(f"wanted at least one query for {' or '.join(wanted)}, found none")

    queries = adviser.ask(prompt("research"), told, Queries, check=check)
    return _evidence(queries, request, research)


def _evidence(queries: Queries, request: BriefRequest, research: Research) -> Evidence:
    kinds = research.kinds

    def asked(kind: Kind, written: Sequence[str]) -> list[str]:
        return _asked(written) if kind in kinds else []

    papers = _first(research.papers, asked("papers", queries.papers))
    passages = _first(research.passages, asked("passages", queries.documents))
    hub = _first(research.datasets, asked("datasets", queries.datasets))
    at_hand = _first(research.catalogue, asked("catalogue", queries.datasets))
    read: list[Read] = []
    read += _papers(_once(papers.items, lambda one: one.where, MOST_PAPERS), 1)
    read += _passages(_once(passages.items, lambda one: one, MOST_PASSAGES), len(read) + 1)
    datasets = _once((*at_hand.items, *hub.items), lambda one: one.name, MOST_DATASETS)
    read += _datasets(list(datasets), request, len(read) + 1)
    faults = (*papers.faults, *passages.faults, *at_hand.faults, *hub.faults)
    return Evidence(tuple(read), tuple(dict.fromkeys(faults)))


def _asked(queries: Sequence[str]) -> list[str]:
    """Return the queries that hold a word, each once."""
    clean = (one_line(query, 80) for query in queries)
    return list(dict.fromkeys(query for query in clean if any(map(str.isalnum, query))))


def _first(look: Callable[[str], Found[T]], queries: Sequence[str]) -> Found[T]:
    """Return what all queries give: the best of each, then the second best of each, and so on."""
    found = [look(query) for query in queries]
    turns = chain.from_iterable(zip_longest(*(one.items for one in found)))
    items = tuple(item for item in turns if item is not None)
    return Found(items, tuple(fault for one in found for fault in one.faults))


def _once(items: Iterable[T], name: Callable[[T], Any], most: int) -> Iterable[T]:
    named: dict[Any, T] = {}
    for item in items:
        named.setdefault(name(item), item)
    return islice(named.values(), most)


def _papers(papers: Iterable[Paper], number: int) -> Iterator[Read]:
    for place, paper in enumerate(papers, start=number):
        source = Source(
            number=place,
            kind="paper",
            title=paper.title,
            where=paper.where,
            year=paper.year,
            said=one_line(paper.abstract, 300),
        )
        yield Read(source, f"{paper.title}\n{paper.abstract}")


def _passages(passages: Iterable[Passage], number: int) -> Iterator[Read]:
    for place, passage in enumerate(passages, start=number):
        title = ", ".join(part for part in (passage.document, passage.place) if part)
        source = Source(
            number=place,
            kind="document",
            title=one_line(title, 300),
            where=passage.document,
            said=one_line(passage.text, 300),
        )
        yield Read(source, f"{title}\n{passage.text}")


def _datasets(datasets: list[Dataset], request: BriefRequest, number: int) -> Iterator[Read]:
    samples = islice(read_samples(Path(request.train), request.mapping), COMPARED)
    shared = shared_with(datasets, (sample.prompt for sample in samples) if datasets else ())
    for place, (one, rows) in enumerate(zip(datasets, shared, strict=True), start=number):
        found = DatasetFound(
            source=place,
            name=one.name,
            licence=one.licence,
            rows=one.rows,
            columns=one.columns,
            samples=tuple(_as_json(row) for row in one.samples),
            contamination=contamination(one, request.goal, rows),
        )
        source = Source(
            number=place,
            kind="dataset",
            title=one.name,
            where=one.where,
            said=one_line(one.description, 300),
        )
        yield Read(source, _words(one, found), found)


def _words(one: Dataset, found: DatasetFound) -> str:
    size = "unknown" if one.rows is None else f"{one.rows:,}"
    return "\n".join(
        [
            one.name,
            f"licence: {one.licence or 'unknown'}; rows: {size}; splits: {', '.join(one.splits)}",
            f"columns: {', '.join(one.columns)}",
            one.description,
            *found.samples,
        ]
    )


def _as_json(row: dict[str, Any]) -> str:
    return one_line(json.dumps(row, ensure_ascii=False, default=str), 300)
