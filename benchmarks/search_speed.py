"""Measures what a search costs the planner: an act, a refresh, a node's memory, folding a ledger.

    python -m benchmarks.search_speed

An act is `ask`, then `expand` or `begin`, then `tell`: which experiment next, and its result taken
in up to the root. Trees are random: every node has the same chance to be a parent, so depths grow
as the logarithm. Growing a million nodes takes some minutes.
"""

import gc
import platform
import statistics
import time
from collections.abc import Iterator
from random import Random

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from services.planner.experiment import piece
from services.planner.search import ExperimentSearch, SearchRules
from services.planner.state import fold
from services.planner.tree import Observation
from shared.contracts.base import ROOT, ExperimentId, WorkId
from shared.contracts.events import Event, JobSubmitted, WorkEnded, WorkOrdered
from shared.contracts.work import Request, Result
from shared.store import Entry
from tests.support.examples import (
    BRIEF,
    BRIEF_REQUEST,
    DIAGNOSE_REQUEST,
    JOB,
    LESSON,
    PROPOSE_REQUEST,
    RUN_REQUEST,
    SCORE_REQUEST,
    SPEC,
    TRAINED,
    proposals,
    score,
)

SIZES = (1_000, 10_000, 100_000, 1_000_000)
ACTS = 2_000
EVENTS = 7**5
ITEMS = 500
FRESH = 0.02
"""Share of nodes below the root: at a million nodes it has twenty thousand children."""


def grown(size: int, rng: Random) -> ExperimentSearch:
    """Return a search of so many measured experiments.

    Four tenths are full runs, more than go on by rule: what comes next is chosen by its index.
    """
    search = ExperimentSearch(SearchRules(rungs=(1 / 3, 1.0), budget=20, seed_deviation=0.02))
    for node in range(1, size):
        parent = ROOT if rng.random() < FRESH else ExperimentId(rng.randrange(node))
        rung = int(rng.random() < 0.4)
        search.tell(search.expand(parent), Observation(rung, rng.gauss(0.5, 0.1), 0.02**2))
    return search


def act(search: ExperimentSearch, rng: Random) -> float:
    """Carry out what the search wants next and return the seconds it took to decide and learn."""
    value = rng.gauss(0.5, 0.05)
    began = time.perf_counter()
    choice = search.ask()
    assert choice is not None
    node = ExperimentId(choice.terms.node)
    if choice.terms.kind == "promote":
        search.begin(node)
        search.tell(node, Observation(1, value, 0.02**2))
    else:
        search.tell(search.expand(node), Observation(0, value, 0.02**2))
    return time.perf_counter() - began


def refresh(search: ExperimentSearch) -> float:
    """Renew every belief and return the seconds it took."""
    began = time.perf_counter()
    search.refresh()
    return time.perf_counter() - began


def ledger() -> Iterator[Event]:
    """Yield the events of one long job: experiments proposed, trained, scored, learned from."""
    yield JobSubmitted(job_id=JOB, spec=SPEC)
    yield from _answered(WorkId("brief"), BRIEF_REQUEST, BRIEF)
    base = SCORE_REQUEST.model_copy(update={"experiment": ROOT})
    yield from _answered(piece("score", ROOT), base, score(0.1, n=ITEMS))
    rng = Random(0)
    for number in range(1, (EVENTS - 5) // 8 + 1):
        node = ExperimentId(number)
        parent = ROOT if rng.random() < FRESH else ExperimentId(rng.randrange(number))
        about = {"experiment": node}
        propose = PROPOSE_REQUEST.model_copy(
            update={"experiments": (node,), "parent": parent, "findings": ()}
        )
        proposed = proposals(1e-3 + 1e-7 * number)
        yield from _answered(WorkId(f"propose-{number}"), propose, proposed)
        run = {**about, "recipe": proposed.proposals[0].recipe}
        yield from _answered(piece("run", node), RUN_REQUEST.model_copy(update=run), TRAINED)
        value = score(min(1.0, max(0.0, rng.gauss(0.5, 0.1))), n=ITEMS)
        yield from _answered(piece("score", node), SCORE_REQUEST.model_copy(update=about), value)
        learn = DIAGNOSE_REQUEST.model_copy(update=about)
        yield from _answered(piece("diagnose", node), learn, LESSON)


def _answered(work_id: WorkId, request: Request, result: Result) -> Iterator[Event]:
    yield WorkOrdered(work_id=work_id, request=request, why="it is due")
    yield WorkEnded(work_id=work_id, attempt=1, result=result)


def main() -> None:
    """Print one line a size, then the fold."""
    table = Table(title=f"{platform.machine()}, one core, Python {platform.python_version()}")
    for heading in ("nodes", "act, median", "act, 99 %", "refresh", "bytes a node"):
        table.add_column(heading, justify="right")
    process = psutil.Process()
    for size in SIZES:
        rng = Random(size)
        gc.collect()
        before = process.memory_info().rss
        search = grown(size, rng)
        gc.collect()
        resident = process.memory_info().rss - before
        renewed = statistics.median(refresh(search) for _ in range(5))
        taken = np.array([act(search, rng) for _ in range(ACTS)]) * 1e6
        table.add_row(
            f"{size:,}",
            f"{np.median(taken):.0f} µs",
            f"{np.quantile(taken, 0.99):.0f} µs",
            f"{renewed * 1e3:.1f} ms",
            f"{resident / size:.0f}" if size >= 100_000 else "",
        )
    Console().print(table)
    entries = [Entry(str(place), 0.0, event) for place, event in enumerate(ledger())]
    began = time.perf_counter()
    state = fold(entries)
    seconds = time.perf_counter() - began
    print(f"folding {len(entries):,} events of {state.asked:,} experiments: {seconds:.2f} s")


if __name__ == "__main__":
    main()
