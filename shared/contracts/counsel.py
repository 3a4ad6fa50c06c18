"""What a language model was asked for the researcher, what it said, and what that cost."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from shared.contracts.base import Contract

Proposer = Literal["rules", "llm"]
"""Who proposes a recipe: rules over the evidence, or a language model."""


class Caps(Contract):
    """What a job's questions to the researcher's language model may cost."""

    tokens: PositiveInt | None = None
    """Read and written together; None for no limit."""

    money: PositiveFloat | None = None
    """In the unit of the price table; None for no limit."""


class Spend(Contract):
    """What questions to a language model cost."""

    tokens: NonNegativeInt = 0
    """Read and written together."""

    money: NonNegativeFloat = 0.0
    """In the unit of the price table; 0 for a model that stands in none."""


class Message(Contract):
    """One message of a call, without keys and passwords."""

    role: Literal["system", "user", "assistant"]
    """Whose it is."""

    text: str
    """What it says."""


class Call(Contract):
    """One question to a language model, and what came back."""

    prompt: str
    """Which prompt it was: its name, version and hash, as `Counsel.prompts` has it."""

    model: str
    """Who was asked."""

    asked: tuple[Message, ...]
    """All that the model was sent."""

    reply: str
    """What it said; empty when nothing came."""

    fault: str | None = None
    """Why the reply was of no use, in one sentence; None of one that was."""

    spend: Spend = Spend()
    """What it cost."""

    at: float
    """When the question was put: seconds since 1970."""

    seconds: NonNegativeFloat
    """How long the reply took."""


class Counsel(Contract):
    """What a language model had to do with an answer of the researcher."""

    model: str
    """Who was asked."""

    prompts: tuple[str, ...] = ()
    """Every prompt used, once: ``NAME VERSION HASH``, the hash 12 digits of its SHA-256."""

    calls: NonNegativeInt = 0
    """Requests sent. The calls themselves are kept in the notebook; see `shared.notebook`."""

    spend: Spend = Spend()
    """What they cost together."""

    repaired: NonNegativeInt = 0
    """Answers that were right only after the model was told what was wrong with them."""

    dropped: tuple[str, ...] = ()
    """Proposals that were still wrong after two repairs, repeated what had been tried, or had been
    refuted: why, a sentence each."""

    fallback: Annotated[str, Field(min_length=1)] | None = None
    """Why rules answered in place of the model, in part or altogether; None when they did not."""
