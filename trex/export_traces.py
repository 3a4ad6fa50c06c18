"""Writes what ended jobs teach a researcher into one file."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from shared.contracts.base import JobId
from shared.contracts.views import JobView
from shared.errors import Rejected
from trex.client import TrexClient
from trex.traces import Row, Trace, completions, preferences, traces

ENDED = ("finished", "cancelled", "failed")


def export_traces(
    client: TrexClient, jobs: Sequence[str], out: Path, *, preferring: bool
) -> tuple[int, int]:
    """Write the rows of ended jobs, and return how many, and of how many jobs.

    The same jobs give the same file, byte for byte.

    Args:
        client: of the system that has the jobs.
        jobs: their ids, in the order wanted; none for every one that has ended, the oldest first.
        out: a JSON Lines file to make.
        preferring: whether to write pairs of ideas in place of ideas.

    Raises:
        Rejected: a job that is unknown or not over, no rows, or a file that is there already.
    """
    if out.exists():
        raise Rejected(f"--out: wanted a file to make, found {out} there already; name another")
    rows: list[Row] = []
    told = 0
    for job_id in _chosen(client, jobs):
        found = _traces(client, job_id)
        of_job = preferences(found) if preferring else completions(found)
        rows.extend(of_job)
        told += bool(of_job)
    if not rows:
        wanted = "two ideas of one answer, one clearly better" if preferring else "an idea"
        raise Rejected(
            f"wanted {wanted} of a language model that was measured, found none in "
            "these jobs; name others, or run jobs with TREX_RESEARCHER_MODEL set"
        )
    _write(out, rows)
    return len(rows), told


def _chosen(client: TrexClient, jobs: Sequence[str]) -> Iterator[JobId]:
    if not jobs:
        known = sorted(client.jobs(), key=lambda job: (job.submitted_at, job.job_id))
        yield from (job.job_id for job in known if _has_ended(job))
        return
    for name in dict.fromkeys(jobs):
        job = client.job(JobId(name))
        if not _has_ended(job):
            raise Rejected(f"{name}: wanted a job that has ended, found it {job.state}; wait")
        yield job.job_id


def _has_ended(job: JobView) -> bool:
    return job.state in ENDED


def _traces(client: TrexClient, job_id: JobId) -> list[Trace]:
    return traces(client.ledger(job_id), lambda number: client.calls(job_id, number))


def _write(out: Path, rows: Sequence[Row]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.{os.getpid()}")
    lines = (f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    partial.write_text("".join(lines), encoding="utf-8")
    partial.replace(out)
