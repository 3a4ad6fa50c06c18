"""Answers the researcher's messages."""

from services.researcher.researcher import Researcher
from services.researcher.rules import RuleResearcher
from shared.answering import Lease
from shared.contracts.brief import BriefRequest
from shared.contracts.lesson import DiagnoseRequest
from shared.contracts.plan import PlanRequest
from shared.contracts.proposal import ProposeRequest
from shared.contracts.work import Result
from shared.serving import serve
from shared.settings import QueueSettings


def run(queue: QueueSettings) -> None:
    """Answer requests one at a time until told to stop."""
    researcher = RuleResearcher()

    def perform(lease: Lease) -> Result:
        return respond(researcher, lease)

    serve("researcher", queue, perform=perform)


def respond(researcher: Researcher, lease: Lease) -> Result:
    """Return the researcher's answer to what the claim asks for."""
    match lease.claim.request:
        case PlanRequest() as request:
            return researcher.plan(request)
        case BriefRequest() as request:
            return researcher.brief(request)
        case ProposeRequest() as request:
            return researcher.propose(request)
        case DiagnoseRequest() as request:
            return researcher.diagnose(request)
        case other:
            raise TypeError(f"the researcher is not asked for {other.kind!r}")
