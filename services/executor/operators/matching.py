"""Keeps samples by what is written in them."""

import re

from services.executor.operators.judging import Judge
from shared.contracts.operators import Fate, Part
from shared.rows import Sample
from shared.texts import texts_of


def matching(pattern: str, *, of: Part, fate: Fate) -> Judge:
    """Return a judge that looks for a regular expression in each text of a part of the sample."""
    search = re.compile(pattern).search

    def judge(sample: Sample) -> str | None:
        found = any(search(text) for text in texts_of(sample, of))
        if found == (fate == "keep"):
            return None
        return "matches" if found else "no match"

    return judge
