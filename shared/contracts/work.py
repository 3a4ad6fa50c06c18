"""What a service can be asked for, and what it can answer."""

from typing import Annotated, TypeAlias

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

Result: TypeAlias = Annotated[
    Plan | Brief | Proposals | Trained | Score | Lesson | Discarded | Failed,
    Field(discriminator="kind"),
]
"""How a piece of work ended."""

REQUEST: TypeAdapter[Request] = TypeAdapter(Request)
RESULT: TypeAdapter[Result] = TypeAdapter(Result)
