"""Asks a language model what to try, first in what direction and then what exactly.

What it replies is read as one of a few closed shapes and becomes a recipe by our own hand: numbers
are drawn here, what was tried or refuted is refused with the evidence, and what is right of an
answer is kept whatever is wrong with the rest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.researcher.evidence import asked_parent
from services.researcher.llm.adviser import Adviser, ModelUseless, NoCounsel
from services.researcher.llm.prompts import prompt
from services.researcher.llm.proposing.ideas import Course, Ideas
from services.researcher.llm.proposing.place import Place, place_of
from services.researcher.llm.proposing.trial import Trial, refuse_to_go_round
from services.researcher.llm.proposing.wishes import where, wishes
from shared.contracts.lesson import BankedLesson
from shared.contracts.proposal import Proposal, ProposeRequest

JOIN_TOKENS = 4
"""By how many tokens two texts may be more together than apart."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a language model would try next."""

    proposals: tuple[Proposal, ...]
    """In the order of the experiments asked for, at most one for each; maybe none."""
    dropped: tuple[str, ...]
    """What was still wrong with its other ideas after the repairs, a sentence each."""


class Tell(Protocol):
    """Says what there is to know before something is proposed."""

    def __call__(
        self,
        request: ProposeRequest,
        lessons: Sequence[BankedLesson],
        /,
        *,
        room: int,
        count: Callable[[str], int],
    ) -> str:
        """Return it in at most ``room`` tokens."""


def propose(
    request: ProposeRequest, lessons: Sequence[BankedLesson], adviser: Adviser, *, tell: Tell
) -> Proposed:
    """Return what a language model proposes for the request's experiments.

    Args:
        request: what is known and wanted; its experiments are all for the model to fill.
        lessons: of earlier jobs.
        adviser: whom to ask.
        tell: writes what the model is told of the job.

    Raises:
        NoCounsel: the model gave nothing, is away and gave nothing of use before, or is not asked
            because its experiments keep failing alike.
        Rejected: the parent is neither `ROOT` nor among the findings.
    """
    place = place_of(request, asked_parent(request))
    refuse_to_go_round(request.findings)
    course = _course(place, lessons, adviser, tell)
    trial = Trial(place, lessons, course.direction)
    wanted = wishes(place, course)
    told = _told(request, lessons, adviser, tell, wanted)
    try:
        adviser.ask(prompt("ideas"), told, Ideas, check=trial.judge)
    except NoCounsel as error:
        # A model that is away in the middle has said something before; a useless one may have too.
        refused = isinstance(error, ModelUseless) and trial.wrong
        if not trial.proposals and not refused:
            raise
    return Proposed(tuple(trial.proposals), trial.wrong)


def _course(place: Place, lessons: Sequence[BankedLesson], adviser: Adviser, tell: Tell) -> Course:
    told = _told(place.request, lessons, adviser, tell, where(place))
    return adviser.ask(prompt("direction"), told, Course)


def _told(
    request: ProposeRequest,
    lessons: Sequence[BankedLesson],
    adviser: Adviser,
    tell: Tell,
    wanted: str,
) -> str:
    """Return what there is to know and then what is wanted, together within the adviser's room."""
    room = adviser.room - adviser.count(f"\n\n{wanted}") - JOIN_TOKENS
    return f"{tell(request, lessons, room=room, count=adviser.count)}\n\n{wanted}"
