"""Answers the evaluator's messages."""

import logging
import shlex
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.evaluator.certificate import certificate_of
from services.evaluator.chain import Chain, chain_of, score_of
from services.evaluator.judge import Judge
from services.evaluator.kept_scores import KeptScores
from services.evaluator.key import signing_key
from services.evaluator.ladder import told_coarsely
from services.evaluator.lm_eval.run import Harness, is_harness, score_with_harness
from services.evaluator.openings import allow
from services.evaluator.scorer import Scorer
from services.evaluator.scoring import score
from services.evaluator.vllm.elsewhere import Elsewhere
from services.evaluator.vllm.pool import Pool
from services.evaluator.vllm.scorer import Servers, VllmScorer
from services.evaluator.vllm.server import Served
from shared.answering import Lease
from shared.artifacts.artifacts import Artifacts
from shared.contracts.base import ROOT
from shared.contracts.run import Progress
from shared.contracts.score import Score, ScoreRequest
from shared.contracts.work import Result
from shared.errors import ScoringFailed
from shared.serving import knock, serve
from shared.settings import (
    ArtifactSettings,
    EvaluatorSettings,
    FtbenchSettings,
    JudgeSettings,
    QueueSettings,
)
from shared.telemetry.telling import working
from shared.vault import opened, refuse_inside
from shared.writable import refuse_unwritable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Means:
    """What an evaluator scores with."""

    scorer: Scorer
    harness: Harness
    vault: Path
    ftbench_data: Path | None
    """Folder with the published files of tasks; None to fetch them."""
    judge: Judge | None
    """Grades where a job asks for a language model; None where there is none."""
    artifacts: Artifacts
    """Where checkpoints are found."""


def run(
    queue: QueueSettings,
    artifacts: ArtifactSettings,
    evaluator: EvaluatorSettings,
    ftbench: FtbenchSettings,
    asked: JudgeSettings,
) -> None:
    """Score checkpoints one at a time until told to stop.

    Raises:
        Rejected: the vault cannot be written, nor the folder for what is fetched.
        StoreUnavailable: as `knock`.
        Unavailable: the store of artifacts does not answer.
    """
    knock(queue)
    refuse_unwritable(evaluator.vault, "TREX_EVALUATOR_VAULT")
    if artifacts.url is not None:
        refuse_unwritable(artifacts.folder, "TREX_ARTIFACTS_FOLDER")
    key = signing_key(evaluator.vault)
    logger.info("scores are signed with the key %s", key.public)
    harness = Harness(
        python=evaluator.lm_eval_python.absolute(),
        tasks=evaluator.lm_eval_tasks and evaluator.lm_eval_tasks.absolute(),
        logs=evaluator.logs.resolve(),
    )
    # In the vault, for a judge may quote what it judges.
    judge = Judge(asked, evaluator.vault / "judge.sqlite") if asked.url else None
    store = Artifacts(artifacts)
    store.check()
    with scorer_of(evaluator) as scorer:
        means = Means(scorer, harness, evaluator.vault, ftbench.data, judge, store)

        def perform(lease: Lease) -> Result:
            with working(lease.claim.request):
                return told(lease, chain_of(lease.claim.job_id, evaluator.vault, key), means)

        serve(
            "evaluator",
            queue,
            perform=perform,
            folder=evaluator.vault,
            adapters_only=evaluator.scorer == "vllm" and evaluator.vllm_url is not None,
        )


def told(lease: Lease, chain: Chain, means: Means) -> Score:
    """Return the score that a piece of work asks for, with its place in the job's record.

    Raises:
        DataFailed: as `score`, or sealed rows that the vault does not hold.
        ScoringFailed: as `score`, or one score too many of rows that are looked at rarely.
        NoArtifact: the checkpoint is gone.
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

    with means.artifacts.fetched(request.checkpoint, go_on=lease.check) as checkpoint:
        measured = _measured(request.model_copy(update={"checkpoint": checkpoint}), means, say)
    if request.split == "confirm":
        measured = told_coarsely(measured)
    return chain.add(lease.claim.work_id, request, measured, allow)


def _refuse_paths(request: ScoreRequest, means: Means) -> None:
    """Refuse paths by which a job would see what the evaluator alone may read.

    Whoever trains writes the checkpoint: a link in it would be followed here.
    """
    sealed = [means.vault] if means.ftbench_data is None else [means.vault, means.ftbench_data]
    for data in filter(None, (request.data, request.shots_data)):
        for folder in sealed:
            refuse_inside(folder, data)
    checkpoint = Path(request.checkpoint)
    if request.experiment != ROOT and any(path.is_symlink() for path in checkpoint.rglob("*")):
        raise ScoringFailed(
            f"{checkpoint}: wanted files, found links among them; save the checkpoint again"
        )


def _measured(request: ScoreRequest, means: Means, say: Callable[[Progress], None]) -> Score:
    _refuse_paths(request, means)
    if is_harness(request.data):
        certificate = certificate_of(request, means.scorer, say=say)
        found = score_with_harness(request, means.scorer, means.harness, say=say)
        return found.model_copy(update={"certificate": certificate})
    rows = opened(request.data, means.vault, request.split)
    if rows is not None:
        request = request.model_copy(update={"data": str(rows)})
    kept = KeptScores(means.vault / "scores")
    return score(
        request,
        means.scorer,
        say=say,
        ftbench_data=means.ftbench_data,
        judge=means.judge,
        kept=kept,
    )


@contextmanager
def scorer_of(settings: EvaluatorSettings) -> Iterator[Scorer]:
    """Yield what generates answers; servers that it started end with the block."""
    if settings.scorer == "transformers":
        from services.evaluator.in_process import TransformersScorer  # the only one to need torch

        yield TransformersScorer()
        return
    with closing(_servers(settings)) as servers:
        yield VllmScorer(servers)


def _servers(settings: EvaluatorSettings) -> Servers:
    if settings.vllm_url is not None:
        return Elsewhere(
            settings.vllm_url,
            settings.vllm_key.get_secret_value() if settings.vllm_key else None,
            max_lora_rank=settings.max_lora_rank,
            answer_s=settings.vllm_answer_s,
        )
    named = tuple(settings.vllm_devices.split(",")) if settings.vllm_devices else ()
    return Pool(
        Served(
            python=settings.vllm_python.absolute(),
            max_lora_rank=settings.max_lora_rank,
            options=tuple(shlex.split(settings.vllm_options)),
            logs=settings.logs.resolve(),
            devices=named or (None,) * settings.vllm_servers,
            answer_s=settings.vllm_answer_s,
        )
    )
