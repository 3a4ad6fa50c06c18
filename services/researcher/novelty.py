"""Makes sure that no experiment is proposed twice."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeVar

from services.researcher.difference import facts, near_same
from shared.contracts.proposal import Finding
from shared.contracts.recipe import Recipe
from shared.errors import NothingNew

REDRAWS = 50
"""Draws before a place counts as exhausted."""


class HasRecipe(Protocol):
    """Anything that carries a recipe."""

    @property
    def recipe(self) -> Recipe:
        """What would be done."""


T = TypeVar("T", bound=HasRecipe)


def only_new(draws: Iterable[T], findings: Sequence[Finding]) -> Iterator[T]:
    """Yield those of at most `REDRAWS` draws that no finding repeats or nearly repeats.

    Raises:
        NothingNew: there is none.
    """
    known = [facts(finding.recipe) for finding in findings]
    found = False
    for drawn in islice(draws, REDRAWS):
        mine = facts(drawn.recipe)
        if not any(near_same(mine, theirs) for theirs in known):
            found = True
            yield drawn
    if not found:
        raise NothingNew(
            f"wanted a recipe unlike the {len(findings)} before it, found none in {REDRAWS} draws; "
            "grow the tree elsewhere"
        )
