"""Writes the brief as a Markdown document. Pure.

Text of models and strangers is text here and nothing else: no heading, link, picture or table of
theirs comes through.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.researcher.llm.briefing.looking_up import Evidence, Read
from services.researcher.llm.briefing.writing import MARK, Remark, Written
from shared.contracts.brief import Brief, DatasetFound, Source
from shared.markdown import plain
from shared.one_line import one_line

_NUMBER = re.compile("\0(\\d+)\0")
"""A citation until all are known: no text holds this sign."""


@dataclass(frozen=True, slots=True)
class Page:
    """A document, and the sources and data sets that it cites, numbered as it cites them."""

    markdown: str
    sources: tuple[Source, ...]
    datasets: tuple[DatasetFound, ...]


def page(brief: Brief, evidence: Evidence, written: Written | None, faults: Iterable[str]) -> Page:
    """Return the brief as far as it is known.

    Sources are numbered in the order in which the text cites them; what it does not cite is left
    out. Where no model read what was found, all of it is listed with its own words.

    Args:
        brief: its summary, task type and requirements.
        evidence: what was found.
        written: what a model made of it; None where there was no counsel.
        faults: what else is missing from the brief, a sentence each.
    """
    body = "\n".join(
        [
            "# The brief",
            "",
            *([_text(written.overview), ""] if written else []),
            f"In numbers: {plain(brief.summary)}",
            "",
            *_asks(brief),
            *_found(evidence, written),
            *_section("What is missing here", map(plain, (*evidence.faults, *faults))),
        ]
    )
    order = list(dict.fromkeys(int(number) for number in _NUMBER.findall(body)))
    numbers = {before: after for after, before in enumerate(order, start=1)}
    body = _NUMBER.sub(lambda mark: f"[{numbers[int(mark[1])]}]", body)
    kept = {one.source.number: one for one in evidence.read if one.source.number in numbers}
    sources = tuple(_renumbered(kept[number], numbers, written) for number in order)
    datasets = tuple(
        one.model_copy(update={"source": numbers[number]})
        for number in order
        if (one := kept[number].dataset) is not None
    )
    ending = _section("Sources", (_line(source) for source in sources))
    return Page("\n".join([body, *ending]).rstrip(), sources, datasets)


def _asks(brief: Brief) -> Iterator[str]:
    wanted = brief.requirements
    if wanted is None:
        return
    yield from ("## What the job asks for", "")
    yield f"- Kind of answer: {brief.task_type.replace('_', ' ')}"
    yield f"- A right answer: {plain(wanted.output_format)}"
    yield f"- A good one: {plain(wanted.success)}"
    yield from (f"- {plain(constraint)}" for constraint in wanted.constraints)
    yield ""
    yield from _section("What may go wrong", map(plain, wanted.risks))
    yield from _section("What was not said", map(plain, wanted.missing))


def _found(evidence: Evidence, written: Written | None) -> Iterator[str]:
    if written is None:
        texts = [one for one in evidence.read if one.dataset is None]
        lines = (f"{plain(one.source.title)} {_cite(one)}: {_own(one)}" for one in texts)
        yield from _section("What was found, which no model has read", lines)
        yield from _table([one for one in evidence.read if one.dataset], [])
        return
    yield from _section("What the literature says", map(_remark, written.literature))
    worth = {remark.source for remark in written.data}
    chosen = [one for one in evidence.read if one.source.number in worth]
    yield from _table(chosen, written.data)
    yield from ("## What to try first", "", _text(written.first), "")


def _own(one: Read) -> str:
    return f"“{plain(one.source.said)}”" if one.source.said else "nothing is said of it"


def _table(chosen: list[Read], remarks: list[Remark]) -> Iterator[str]:
    if not chosen:
        return
    yield from ("## Data sets worth a look", "")
    yield "| data set | licence | rows | columns | may hold scored rows |"
    yield "|---|---|---|---|---|"
    for one in chosen:
        found = one.dataset
        assert found is not None
        rows = "unknown" if found.rows is None else f"{found.rows:,}"
        columns = ", ".join(found.columns[:8]) + (", …" if len(found.columns) > 8 else "")
        yield (
            f"| {plain(found.name)} {_cite(one)} | {plain(found.licence or 'unknown')} | {rows} "
            f"| {plain(columns or 'unknown')} | {plain(found.contamination)} |"
        )
    yield ""
    yield from (f"- {_remark(remark)}" for remark in remarks)
    yield from [""] * bool(remarks)


def _section(title: str, lines: Iterable[str]) -> list[str]:
    listed = [f"- {line}" for line in lines]
    return [f"## {title}", "", *listed, ""] if listed else []


def _remark(remark: Remark) -> str:
    cites = f"\0{remark.source}\0"
    said = _text(remark.says)
    return said if cites in said else f"{said} {cites}"


def _cite(one: Read) -> str:
    return f"\0{one.source.number}\0"


def _renumbered(one: Read, numbers: dict[int, int], written: Written | None) -> Source:
    """Return a source with its new number and with what the document takes from it."""
    remarks = (*written.literature, *written.data) if written else ()
    taken = [MARK.sub("", remark.says) for remark in remarks if remark.source == one.source.number]
    said = one_line(" ".join(taken), 600) or one.source.said
    return one.source.model_copy(update={"number": numbers[one.source.number], "said": said})


def _line(source: Source) -> str:
    year = f", {source.year}" if source.year else ""
    where = source.where
    address = f"<{where}>" if where.startswith("https://") else plain(where)
    title = plain(source.title)
    return f"[{source.number}] {title}{year}: {address}"


def _text(said: str) -> str:
    """Return a model's sentences on one line, their citations marked to be numbered."""
    parts = MARK.split(said)
    return "".join(
        _cites(part) if place % 2 else _between(part) for place, part in enumerate(parts)
    ).strip()


def _between(part: str) -> str:
    """Return text plain, with a space where it had one beside a citation."""
    before, after = part[:1].isspace() * " ", part[-1:].isspace() * " "
    return f"{before}{plain(part)}{after}"


def _cites(numbers: str) -> str:
    return "".join(f"\0{int(number)}\0" for number in numbers.split(","))
