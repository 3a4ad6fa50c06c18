"""Runs a small job with telemetry on and prints the trace of one experiment as a tree.

``python -m benchmarks.trace [--experiment 1]`` makes a nano base model and takes half a minute.
"""

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from shared.contracts.base import ExperimentId
from shared.contracts.job import Budget, JobData, JobSpec, Limits, MetricName
from shared.contracts.mapping import Templates
from shared.telemetry.process import ENDPOINT
from shared.telemetry.stories import trace_of
from tests.support.nano import make_base, write_rows
from tests.support.otlp import Collector, Told
from trex.client import TrexClient
from trex.local import running

LINKS = 8
"""Digits of an id that are shown."""


def main() -> None:
    """Run the job and print the tree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", type=int, default=1, help="which story (default: 1)")
    experiment = ExperimentId(parser.parse_args().experiment)
    with tempfile.TemporaryDirectory() as scratch, Collector() as collector:
        os.environ[ENDPOINT] = collector.url
        spec = _job(Path(scratch))
        with (
            running(Path(scratch) / "home", say=lambda _: None) as system,
            TrexClient(system.address) as client,
        ):
            job_id = client.submit(spec).job_id
            while (job := client.job(job_id)).state not in ("finished", "failed"):
                time.sleep(0.2)
    trace = f"{trace_of(job_id, experiment):032x}"
    told = [span for span in collector.spans if span.trace == trace]
    print(f"{job.sentence}; {len(collector.spans)} spans arrived\n")
    print(f"trace {trace}, experiment {experiment} of {job_id}: {len(told)} spans of ", end="")
    print(f"{len({span.process for span in told})} processes\n")
    print("\n".join(tree(told)))


def tree(told: Iterable[Told]) -> Iterator[str]:
    """Yield a line a span: when it began, how long it took, who told it, below its parent."""
    children: dict[str, list[Told]] = defaultdict(list)
    for span in sorted(told, key=lambda span: span.began_ns):
        children[span.parent].append(span)
    began_ns = min(span.began_ns for span in told)

    def below(parent: str, depth: int) -> Iterator[str]:
        for span in children[parent]:
            name = "  " * depth + span.name
            began_s = (span.began_ns - began_ns) / 1e9
            yield (
                f"{name:<28}{began_s:>8.3f} s {_length(span):>10}  {span.service:<11}{_says(span)}"
            ).rstrip()
            yield from below(span.id, depth + 1)

    yield f"{'span':<28}{'began at':>10} {'took':>10}  {'told by':<11}what it says"
    yield from below("", 0)


def _length(span: Told) -> str:
    return f"{span.seconds:.3f} s" if span.seconds >= 1e-3 else f"{1e6 * span.seconds:.0f} µs"


def _says(span: Told) -> str:
    said = [f"→ {trace[:LINKS]}/{linked[:LINKS]}" for trace, linked in span.links]
    shown = {
        "trex.step.first": "steps {}",
        "trex.step.last": "to {}",
        "trex.outcome": "{}",
        "trex.items": "{} items",
        "trex.interrupted": "{}",
    }
    said += [
        how.format(span.attributes[name]) for name, how in shown.items() if name in span.attributes
    ]
    said += [f"{span.events} points of the curve"] if span.events else []
    return " ".join(said + ([f"! {span.error}"] if span.error else []))


def _job(scratch: Path) -> JobSpec:
    return JobSpec(
        goal="Say the opposite colour",
        base_model=str(make_base(scratch)),
        data=JobData(
            train=str(write_rows(scratch / "train.jsonl", rows=120)),
            dev=str(write_rows(scratch / "dev.jsonl", rows=30)),
            mapping=Templates(prompt="{text}", completion="{answer}"),
        ),
        metric=MetricName.EXACT_MATCH,
        budget=Budget(experiments=2),
        limits=Limits(max_length=64, max_new_tokens=8, run_s=4),
    )


if __name__ == "__main__":
    main()
