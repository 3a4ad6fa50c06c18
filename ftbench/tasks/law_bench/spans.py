"""Subtasks whose answers are copied from the text: compared by the characters they share."""

import re
from collections import Counter

from ftbench.tasks.law_bench.labels import ENTITY_TYPES
from ftbench.tasks.law_bench.marks import Case, Mark, scored

# After a type and its colon: what stands up to the next line end or blank.
_ENTITY = re.compile(r"\s*([^\n ]*)")
_NO_ENTITY = ("无", "未提及")


def reading(case: Case, answer: str) -> Mark:
    """Return the rc-F1 of the whole answer."""
    return scored(rc_f1(case.gold, answer), answer.strip())


def entities(case: Case, answer: str) -> Mark:
    """Return the soft F1 of the entities in the answer, one a type, each on a line of its own.

    An entity earns its rc-F1 against the gold entity of its type. Where the text has none, an
    answer without any is right.
    """
    found = entities_in(answer)
    parsed = "\n".join(f"{kind}:{entity}" for kind, entity in found.items())
    if not case.gold:
        return scored(float(not found), parsed)
    gold = dict(entity.split(":") for entity in case.gold.split(";"))
    earned = sum(rc_f1(gold[kind], entity) for kind, entity in found.items() if kind in gold)
    return scored(_soft_f1(earned, len(found), len(gold)), parsed)


def triggers(case: Case, answer: str) -> Mark:
    """Return the soft F1 of the trigger words between ``;``, compared place by place."""
    gold, found = case.gold.split(";"), answer.split(";")
    earned = sum(rc_f1(*pair) for pair in zip(gold, found, strict=False))
    return scored(_soft_f1(earned, len(found), len(gold)), answer.strip())


def entities_in(answer: str) -> dict[str, str]:
    """Return the last entity that the answer names for each type; types it says have none not."""
    found = {}
    for kind in ENTITY_TYPES:
        entity = _last_entity(kind, answer)
        if entity is not None:
            found[kind] = entity
    return found


def rc_f1(gold: str, answer: str) -> float:
    """Return the F1 of the letters and digits of two texts as multisets, in [0, 1].

    Punctuation, blanks and case do not count. Two texts without any letter agree.

    Source: the CJRC scorer of CAIL 2019.
    """
    wanted, given = _characters(gold), _characters(answer)
    if not wanted or not given:
        return float(wanted == given)
    return 2 * (wanted & given).total() / (wanted.total() + given.total())


def _last_entity(kind: str, answer: str) -> str | None:
    end = len(answer)
    while (start := answer.rfind(kind, 0, end)) >= 0:
        end, colon = start, start + len(kind)
        # A type this close to the end is passed over by the published scorer.
        if colon < len(answer) - 2 and answer[colon] in ":：":
            match = _ENTITY.match(answer, colon + 1)
            entity = match[1].strip() if match else ""
            if entity not in _NO_ENTITY:
                return entity
    return None


def _soft_f1(earned: float, given: int, wanted: int) -> float:
    precision, recall = (earned / given if given else 0.0), earned / wanted
    return 2 * precision * recall / (precision + recall + 1e-10)


def _characters(text: str) -> Counter[str]:
    return Counter(char for char in text.lower() if char.isdigit() or char.isalpha())
