"""Answers the evaluator's messages."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from services.evaluator.scorer import Scorer
from services.evaluator.scoring import score
from services.evaluator.vllm.scorer import VllmScorer
from services.evaluator.vllm.server import Served
from shared.answering import Lease
from shared.contracts.run import Progress
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Result
from shared.serving import serve
from shared.settings import EvaluatorSettings, FtbenchSettings, QueueSettings


def run(queue: QueueSettings, evaluator: EvaluatorSettings, ftbench: FtbenchSettings) -> None:
    """Score checkpoints one at a time until told to stop."""
    with scorer_of(evaluator) as scorer:

        def perform(lease: Lease) -> Result:
            request = lease.claim.request
            assert isinstance(request, ScoreRequest)

            def say(progress: Progress) -> None:
                lease.check()
                lease.say(progress)

            return score(request, scorer, say=say, ftbench_data=ftbench.data)

        serve("evaluator", queue, perform=perform)


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
