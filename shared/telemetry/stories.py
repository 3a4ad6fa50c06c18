"""Names the story of each experiment, so that all processes tell it in one trace. Pure.

Ids are hashes of the job and the experiment's number. So nobody has to remember a trace, and a
planner that was restarted goes on in the same. What belongs to no experiment is told in the story
of the base model, which is that of the job.
"""

import hashlib

from shared.contracts.base import ROOT, ExperimentId, JobId
from shared.contracts.lesson import DiagnoseRequest
from shared.contracts.proposal import ProposeRequest
from shared.contracts.run import RunRequest
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Request


def trace_of(job_id: JobId, experiment: ExperimentId) -> int:
    """Return the trace id of an experiment's story, as OpenTelemetry wants it: 128 bits, not 0."""
    return int.from_bytes(_hash(job_id, experiment)[:16]) or 1


def opening_of(job_id: JobId, experiment: ExperimentId) -> int:
    """Return the id of the span that opens the story, likewise: 64 bits."""
    return int.from_bytes(_hash(job_id, experiment)[16:24]) or 1


def told_in(request: Request) -> tuple[ExperimentId, ...]:
    """Return in whose stories a piece of work belongs, at least one; the first has its spans."""
    match request:
        case ProposeRequest(experiments=experiments):
            return experiments
        case (
            RunRequest(experiment=experiment)
            | ScoreRequest(experiment=experiment)
            | DiagnoseRequest(experiment=experiment)
        ):
            return (experiment,)
        case _:
            return (ROOT,)


def _hash(job_id: JobId, experiment: ExperimentId) -> bytes:
    return hashlib.sha256(f"{job_id}/{experiment}".encode()).digest()
