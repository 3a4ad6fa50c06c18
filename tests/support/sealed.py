"""The ledger of a small job, its scores sealed as an evaluator seals them."""

from pathlib import Path

from services.evaluator.chain import Chain, chain_of
from services.evaluator.key import signing_key
from shared.contracts.base import ExperimentId, WorkId
from shared.contracts.events import Event, JobEnded, JobSubmitted, WorkEnded, WorkOrdered
from shared.contracts.score import ScoreRequest
from tests.support.examples import JOB, SCORE_REQUEST, SPEC, score

LAST = 3
"""The job's last experiment."""


def chain_in(vault: Path) -> Chain:
    return chain_of(JOB, vault, signing_key(vault))


def asking(experiment: int, split: str = "dev", **changed: object) -> ScoreRequest:
    """A request for the score of an experiment."""
    fields = {"experiment": ExperimentId(experiment), "split": split}
    return SCORE_REQUEST.model_copy(update=fields | changed)


def ledger(vault: Path) -> list[Event]:
    """A job that is over: the base model and three experiments, each better than the one before."""
    chain = chain_in(vault)
    events: list[Event] = [JobSubmitted(job_id=JOB, spec=SPEC)]
    for number in range(LAST + 1):
        work, request = WorkId(f"score-{number}"), asking(number)
        result = chain.add(work, request, score(0.1 * (number + 1)), lambda *_: None)
        events.append(WorkOrdered(work_id=work, request=request, why="because"))
        events.append(WorkEnded(work_id=work, attempt=1, result=result))
    return [*events, JobEnded(how="finished", reason="done", best=ExperimentId(LAST))]
