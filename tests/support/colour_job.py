"""A job that a nano model learns in seconds, for services that see a folder as /data."""

from pathlib import Path

from shared.contracts.job import Budget, JobData, JobSpec, Limits, MetricName, Search
from shared.contracts.mapping import Templates
from tests.support.nano import make_talking_base, write_rows


def colour_job(data: Path) -> JobSpec:
    """Write base model and rows, and return a job of three experiments on them."""
    data.chmod(0o755)  # services are nobody
    write_rows(data / "train.jsonl", rows=120)
    write_rows(data / "dev.jsonl", rows=30)
    make_talking_base(data)
    return JobSpec(
        goal="Say the opposite colour",
        base_model="/data/base",
        data=JobData(
            train="/data/train.jsonl",
            dev="/data/dev.jsonl",
            mapping=Templates(prompt="{text}", completion="{answer}"),
        ),
        metric=MetricName.EXACT_MATCH,
        budget=Budget(experiments=3),
        limits=Limits(max_length=64, max_new_tokens=8, run_s=40),
        search=Search(smallest_gain=0),
    )
