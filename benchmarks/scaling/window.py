"""What happened in a window of time: who was busy, how much was done. Pure."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import quantiles


@dataclass(frozen=True, slots=True)
class Span:
    """A run as its executor noted it, in seconds since 1970."""

    worker: str
    work: tuple[str, str]
    """Job and piece of work."""
    began: float
    ended: float | None
    """None while it was under way when the notes were read."""


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when is measured, in seconds since 1970."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long."""
        return self.ended - self.began

    def holds(self, at: float) -> bool:
        """Whether a moment lies in it."""
        return self.began <= at < self.ended

    def seconds_of(self, span: Span) -> float:
        """Return how much of a run lies in it."""
        until = self.ended if span.ended is None else min(span.ended, self.ended)
        return max(0.0, until - max(span.began, self.began))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what so many executors did in a window."""

    workers: int
    jobs: int
    window_s: float
    mean_run_s: float
    """Of the runs that ended in the window."""
    scored: int
    """Experiments whose score came in the window."""
    busy_s: float
    """Training, all executors together."""
    gap_median_s: float
    gap_p95_s: float
    """From the end of a run to the beginning of the same executor's next."""
    cpu: dict[str, float]
    """Share of one core, by who used it; ``machine`` is the share of all cores."""

    @property
    def idle_share(self) -> float:
        """Share of the executors' time in which nothing was trained."""
        return 1.0 - self.busy_s / (self.workers * self.window_s)

    @property
    def scored_per_s(self) -> float:
        """Experiments scored in a second."""
        return self.scored / self.window_s


def spans(lines: Iterable[str]) -> list[Span]:
    """Return the runs in executors' notes: a line when one begins, another when it ends."""
    found: dict[tuple[str, float], Span] = {}
    for line in lines:
        if not line.endswith("\n"):
            continue  # it is being written
        note = json.loads(line)
        work = (note["job"], note["work"])
        span = Span(note["worker"], work, note["began"], note.get("ended"))
        found[span.worker, span.began] = span
    return list(found.values())


def gaps(runs: Iterable[Span], window: Window) -> list[float]:
    """Return the seconds without work before each run that began in a window.

    The first run of an executor has no gap before it.
    """
    by_worker = defaultdict[str, list[Span]](list)
    for span in runs:
        by_worker[span.worker].append(span)
    return [
        after.began - before.ended
        for its in by_worker.values()
        for before, after in pairwise(sorted(its, key=lambda span: span.began))
        if before.ended is not None and window.holds(after.began)
    ]


def row(
    runs: Sequence[Span],
    window: Window,
    *,
    workers: int,
    jobs: int,
    scored_at: Iterable[float],
    cpu: dict[str, float],
) -> Row:
    """Return what happened in a window.

    Args:
        runs: all that executors noted.
        window: from when to when.
        workers: executors.
        jobs: jobs that shared them.
        scored_at: when each experiment's score came, in seconds since 1970.
        cpu: who used how much.
    """
    over = [s.ended - s.began for s in runs if s.ended is not None and window.holds(s.ended)]
    between = gaps(runs, window)
    cuts = quantiles(between, n=20, method="inclusive") if len(between) > 1 else [0.0] * 19
    return Row(
        workers=workers,
        jobs=jobs,
        window_s=window.seconds,
        mean_run_s=sum(over) / len(over) if over else 0.0,
        scored=sum(window.holds(at) for at in scored_at),
        busy_s=sum(window.seconds_of(span) for span in runs),
        gap_median_s=cuts[9],
        gap_p95_s=cuts[18],
        cpu=cpu,
    )


def speed_up(rows: Sequence[Row]) -> list[float]:
    """Return how many times the training of the first row's each row got done in a second.

    Training is counted by its seconds, since recipes differ in cost and a search chooses cheap
    ones. The first row is that of one worker.
    """
    first = rows[0].busy_s / rows[0].window_s
    return [one.busy_s / one.window_s / first for one in rows]
