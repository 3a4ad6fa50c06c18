"""Whom the researcher asks, within one piece of work: what an answer is, and what none is.

NoCounsel              rules answer instead
├── ModelAway          timeouts, refused keys, unpaid bills, too many requests: tried again later
├── ModelUseless       it answers, but nothing that can be used, even after repairs
├── RoomTooSmall       the least it must be told does not fit its context window
└── CapReached         the job's or the day's tokens or money are used up
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from services.researcher.llm.prompts import Prompt
from shared.asking.question import Shape
from shared.contracts.counsel import Counsel

REPAIRS = 2
"""Times a model is told what is wrong with an answer before it is given up."""

S = TypeVar("S", bound=Shape)


class NoCounsel(Exception):
    """There is no answer to be had from the language model. Never leaves the researcher."""


class ModelAway(NoCounsel):
    """The model cannot be reached now."""


class ModelUseless(NoCounsel):
    """The model answered, and nothing of it could be used."""


class RoomTooSmall(NoCounsel):
    """What it must be told at least does not fit; the message says how many tokens are missing."""


class CapReached(NoCounsel):
    """A cap on tokens or money leaves no room for another question."""


class Adviser(Protocol):
    """A language model that can be asked about one piece of work."""

    @property
    def room(self) -> int:
        """Tokens that a question may have beside its prompt, so that a reply still fits."""
        ...

    def count(self, text: str) -> int:
        """Return how many tokens a text has for the model, or a bound where it cannot be asked."""
        ...

    def ask(
        self,
        prompt: Prompt,
        told: str,
        shape: type[S],
        *,
        check: Callable[[S], None] = lambda _: None,
    ) -> S:
        """Return an answer of a shape that passes a check.

        An answer that cannot be read, or that the check rejects, is given back with the reason at
        most `REPAIRS` times.

        Args:
            prompt: what to do.
            told: about what, at most `room` tokens.
            shape: of the answer.
            check: raises `shared.errors.Rejected` with a sentence the model is told.

        Raises:
            NoCounsel: there is none.
            shared.answering.GivenUp: the work was cancelled or taken away meanwhile.
        """
        ...

    @property
    def counsel(self) -> Counsel:
        """What was asked so far in this piece of work, and what it cost."""
        ...
