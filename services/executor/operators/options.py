"""Puts the options of a multiple-choice prompt in other orders."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import factorial
from typing import NamedTuple

from shared.rows import Sample

_OPTION = re.compile(
    r"(?P<before>\s*[(\[]?)(?P<label>[A-Za-z]|\d{1,2})(?P<after>(?:[)\]、]|[.．](?!\d))\s*)"
    r"(?P<text>\S.*?)(?P<end>\s*)"
)
_ANSWER = re.compile(
    r"(?P<before>\s*(?i:(?:(?:the|final|correct|right|best)\s+)*(?:answer|option|choice)"
    r"(?:\s+is)?\s*[:：]?\s*|答案[是为]?\s*[:：]?\s*)?[(\[]?)"
    r"(?P<label>[A-Za-z]|\d{1,2})(?!\w)(?P<after>[)\].:：、．\s]*(?P<text>.*))",
    re.DOTALL,
)
_SPEAKS_OF_OTHERS = re.compile(
    r"(?i:\b(?:above|below|previous|preceding|following|foregoing)\b)|以上|以下|上述|前述"
    r"|(?<![A-Za-z])[A-Z]\W*(?:and|or|,|/|&|和|与|或)\W*[A-Z](?![A-Za-z])"
    r"|(?<!\d)\d{1,2}\W*(?:and|or|&|和|与|或)\W*\d{1,2}(?!\d)"
)


class _Option(NamedTuple):
    line: int
    before: str
    label: str
    after: str
    text: str
    end: str


class _Answer(NamedTuple):
    before: str
    place: int
    """Of the option that it names, from 0."""
    after: str


def reordered(sample: Sample, draw: Callable[[], float]) -> Iterator[Sample]:
    """Yield the sample with its options in every other order, as luck has it.

    Its answers name the same options as before. None where there are no options in which every
    answer can be found, or where these cannot change places: two say the same, or one of them
    speaks of the others. Of several lists of options the last one that fits counts.
    """
    lines = sample.prompt.split("\n")
    said = [sample.completion, *([] if sample.rejected is None else [sample.rejected])]
    for options in reversed(_lists(lines)):
        answers = [found for text in said if (found := _answer(text, options)) is not None]
        if len(answers) == len(said) and _can_change_places(options):
            for order in _other_orders(len(options), draw):
                named = [_named(one, options, order) for one in answers]
                yield replace(
                    sample,
                    prompt=_written(lines, options, order),
                    completion=named[0],
                    rejected=named[1] if len(named) > 1 else None,
                )
            return


def _lists(lines: Sequence[str]) -> list[list[_Option]]:
    """Return every list of options: lines that are numbered from the first letter or from 1."""
    lists: list[list[_Option]] = []
    current: list[_Option] = []
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        found = _OPTION.fullmatch(line)
        option = None if found is None else _Option(number, *found.groups())
        if option is not None and _continues(current, option):
            current.append(option)
        else:
            current = [option] if option is not None and option.label in ("A", "a", "1") else []
            lists.append(current)
    return [options for options in lists if len(options) > 1]


def _continues(options: list[_Option], option: _Option) -> bool:
    if not options:
        return False
    first = options[0]
    alike = (first.before.strip(), first.after.strip()) == (
        option.before.strip(),
        option.after.strip(),
    )
    number = len(options)
    due = str(1 + number) if first.label == "1" else chr(ord(first.label) + number)
    return alike and option.label == due


def _answer(text: str, options: list[_Option]) -> _Answer | None:
    """Return which option an answer names; None unless it says that and nothing else."""
    found = _ANSWER.fullmatch(text)
    if found is None:
        return None
    for place, option in enumerate(options):
        if found["label"] == option.label and found["text"].strip() in ("", option.text):
            return _Answer(found["before"], place, found["after"])
    return None


def _can_change_places(options: list[_Option]) -> bool:
    distinct = len({" ".join(option.text.casefold().split()) for option in options})
    return distinct == len(options) and not any(
        _SPEAKS_OF_OTHERS.search(option.text) for option in options
    )


def _other_orders(count: int, draw: Callable[[], float]) -> Iterator[tuple[int, ...]]:
    seen = {tuple(range(count))}
    while len(seen) < factorial(count):
        order = tuple(sorted(range(count), key=lambda _: draw()))
        if order not in seen:
            seen.add(order)
            yield order


def _written(lines: Sequence[str], options: list[_Option], order: tuple[int, ...]) -> str:
    written = list(lines)
    for option, place in zip(options, order, strict=True):
        moved = option._replace(text=options[place].text)
        written[option.line] = "".join(moved[1:])
    return "\n".join(written)


def _named(answer: _Answer, options: list[_Option], order: tuple[int, ...]) -> str:
    return answer.before + options[order.index(answer.place)].label + answer.after
