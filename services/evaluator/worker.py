"""Answers the evaluator's messages."""

import logging
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.evaluator.chain import Chain, chain_of, score_of
from services.evaluator.kept_scores import KeptScores
from services.evaluator.key import signing_key
from services.evaluator.ladder import told_coarsely
from services.evaluator.openings import allow
from services.evaluator.scorer import Scorer
from services.evaluator.scoring import score
from services.evaluator.vllm.scorer import VllmScorer
from services.evaluator.vllm.server import Served
from shared.answering import Lease
from shared.contracts.run import Progress
from shared.contracts.score import Score, ScoreRequest
from shared.contracts.work import Result
from shared.serving import serve
from shared.settings import EvaluatorSettings, FtbenchSettings, QueueSettings
from shared.vault import opened, refuse_inside

logger = logging.getLogger(__name__)


def run(queue: QueueSettings, evaluator: EvaluatorSettings, ftbench: FtbenchSettings) -> None:
    """Score checkpoints one at a time until told to stop."""
    key = signing_key(evaluator.vault)
    logger.info("scores are signed with the key %s", key.public)
    with scorer_of(evaluator) as scorer:

        def perform(lease: Lease) -> Result:
            chain = chain_of(lease.claim.job_id, evaluator.vault, key)
            return told(lease, chain, scorer, vault=evaluator.vault, ftbench_data=ftbench.data)

        serve("evaluator", queue, perform=perform)


def told(
    lease: Lease, chain: Chain, scorer: Scorer, *, vault: Path, ftbench_data: Path | None
) -> Score:
    """Return the score that a piece of work asks for, with its place in the job's record.

    Raises:
        DataFailed: as `score`, or sealed rows that the vault does not hold.
        ScoringFailed: as `score`, or one score too many of rows that are looked at rarely.
    """
    request = lease.claim.request
    assert isinstance(request, ScoreRequest)
    before = chain.told()
    recorded = score_of(lease.claim.work_id, before)
    if recorded is not None:
        return recorded
    allow(before, request)

    def say(progress: Progress) -> None:
        lease.check()
        lease.say(progress)

    if request.shots_data is not None:
        refuse_inside(vault, request.shots_data)
    rows = opened(request.data, vault, request.split)
    open_request = request if rows is None else request.model_copy(update={"data": str(rows)})
    measured = score(
        open_request,
        scorer,
        say=say,
        ftbench_data=ftbench_data,
        kept=KeptScores(vault / "scores"),
    )
    if request.split == "confirm":
        measured = told_coarsely(measured)
    return chain.add(lease.claim.work_id, request, measured, allow)


@contextmanager
def scorer_of(settings: EvaluatorSettings) -> Iterator[Scorer]:
    """Yield what generates answers; servers that it started end with the block."""
    if settings.scorer == "transformers":
        from services.evaluator.in_process import TransformersScorer  # the only one to need torch

        yield TransformersScorer()
        return
    scorer = VllmScorer(
        Served(
            python=settings.vllm_python.absolute(),
            max_lora_rank=settings.max_lora_rank,
            options=tuple(shlex.split(settings.vllm_options)),
            logs=settings.logs.resolve(),
        )
    )
    try:
        yield scorer
    finally:
        scorer.stop()
