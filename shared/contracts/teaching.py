"""Data operators that ask a teacher: a language model behind an endpoint.

Where the endpoint is and what opens it stands in no recipe: these are the executor's settings.
What a teacher replies is data, to be trained on or looked at; it never says what is done next.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from shared.contracts.base import Contract


class Asking(Contract):
    """Whom an operator asks, how, and what its replies may cost."""

    model: str = Field(min_length=1)
    """What the endpoint calls the teacher."""

    max_tokens: PositiveInt
    """Longest reply, in the teacher's tokens; one that is cut off there is not used."""

    budget_tokens: PositiveInt
    """Most tokens of questions and replies together that this operator may use. Replies are taken
    in order until it is spent, whether they are paid for now or were paid for before."""

    temperature: NonNegativeFloat = 0.0
    """Of the teacher's sampling; 0 takes the likeliest token."""

    seed: NonNegativeInt = 0
    """Of the teacher's sampling, where its server has one; another seed asks again."""


class Distil(Asking):
    """Put a teacher's answer to each prompt in place of the completion."""

    kind: Literal["distil"] = "distil"


class Rewrite(Asking):
    """Have a teacher write a prompt or a completion anew."""

    kind: Literal["rewrite"] = "rewrite"

    of: Literal["prompt", "completion"]
    """What is written anew; the teacher sees the whole sample."""

    instruction: str = Field(min_length=1)
    """How it is written, for example ``Make it formal, and keep its meaning.``"""


class Score(Asking):
    """Have a teacher rate each sample, and drop what it rates low."""

    kind: Literal["score"] = "score"

    criteria: str = Field(min_length=1)
    """What a good sample is, for example ``The answer is correct and says why.``"""

    min_score: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Samples below it are dropped; the teacher's 1 is 0 here, and its 10 is 1."""


class Generate(Asking):
    """Add samples that a teacher writes in the manner of those that arrive, behind them."""

    kind: Literal["generate"] = "generate"

    samples: PositiveInt
    """How many are asked for; unusable replies and the budget may make it fewer."""

    examples: Annotated[int, Field(ge=1, le=32)] = 4
    """Samples that the teacher is shown for each new one, drawn by the seed."""

    temperature: NonNegativeFloat = 1.0
    """As of `Asking`; at 0 new samples differ only where their examples do."""


Teaching: TypeAlias = Distil | Rewrite | Score | Generate
"""An operator that asks a teacher."""
