"""Subtasks whose answers are numbers: articles of the criminal code, prison terms, amounts."""

import math
import re
import warnings

from ftbench.tasks.law_bench.marks import UNSCORED, Case, Mark, scored
from ftbench.tasks.law_bench.options import set_f1

LONGEST = 3000
"""Characters of an answer in which numerals are looked for; 1,024 tokens hardly have as many.

The library that reads them takes quadratic time, a second for so many in the worst case.
"""

ABSTAINED = math.log(216)
"""The log-distance of an answer without a term: 216 months are the longest of a case."""

_MONTHS = (re.compile(r"\d+(?=个月)"), re.compile(r"\d+(?=月)"))
_YEARS = re.compile(r"\d+(?=年)")
_AMOUNT = re.compile(r"\d+\.?\d*")


def articles(case: Case, answer: str) -> Mark:
    """Return the F1 of the articles, the first number of each part of the answer between ``、``."""
    found = dict.fromkeys(
        number
        for part in answer[:LONGEST].split("、")
        if (number := _first_article(part)) is not None
    )
    gold = [int(number) for number in case.gold.split("、")]
    return scored(set_f1(found, gold), "、".join(map(str, found)))


def prison_term(case: Case, answer: str) -> Mark:
    """Return how near the term is on a log scale: 1 when right, 0 for a distance of ln 216.

    Cases that ended with death or life are not scored.
    """
    if not case.gold.endswith("个月"):
        return UNSCORED
    months = months_in(answer)
    if months is None:
        return scored(0.0, None)
    gold = int(case.gold.removesuffix("个月"))
    distance = abs(math.log(gold + 1) - math.log(months + 1))
    return scored((ABSTAINED - distance) / ABSTAINED, f"{months}个月")


def amount(case: Case, answer: str) -> Mark:
    """Return 1 if the amount is among the numbers of the answer, else 0."""
    numbers = _AMOUNT.findall(answer)
    right = float(case.gold) in map(float, numbers)
    return scored(float(right), "、".join(numbers))


def months_in(answer: str) -> int | None:
    """Return the first number before 个月, else before 月, else before 年 in months; or None.

    One year and six months is therefore read as 6 months, as the published scorer reads it.
    """
    text = _with_digits(answer[:LONGEST])
    for pattern in _MONTHS:
        if months := pattern.search(text):
            return int(months[0])
    years = _YEARS.search(text)
    return int(years[0]) * 12 if years else None


def _first_article(part: str) -> int | None:
    text = re.sub(r"第.*?款", "", part.replace("万元", "元"))
    text = re.sub(r"第(.*?)条", r"\1", text)  # with the signs around it a numeral may not be read
    number = re.search(r"\d+", _with_digits(text))
    return int(number[0]) if number else None


def _with_digits(text: str) -> str:
    """Return the text with its Chinese numerals as digits; what is none stays."""
    with warnings.catch_warnings():
        # cn2an warns of what it cannot read, and has raw strings that are none.
        warnings.simplefilter("ignore")
        import cn2an

        return str(cn2an.transform(text, "cn2an"))
