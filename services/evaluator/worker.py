"""Answers the evaluator's messages."""

import shlex
from collections.abc import Iterator
from contextlib import closing, contextmanager

from services.evaluator.certificate import certificate_of
from services.evaluator.lm_eval.run import Harness, is_harness, score_with_harness
from services.evaluator.scorer import Scorer
from services.evaluator.scoring import score
from services.evaluator.vllm.elsewhere import Elsewhere
from services.evaluator.vllm.pool import Pool
from services.evaluator.vllm.scorer import Servers, VllmScorer
from services.evaluator.vllm.server import Served
from shared.answering import Lease
from shared.contracts.run import Progress
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Result
from shared.serving import serve
from shared.settings import EvaluatorSettings, FtbenchSettings, QueueSettings


def run(queue: QueueSettings, evaluator: EvaluatorSettings, ftbench: FtbenchSettings) -> None:
    """Score checkpoints one at a time until told to stop."""
    harness = Harness(
        python=evaluator.lm_eval_python.absolute(),
        tasks=evaluator.lm_eval_tasks and evaluator.lm_eval_tasks.absolute(),
        logs=evaluator.logs.resolve(),
    )
    with scorer_of(evaluator) as scorer:

        def perform(lease: Lease) -> Result:
            request = lease.claim.request
            assert isinstance(request, ScoreRequest)

            def say(progress: Progress) -> None:
                lease.check()
                lease.say(progress)

            if is_harness(request.data):
                certificate = certificate_of(request, scorer, say=say)
                found = score_with_harness(request, scorer, harness, say=say)
                return found.model_copy(update={"certificate": certificate})
            return score(request, scorer, say=say, ftbench_data=ftbench.data)

        serve("evaluator", queue, perform=perform)


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
