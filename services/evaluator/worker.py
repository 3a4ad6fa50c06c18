"""Answers the evaluator's messages."""

from services.evaluator.in_process import TransformersScorer
from services.evaluator.scoring import score
from shared.answering import Lease
from shared.contracts.run import Progress
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Result
from shared.serving import serve
from shared.settings import FtbenchSettings, QueueSettings


def run(queue: QueueSettings, ftbench: FtbenchSettings) -> None:
    """Score checkpoints one at a time until told to stop."""
    scorer = TransformersScorer()

    def perform(lease: Lease) -> Result:
        request = lease.claim.request
        assert isinstance(request, ScoreRequest)

        def say(progress: Progress) -> None:
            lease.check()
            lease.say(progress)

        return score(request, scorer, say=say, ftbench_data=ftbench.data)

    serve("evaluator", queue, perform=perform)
