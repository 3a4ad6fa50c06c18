"""What a service can be asked for, and what it can answer."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter

from shared.contracts.brief import Brief, BriefRequest
from shared.contracts.discard import Discarded, DiscardRequest
from shared.contracts.lesson import DiagnoseRequest, Lesson
from shared.contracts.plan import Plan, PlanRequest
from shared.contracts.proposal import Proposals, ProposeRequest
from shared.contracts.run import Failed, RunRequest, Trained
from shared.contracts.score import Score, ScoreRequest

Request: TypeAlias = Annotated[
    PlanRequest
    | BriefRequest
    | ProposeRequest
    | RunRequest
    | ScoreRequest
    | DiagnoseRequest
    | DiscardRequest,
    Field(discriminator="kind"),
]
"""A piece of work as it is asked for."""

Service: TypeAlias = Literal["researcher", "executor", "evaluator"]
"""A service that answers messages."""

SERVICES: Mapping[str, Service] = {
    "plan": "researcher",
    "brief": "researcher",
    "propose": "researcher",
    "diagnose": "researcher",
    "run": "executor",
    "discard": "executor",
    "score": "evaluator",
}
"""Kind of request to the service that is asked."""

Result: TypeAlias = Annotated[
    Plan | Brief | Proposals | Trained | Score | Lesson | Discarded | Failed,
    Field(discriminator="kind"),
]
"""How a piece of work ended."""


def recorded(request: Request) -> Request:
    """Return a request as a ledger keeps it: without what earlier entries say already.

    With its findings in each, a ledger would grow with the square of the experiments.
    """
    if isinstance(request, ProposeRequest):
        return request.model_copy(update={"findings": ()})
    return request


REQUEST: TypeAdapter[Request] = TypeAdapter(Request)
RESULT: TypeAdapter[Result] = TypeAdapter(Result)
