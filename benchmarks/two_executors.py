"""Times the demo's job with one executor and with two, each training with a single thread.

    python -m benchmarks.two_executors

The same job, the same number of experiments and the same seeds; everything is real. Runs have time
to end by themselves: cut off after some seconds, those that disturb each other would only do less.
Run it on an otherwise quiet machine with two cores. Prints a table; takes about ten minutes.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from shared.contracts.events import Event, WorkEnded
from shared.contracts.run import Trained
from shared.contracts.score import Score
from shared.settings import ClientSettings
from trex.client import TrexClient
from trex.demo import prepare
from trex.jobfile import read_job
from trex.local import running
from trex.sealing import with_sealed_rows

LOOK_S = 0.2

RUN_S = 300
"""Seconds a run may take; the demo gives them 15."""

ENDED = ("finished", "cancelled", "failed")


@dataclass(frozen=True, slots=True)
class Finished:
    """What a job took."""

    executors: int
    seconds: float
    """From handing it over until it had ended."""
    experiments: int
    training_s: float
    """Of all runs together."""
    steps: int
    """Of the optimizer, likewise."""
    cut: int
    """Runs that ended because their time was up."""
    scoring_s: float
    """Of all scores together."""
    best: float
    """Score on dev of what was handed back."""


def main() -> None:
    """Run the job in turns with one executor and with two, and print the table."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--home", type=Path, help="where the base model is kept for next time")
    chosen = options.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        job = prepare(chosen.home or Path(folder), say=_say)
        found = [
            finished(Path(folder) / f"{number}-{executors}", job, executors)
            for number in range(chosen.rounds)
            for executors in (1, 2)
        ]
    print("\n".join(table(found)))


def finished(home: Path, job: Path, executors: int) -> Finished:
    """Run the job on a system of its own and return what it took."""
    settings = ClientSettings(home=home)
    with (
        running(home, executors=executors, say=_say) as system,
        TrexClient(system.address) as asked,
    ):
        spec = with_sealed_rows(read_job(job), settings)
        limits = spec.limits.model_copy(update={"run_s": RUN_S})
        spec = spec.model_copy(update={"limits": limits})
        began = time.monotonic()
        job_id = asked.submit(spec).job_id
        while (view := asked.job(job_id)).state not in ENDED:
            system.check()
            time.sleep(LOOK_S)
        seconds = time.monotonic() - began
        best = 0.0 if view.best is None else view.best.value
        return added_up(asked.ledger(job_id), executors=executors, seconds=seconds, best=best)


def added_up(events: Sequence[Event], *, executors: int, seconds: float, best: float) -> Finished:
    """Return what a ledger adds up to."""
    results = [event.result for event in events if isinstance(event, WorkEnded)]
    runs = [result for result in results if isinstance(result, Trained)]
    return Finished(
        executors=executors,
        seconds=seconds,
        experiments=len(runs),
        training_s=sum(run.gpu_seconds for run in runs),
        steps=sum(run.steps for run in runs),
        cut=sum(run.stopped == "time" for run in runs),
        scoring_s=sum(one.seconds for one in results if isinstance(one, Score)),
        best=best,
    )


def table(found: Sequence[Finished]) -> Iterator[str]:
    """Yield what is printed: every job, then how many times faster two executors are."""
    yield (
        "| executors | experiments | the job | training | steps | cut off by time | scoring "
        "| best |"
    )
    yield "|" + "---|" * 8
    for one in found:
        yield (
            f"| {one.executors} | {one.experiments} | {one.seconds:.1f} s | {one.training_s:.1f} s "
            f"| {one.steps} | {one.cut} | {one.scoring_s:.1f} s | {one.best:.3f} |"
        )
    alone, together = (median(o.seconds for o in found if o.executors == n) for n in (1, 2))
    yield ""
    yield f"Two executors finish it {alone / together:.2f} times as fast as one; 1.6 is wanted."


def _say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    main()
