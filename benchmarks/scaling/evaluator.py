"""The simulated evaluator: a real worker of the real queue that knows every score at once."""

from benchmarks.scaling.landscape import scored
from shared.answering import Lease
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Result
from shared.logs import start_logging
from shared.serving import serve
from shared.settings import QueueSettings


def perform(lease: Lease) -> Result:
    """Return the score that a piece of work asks for."""
    request = lease.claim.request
    assert isinstance(request, ScoreRequest)
    return scored(request)


if __name__ == "__main__":
    start_logging("evaluator")
    serve("evaluator", QueueSettings(), perform=perform)
