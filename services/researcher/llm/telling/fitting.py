"""Fits what a language model is told into the tokens there are. Pure, but for the counting."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from services.researcher.llm.adviser import RoomTooSmall

STEP = 3
"""What one form less of a section weighs against one priority: a shorter form stays as long as the
next longer form of a section that is so much more important."""


@dataclass(frozen=True, slots=True)
class Form:
    """A section in one degree of detail."""

    text: str
    """Markdown."""
    lacks: str = ""
    """What it leaves out of the fullest form, for example ``12 of 40 experiments``."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of what a model is told."""

    title: str
    priority: int
    """Those of low priority give way first."""
    forms: tuple[Form, ...]
    """The fullest first; none where there is nothing to say."""
    lost: str
    """What is left out with it, in a few words."""
    needed: bool = False
    """Whether its shortest form is never left out."""


def section(
    title: str, priority: int, forms: Sequence[Form], *, lost: str = "", needed: bool = False
) -> Section:
    """Return a section of those forms that are not empty and shorter than the one before."""
    kept: list[Form] = []
    for form in forms:
        if form.text and (not kept or _length(form) < _length(kept[-1])):
            kept.append(form)
    return Section(title, priority, tuple(kept), lost or f"“{title}”", needed)


def fitted(sections: Sequence[Section], room: int, count: Callable[[str], int]) -> str:
    """Return all sections in their order, in the fullest forms that fit.

    They give way one form at a time and always in the same order, so more room never loses what
    less room had. The last line says what was left out. Counts whole texts only: once where all
    fits, else about five times.

    Args:
        sections: what there is to say.
        room: the most tokens it may have.
        count: returns how many tokens a text has.

    Raises:
        RoomTooSmall: even the shortest forms of what is needed do not fit.
    """
    told = [section for section in sections if section.forms]
    texts = [_written(told, forms) for forms in _ever_less(told)]
    if count(texts[0]) <= room:
        return texts[0]
    first = bisect_left(texts, True, key=lambda text: count(text) <= room)
    if first == len(texts):
        least = count(texts[-1])
        raise RoomTooSmall(
            f"the language model must be told {least} tokens at least and has room for {room}: "
            f"{least - room} are missing; serve it with a larger context, set "
            "TREX_RESEARCHER_CONTEXT_TOKENS if it has one, or lower TREX_RESEARCHER_MAX_TOKENS"
        )
    return texts[first]


def _ever_less(sections: Sequence[Section]) -> Iterator[tuple[int, ...]]:
    """Yield which form of each section is shown: all of the first, then one form less each time."""
    shown = [0] * len(sections)
    yield tuple(shown)
    less = [
        (section.priority + STEP * form, place)
        for place, section in enumerate(sections)
        for form in range(len(section.forms) - section.needed)
    ]
    for _, place in sorted(less):
        shown[place] += 1
        yield tuple(shown)


def _written(sections: Sequence[Section], shown: Sequence[int]) -> str:
    parts, lacks = [], []
    for section, form in zip(sections, shown, strict=True):
        if form == len(section.forms):
            lacks.append(section.lost)
            continue
        parts.append(f"## {section.title}\n\n{section.forms[form].text}")
        if section.forms[form].lacks:
            lacks.append(section.forms[form].lacks)
    if lacks:
        parts.append(f"Left out for want of room: {'; '.join(lacks)}.")
    return "\n\n".join(parts) + "\n"


def _length(form: Form) -> int:
    return len(form.text) + len(form.lacks)
