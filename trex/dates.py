"""The demo's task: dates as people write them in nine languages, to be written as ISO 8601.

Pure: the same seed writes the same bytes. Every text means one date without knowing its language:
the month comes first only where it is a word, and a year of two digits lies in 1950-2049.
"""

import json
import os
import random
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path

from babel.dates import format_date, get_month_names

from shared.errors import Rejected

LOCALES = ("en_US", "en_GB", "de", "fr", "es", "it", "nl", "pl", "sv", "pt")
STYLES = ("short", "medium", "long", "full")
FIRST_DAY = date(1950, 1, 1)
LAST_DAY = date(2049, 12, 31)

# en_US puts the month first, which only its reader can know; sv writes ISO 8601 already.
_LEFT_OUT = {("en_US", "short"), ("sv", "short")}
_WRITINGS = [
    (locale, style) for locale in LOCALES for style in STYLES if (locale, style) not in _LEFT_OUT
]


def write_dates(
    folder: Path, *, seed: int, train: int, dev: int, test: int, confirm: int | None = None
) -> None:
    """Write `train.jsonl`, `dev.jsonl`, `test.jsonl` and `confirm.jsonl`, replacing what is there.

    A row is `{"text": "3. März 2021", "iso": "2021-03-03", "language": "de"}`. No calendar date,
    and so no text, stands in two rows.

    Args:
        folder: where to write; made when missing.
        seed: the same seed and counts write the same bytes.
        train: rows to train on, at least 1, as `dev` and `test`.
        dev: rows that choose between recipes.
        test: rows that judge the winner.
        confirm: rows that finalists are checked on; None for no such file.

    Raises:
        Rejected: a count below 1, or more rows than there are days from `FIRST_DAY` to `LAST_DAY`.
    """
    sizes = {"train": train, "dev": dev, "test": test}
    if confirm is not None:
        sizes["confirm"] = confirm
    days = (LAST_DAY - FIRST_DAY).days + 1
    if min(sizes.values()) < 1 or sum(sizes.values()) > days:
        raise Rejected(
            f"wanted at least 1 row a split and at most {days} in all, found {sizes}; "
            "change the counts"
        )
    random_ = random.Random(seed)
    chosen = iter(random_.sample(range(days), sum(sizes.values())))
    folder.mkdir(parents=True, exist_ok=True)
    for split, size in sizes.items():
        rows = [_row(FIRST_DAY + timedelta(days=next(chosen)), random_) for _ in range(size)]
        _write_lines(folder / f"{split}.jsonl", rows)


def write_pretraining_text(path: Path, *, seed: int, lines: int) -> None:
    """Write what a base model may know before it meets the task, one document a line.

    A line is plain text, or a question and its answer with a tab between. There are dates
    with their parts named ("day 03, month 03, year 1871"), month names with their numbers, digits
    to copy, and calendars. No line holds a written date beside its ISO form, and no date lies in
    the years of the task: what an untrained model lacks is the form, the years, and years of two
    digits.

    Args:
        path: the file; its folder is made when missing, and what is there is replaced.
        seed: the same seed and number of lines write the same bytes.
        lines: documents to write, at least 1.

    Raises:
        Rejected: fewer than one line.
    """
    if lines < 1:
        raise Rejected(f"wanted at least 1 line, found {lines}; ask for more")
    random_ = random.Random(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds, weights = zip(*_DOCUMENTS.items(), strict=True)
    chosen = random_.choices(kinds, weights, k=lines)
    _write_lines(path, (document(random_) for document in chosen))


def _row(day: date, random_: random.Random) -> str:
    locale, style = random_.choice(_WRITINGS)
    row = {"text": _written(day, locale, style), "iso": day.isoformat(), "language": locale}
    return json.dumps(row, ensure_ascii=False)


def _written(day: date, locale: str, style: str) -> str:
    # CLDR puts no-break spaces into some languages' dates; people type plain ones.
    text = format_date(day, style, locale=locale)
    return " ".join(text.split())


def _day_elsewhere(random_: random.Random) -> date:
    """Return a day of 1850-2149 outside the task's years."""
    while True:
        day = date(1850, 1, 1) + timedelta(days=random_.randrange(109_500))
        if not FIRST_DAY <= day <= LAST_DAY:
            return day


def _parts(random_: random.Random) -> str:
    """Take a written date apart, every number named, smallest unit first."""
    day = _day_elsewhere(random_)
    written = _written(day, *random_.choice(_WRITINGS))
    return f"{written}\tday {day:%d}, month {day:%m}, year {day:%Y}"


def _month(random_: random.Random) -> str:
    """Ask for the number of a month's name, in one of the forms CLDR knows."""
    month = random_.randint(1, 12)
    width = random_.choice(["wide", "abbreviated"])
    context = random_.choice(["format", "stand-alone"])
    names = get_month_names(width, context, locale=random_.choice(LOCALES))  # type: ignore[arg-type]
    return f"month: {names[month]}\t{month:02}"


def _copy(random_: random.Random) -> str:
    """Ask for digits again."""
    digits = random_.choices("0123456789", k=random_.randint(2, 8))
    return f"copy: {''.join(digits)}\t{''.join(digits)}"


def _calendar(random_: random.Random) -> str:
    """Count a few days on, in ISO 8601 alone."""
    day = _day_elsewhere(random_)
    return ", ".join((day + timedelta(days=ahead)).isoformat() for ahead in range(4))


def _diary(random_: random.Random) -> str:
    """Name a few days, in one language alone."""
    writing = random_.choice(_WRITINGS)
    return "; ".join(_written(_day_elsewhere(random_), *writing) for _ in range(3))


_DOCUMENTS: dict[Callable[[random.Random], str], int] = {
    _parts: 12,
    _month: 2,
    _copy: 1,
    _calendar: 1,
    _diary: 1,
}
"""Each kind of document with its weight."""


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a whole file or, when interrupted, nothing at that path."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with unfinished.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
    unfinished.replace(path)
