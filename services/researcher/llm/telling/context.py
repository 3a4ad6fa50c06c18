"""What a language model is told before it proposes."""

from collections.abc import Callable, Sequence

from services.researcher.llm.telling.fitting import fitted
from services.researcher.llm.telling.sections.bad_cases import bad_cases
from services.researcher.llm.telling.sections.elsewhere import key_nodes, tried
from services.researcher.llm.telling.sections.experience import experience
from services.researcher.llm.telling.sections.job import data, job
from services.researcher.llm.telling.sections.place import ancestors, place, siblings
from services.researcher.llm.telling.sections.standing import budget, machines, scores, under_way
from shared.contracts.lesson import BankedLesson
from shared.contracts.proposal import ProposeRequest


def context(
    request: ProposeRequest,
    lessons: Sequence[BankedLesson],
    *,
    room: int,
    count: Callable[[str], int],
) -> str:
    """Return in Markdown what bears on the proposals asked for; the same request, the same text.

    What others wrote stands in it quoted and cut; see `services.researcher.llm.quoting`. Files and
    folders are named by their names alone.

    Args:
        request: which proposals, and what the tree has shown.
        lessons: what earlier jobs taught.
        room: the most tokens it may have.
        count: returns how many tokens a text has; asked of whole texts only.

    Raises:
        RoomTooSmall: the goal, the scores and the place alone have more tokens.
    """
    told = (
        job(request),
        data(request),
        scores(request),
        budget(request),
        machines(request),
        place(request),
        ancestors(request),
        siblings(request),
        key_nodes(request),
        tried(request),
        experience(request, lessons),
        bad_cases(request),
        under_way(request),
    )
    return fitted(told, room, count)
