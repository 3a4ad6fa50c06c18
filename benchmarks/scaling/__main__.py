"""Measures how the work that gets done grows with the executors.

    python -m benchmarks.scaling             # the ladder: 1, 2, 4 … 256 executors, 23 minutes
    python -m benchmarks.scaling --ceiling   # experiments a second that are possible, 4 minutes

Real are planner, researcher, Redis-compatible server, Celery and all messages; simulated are
training, which is slept, and scoring, which is known at once. Run it on an otherwise quiet machine.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import psutil

from benchmarks.scaling.drawing import drawn
from benchmarks.scaling.rack import Rack, running
from benchmarks.scaling.window import Row, Window, row, spans, speed_up
from shared.contracts.events import WorkEnded
from shared.contracts.score import Score

HERE = Path(__file__).parent / "results"

LADDER = (1, 2, 4, 8, 16, 32, 64, 128, 256)

CEILING = (64, 256)
"""Executors whose runs take next to no time."""

NO_TIME_S = 0.01

PER_JOB = 32
"""Executors that a job keeps busy: so many more, so many more jobs."""


def main() -> None:
    """Measure each number of executors, print the table, and write rows and drawing."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--workers", type=int, nargs="+", help="executors, a row each")
    options.add_argument("--mean-s", type=float, default=30.0, help="seconds of a mean run")
    options.add_argument("--warm-up-s", type=float, default=60.0)
    options.add_argument("--window-s", type=float, default=75.0)
    options.add_argument("--per-job", type=int, default=PER_JOB, help="executors for each job")
    options.add_argument("--ceiling", action="store_true", help="runs that take next to no time")
    options.add_argument("--out", type=Path, default=HERE, help="folder of rows and drawing")
    chosen = options.parse_args()
    mean_s = NO_TIME_S if chosen.ceiling else chosen.mean_s
    rows = []
    for workers in chosen.workers or (CEILING if chosen.ceiling else LADDER):
        jobs = max(1, workers // chosen.per_job)
        with (
            tempfile.TemporaryDirectory() as folder,
            running(Path(folder), workers=workers, mean_s=mean_s, jobs=jobs) as rack,
        ):
            time.sleep(chosen.warm_up_s)
            rows.append(measured(rack, workers, chosen.window_s))
        print(f"{workers} executors: {rows[-1].scored_per_s:.2f} experiments/s", flush=True)
    print("\n".join(table(rows)))
    chosen.out.mkdir(parents=True, exist_ok=True)
    name = "ceiling" if chosen.ceiling else "scaling"
    said = [json.dumps(asdict(one)) + "\n" for one in rows]
    (chosen.out / f"{name}.jsonl").write_text("".join(said), encoding="utf-8")
    if not chosen.ceiling:
        (chosen.out / "scaling.svg").write_text(drawn(rows), encoding="utf-8")


def measured(rack: Rack, workers: int, window_s: float) -> Row:
    """Watch a system for so long and return what it did."""
    before, machine = _cpu_s(rack), psutil.cpu_times()
    began = time.time()
    time.sleep(window_s)
    window = Window(began, time.time())
    cpu = {who: (s - before[who]) / window.seconds for who, s in _cpu_s(rack).items()}
    cpu["machine"] = _share_of(machine, psutil.cpu_times())
    lines = [line for path in rack.notes for line in path.open(encoding="utf-8")]
    return row(
        spans(lines),
        window,
        workers=workers,
        jobs=len(rack.jobs),
        scored_at=_scored_at(rack),
        cpu=cpu,
    )


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield what is printed: a line for each number of executors, the first the yardstick."""
    yield "CPU in shares of one core, of the machine in shares of all its cores."
    yield ""
    yield (
        "| executors | jobs | times the first | of ideal | executors idle | between runs, median "
        "and 95 % | mean run | experiments/s | planner | researcher | Redis | simulated | machine |"
    )
    yield "|" + "---|" * 13
    for one, times in zip(rows, speed_up(rows), strict=True):
        ideal = one.workers / rows[0].workers
        said = (
            str(one.workers),
            str(one.jobs),
            f"{times:.2f}",
            f"{times / ideal:.3f}",
            f"{one.idle_share:.2%}",
            f"{one.gap_median_s:.2f} and {one.gap_p95_s:.2f} s",
            f"{one.mean_run_s:.1f} s",
            f"{one.scored_per_s:.2f}",
            *(f"{one.cpu[who]:.1%}" for who in ("planner", "researcher", "redis")),
            *(f"{one.cpu[who]:.1%}" for who in ("simulated", "machine")),
        )
        yield f"| {' | '.join(said)} |"


def _cpu_s(rack: Rack) -> dict[str, float]:
    """Return what each part has used so far, user and system, in seconds of one core."""
    found = {}
    for who, processes in rack.processes.items():
        times = [process.cpu_times() for process in processes]
        found[who] = sum(one.user + one.system for one in times)
    return found


def _share_of(before: tuple[float, ...], after: tuple[float, ...]) -> float:
    user, nice, system, idle, *_ = (b - a for a, b in zip(before, after, strict=True))
    waiting = after[4] - before[4]
    busy = user + nice + system
    return busy / (busy + idle + waiting)


def _scored_at(rack: Rack) -> list[float]:
    return [
        entry.at
        for job in rack.jobs
        for entry in rack.store.read(job)
        if isinstance(entry.event, WorkEnded) and isinstance(entry.event.result, Score)
    ]


if __name__ == "__main__":
    main()
