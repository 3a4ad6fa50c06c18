"""Says whether the negative controls passed: worlds that show what a benchmark makes up.

What each must show is written in PREREGISTRATION.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.search.comparison import Games, by_method, mean
from benchmarks.search.contestants import OURS
from benchmarks.search.rows import Row

ALIKE = 0.08
"""Regret by which a method may differ from random drafts where nothing can be learned."""

LOST = 0.02
"""Regret that short runs may cost where they say nothing."""

WORSE = 0.03
"""Regret by which ours may be worse than random drafts where things are hard."""

SPENT = 0.9
"""Share of the budget that every method spends: what is left would not have paid for a run."""


@dataclass(frozen=True, slots=True)
class Control:
    """One condition, and what was found."""

    variant: str
    wanted: str
    found: str
    passed: bool


def controls(rows: Sequence[Row]) -> list[Control]:
    """Return every condition with its outcome.

    Args:
        rows: of all methods, on the variants of `benchmarks.search.variants.CONTROLS`.
    """
    games = {variant: by_method(_only(rows, variant)) for variant in _variants(rows)}
    return [
        _nothing_to_learn(games["shuffled"]),
        _short_runs_say_nothing(games["shuffled short"]),
        *(_hard(variant, games[variant]) for variant in ("noiseless", "repeating", "crashes")),
    ]


def table_of(found: Sequence[Control]) -> str:
    """Return the conditions as a table in markdown."""
    lines = ["| control | wanted | found | |", "| --- | --- | --- | --- |"]
    for one in found:
        words = "passed" if one.passed else "**failed**"
        lines.append(f"| {one.variant} | {one.wanted} | {one.found} | {words} |")
    return "\n".join(lines)


def _nothing_to_learn(games: Games) -> Control:
    drafts = mean(games["random drafts"], "regret_recipe")
    apart = {name: mean(mine, "regret_recipe") - drafts for name, mine in games.items()}
    farthest = max(apart, key=lambda name: abs(apart[name]))
    return Control(
        "shuffled",
        f"every method within {ALIKE:g} of random drafts",
        f"random drafts {drafts:.3f}; the farthest, {farthest}, is {apart[farthest]:+.3f} away",
        abs(apart[farthest]) <= ALIKE,
    )


def _short_runs_say_nothing(games: Games) -> Control:
    lost = mean(games[OURS], "regret_recipe") - mean(games["PITS"], "regret_recipe")
    return Control(
        "shuffled short",
        f"{OURS} loses at most {LOST:g} to PITS",
        f"{lost:+.3f}",
        lost <= LOST,
    )


def _hard(variant: str, games: Games) -> Control:
    drafts = mean(games["random drafts"], "regret_recipe")
    worse = mean(games[OURS], "regret_recipe") - drafts
    # Where a researcher repeats itself a method may rightly have nothing new left to try.
    all_spend = variant != "repeating"
    asked = games if all_spend else {OURS: games[OURS]}
    least = min(
        float(row["spent"]) / float(row["budget"]) for mine in asked.values() for row in mine
    )
    return Control(
        variant,
        f"{'every method' if all_spend else OURS} spends {SPENT:.0%} of the budget; {OURS} at most "
        f"{WORSE:g} worse than random drafts",
        f"at least {least:.0%}; {worse:+.3f}",
        worse <= WORSE and least >= SPENT,
    )


def _variants(rows: Sequence[Row]) -> set[str]:
    return {str(row["variant"]) for row in rows}


def _only(rows: Sequence[Row], variant: str) -> list[Row]:
    return [row for row in rows if row["variant"] == variant]
