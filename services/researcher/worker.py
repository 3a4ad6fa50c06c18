"""Answers the researcher's messages, with a language model's help where there is one."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from services.researcher.bank import banked, base_family
from services.researcher.llm.asking.consultation import Consultation
from services.researcher.llm.asking.endpoint import Endpoint
from services.researcher.llm.researcher import LlmResearcher
from services.researcher.researcher import Researcher
from services.researcher.rules import RuleResearcher
from services.researcher.tools.everywhere import everywhere
from shared.answering import Lease
from shared.contracts.brief import BriefRequest
from shared.contracts.lesson import DiagnoseRequest, Lesson
from shared.contracts.plan import PlanRequest
from shared.contracts.proposal import ProposeRequest
from shared.contracts.run import Progress
from shared.contracts.work import Result
from shared.endpoints import refuse_odd_key
from shared.errors import Rejected
from shared.notebook import Notebook
from shared.notebook_redis import RedisNotebook
from shared.serving import knock, serve
from shared.settings import (
    LlmSettings,
    QueueSettings,
    ResearcherSettings,
    SemanticScholarSettings,
)
from shared.store_redis import RedisStore, connect
from shared.telemetry.telling import working


def run(
    queue: QueueSettings,
    settings: ResearcherSettings,
    llm: LlmSettings,
    scholar: SemanticScholarSettings,
) -> None:
    """Answer requests one at a time until told to stop.

    Raises:
        Rejected: the language model's address or key, or Semantic Scholar's key, cannot be one.
        StoreUnavailable: as `knock`.
    """
    key = scholar.api_key
    try:
        refuse_odd_key(None if key is None else key.get_secret_value())
    except Rejected as wrong:
        raise Rejected(f"S2_API_KEY: {wrong}") from None
    knock(queue)
    client = connect(queue.url.get_secret_value())
    endpoint = None if settings.model is None else Endpoint(llm, settings)
    desk = Desk(RedisNotebook(client), settings, endpoint, key, clock=RedisStore(client).now)
    serve("researcher", queue, perform=desk.perform)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where one piece of work after another is done."""

    notebook: Notebook
    settings: ResearcherSettings
    endpoint: Endpoint | None
    """The language model; None lets rules answer everything."""
    scholar_key: SecretStr | None = None
    clock: Callable[[], float] = time.time
    """Dates what is banked and the day that pays: the server's, which all researchers share."""

    def perform(self, lease: Lease) -> Result:
        """Return the answer to what the claim asks for, and bank what it teaches."""
        request = lease.claim.request
        with working(request):
            result = respond(self._researcher(lease), lease)
        if isinstance(request, DiagnoseRequest) and isinstance(result, Lesson):
            family = base_family(request.recipe.base_model)
            for lesson in banked(request, result, family=family, at=self.clock()):
                self.notebook.bank(lesson)
        return result

    def _researcher(self, lease: Lease) -> Researcher:
        rules, request = RuleResearcher(), lease.claim.request
        if self.endpoint is None:
            return rules
        assert isinstance(request, PlanRequest | BriefRequest | ProposeRequest | DiagnoseRequest)
        if isinstance(request, PlanRequest | BriefRequest):
            self._wait(self.endpoint, lease)
        adviser = Consultation(
            self.endpoint,
            notebook=self.notebook,
            job_id=lease.claim.job_id,
            work_id=lease.claim.work_id,
            caps=request.caps,
            settings=self.settings,
            give_up=lease.check,
            clock=self.clock,
        )
        research = everywhere(self.settings, key=self.scholar_key, give_up=lease.check)
        return LlmResearcher(rules, adviser, research, self.notebook.lessons)

    def _wait(self, endpoint: Endpoint, lease: Lease) -> None:
        """Let a new job wait for a model that is away: its brief is written once."""

        def say(why: str) -> None:
            lease.say(Progress(phase=why))

        endpoint.wait_until_there(self.settings.wait_s, lease.check, say)


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
