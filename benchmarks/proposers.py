"""Measures what a search loses or gains by a language model that proposes beside rules.

    python -m benchmarks.proposers --seeds 20

Whole jobs on the tables of `benchmarks.search`, the planner itself deciding: rules alone; rules
beside a model that proposes as they do, beside a competent one, and beside one that sabotages, by
always the same bad recipe or by bad ones that differ; then such models alone, for whom rules only
fill in where they repeat themselves.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import Pool
from random import Random
from statistics import fmean, stdev

from rich.console import Console
from rich.table import Table as Shown

from benchmarks.search.fttable.grid import Point
from benchmarks.search.fttable.researcher import any_point, by_the_book, guess
from benchmarks.search.fttable.table import Table, read_table
from benchmarks.search.whole_job import Propose, Services, job_on, play
from shared.contracts.base import digest

TASKS = ("dates", "intents", "orders", "tags", "times")

EXPERIMENTS = 20
"""Full runs of each job."""

_KNOWS = 0.7  # of a competent model's proposals, the share that is not a guess


@dataclass(frozen=True, slots=True)
class Arm:
    """Who proposes in a job."""

    name: str
    llm: str | None
    rules_share: float | None = None


ARMS = (
    Arm("rules alone", None),
    Arm("beside one like them", "rules"),
    Arm("beside a competent model", "competent"),
    Arm("beside one that repeats a bad recipe", "repeats"),
    Arm("beside one that varies bad recipes", "varies"),
    Arm("a competent model alone", "competent", 0.0),
    Arm("one that repeats a bad recipe alone", "repeats", 0.0),
    Arm("one that varies bad recipes alone", "varies", 0.0),
)


@dataclass(frozen=True, slots=True)
class Played:
    """What a job came to."""

    task: str
    seed: int
    truths: tuple[float, ...]
    """What is handed back is truly worth, after each experiment was scored or failed."""
    by_model: float
    """Share of the recipes that the model proposed."""

    def needed(self, truth: float) -> int:
        """Return after how many experiments it is worth so much; one more than all for never."""
        reached = (n for n, found in enumerate(self.truths, start=1) if found >= truth - 1e-9)
        return next(reached, len(self.truths) + 1)


def rules(table: Table, rng: Random) -> Propose:
    """Return proposals by the book."""

    def propose(parent: Point | None) -> Point:
        if parent is None:
            return any_point(table.levels, rng)
        return by_the_book(parent, table.levels, rng)

    return propose


def competent(table: Table, rng: Random) -> Propose:
    """Return proposals that are mostly the best of five guesses."""

    def guessed(parent: Point | None) -> Point:
        return any_point(table.levels, rng) if parent is None else guess(parent, table.levels, rng)

    def propose(parent: Point | None) -> Point:
        count = 5 if rng.random() < _KNOWS else 1
        return max((guessed(parent) for _ in range(count)), key=table.truth)

    return propose


def repeats(table: Table, _: Random) -> Propose:
    """Return the worst recipe, always."""
    worst = min(table.place, key=table.truth)
    return lambda _: worst


def varies(table: Table, rng: Random) -> Propose:
    """Return any of the worst quarter of all recipes."""
    ranked = sorted(table.place, key=table.truth)
    return lambda _: rng.choice(ranked[: len(ranked) // 4])


MODELS: dict[str, Callable[[Table, Random], Propose]] = {
    "rules": rules,
    "competent": competent,
    "repeats": repeats,
    "varies": varies,
}


def played(arm: Arm, task: str, seed: int) -> Played:
    """Return what a job came to; the same for the same arguments."""
    table = read_table(task)
    llm = None if arm.llm is None else MODELS[arm.llm](table, Random(f"llm {task} {seed}"))
    by_rules = rules(table, Random(f"rules {task} {seed}"))
    services = Services(table, task, rules=by_rules, llm=llm, seed=seed)
    truths = list[float]()
    for state in play(job_on(task, experiments=EXPERIMENTS, rules_share=arm.rules_share), services):
        over = sum(e.score is not None or e.failure is not None for e in state.experiments.values())
        if over - 1 > len(truths):  # the base model is none
            best = state.best()
            point = None if best is None else services.points[digest(best.recipe)]
            truths.append(0.0 if point is None else table.truth(point))
    its = [e.proposer for e in state.experiments.values() if e.proposal is not None]
    return Played(task, seed, tuple(truths), its.count("llm") / len(its))


@dataclass(frozen=True, slots=True)
class Line:
    """An arm beside rules alone, on the same seeds."""

    arm: str
    task: str
    needed: float
    """Experiments, on the mean, until it is worth what rules have in the end."""
    needed_less: float
    """How many fewer than rules need for that."""
    needed_doubt: float
    """Standard error of it."""
    final: float
    """True score at the end over that of rules, the means of both."""
    within: float
    """Share of jobs that end within a fifth of rules."""
    by_model: float


def lines(games: Sequence[tuple[Arm, Played]]) -> list[Line]:
    """Return an arm and a table a line, in the order of `ARMS`; the last of an arm is of all."""
    alone = {(p.task, p.seed): p for arm, p in games if arm.llm is None}
    found = []
    for arm in ARMS:
        its = [p for played_by, p in games if played_by == arm]
        if not its:
            continue
        for task in (*dict.fromkeys(p.task for p in its), "all"):
            of_task = [p for p in its if task in ("all", p.task)]
            found.append(_line(arm, task, of_task, [alone[p.task, p.seed] for p in of_task]))
    return found


def _line(arm: Arm, task: str, its: Sequence[Played], rules_alone: Sequence[Played]) -> Line:
    pairs = list(zip(its, rules_alone, strict=True))
    needed = [one.needed(other.truths[-1]) for one, other in pairs]
    less = [other.needed(other.truths[-1]) - n for (_, other), n in zip(pairs, needed, strict=True)]
    ends = [(one.truths[-1], other.truths[-1]) for one, other in pairs]
    return Line(
        arm=arm.name,
        task=task,
        needed=fmean(needed),
        needed_less=fmean(less),
        needed_doubt=stdev(less) / len(less) ** 0.5,
        final=fmean(one for one, _ in ends) / fmean(other for _, other in ends),
        within=fmean(one >= 0.8 * other for one, other in ends),
        by_model=fmean(one.by_model for one in its),
    )


def main() -> None:
    """Play every arm on every table and print one line each."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=20)
    options.add_argument("--jobs", type=int, default=2)
    chosen = options.parse_args()
    games = [(arm, task, seed) for arm in ARMS for task in TASKS for seed in range(chosen.seeds)]
    with Pool(chosen.jobs) as pool:
        found = pool.starmap(played, games, chunksize=10)
    told = lines([(arm, one) for (arm, _, _), one in zip(games, found, strict=True)])
    shown = Shown(title=f"{EXPERIMENTS} experiments, {chosen.seeds} seeds")
    for heading in ("proposes", "table", "experiments", "fewer", "end", "within 20 %", "by model"):
        shown.add_column(heading)
    for line in told:
        shown.add_row(
            line.arm,
            line.task,
            f"{line.needed:.1f}",
            f"{line.needed_less:+.1f} ± {line.needed_doubt:.1f}",
            f"{line.final:.3f}",
            f"{line.within:.0%}",
            f"{line.by_model:.0%}",
        )
    Console().print(shown)


if __name__ == "__main__":
    main()
