"""What earlier jobs of the same kind found, helpful or not."""

from collections.abc import Sequence

from services.researcher.bank import Experience, base_family, bearing_on, relevant
from services.researcher.changes import changes
from services.researcher.llm.telling.fitting import Form, Section, section
from services.researcher.llm.telling.hearsay import hearsay, is_plain
from shared.contracts.lesson import BankedLesson, DiagnoseRequest
from shared.contracts.proposal import ProposeRequest

MOST, SOME, FEW = 30, 8, 3
"""Changes told of, the clearest first, in each form."""

NODES = 3
"""Experiments named of each."""

_NOTE = 200  # characters of what a person has added
_TITLE = "What earlier jobs found"
_READ = "Mean effects on the score with the range that holds in 19 of 20 cases."


def experience(request: ProposeRequest, lessons: Sequence[BankedLesson]) -> Section:
    """Return what lessons of like jobs add up to, one line a change."""
    return _told(bearing_on(request, lessons))


def experience_of_changes(request: DiagnoseRequest, lessons: Sequence[BankedLesson]) -> Section:
    """Return what lessons of like jobs add up to for what one experiment changed."""
    if request.parent_recipe is None or request.metric is None:
        return _told(())
    changed = {change.factor for change in changes(request.parent_recipe, request.recipe)}
    found = relevant(
        lessons,
        task_type=request.task_type,
        base_family=base_family(request.recipe.base_model),
        base_model=request.recipe.base_model,
        metric=request.metric,
        but=request.job_id,
    )
    return _told(tuple(one for one in found if one.factor in changed))


def _told(found: Sequence[Experience]) -> Section:
    clearest = sorted(found, key=_clarity, reverse=True)
    forms = [_form(clearest, most) for most in (MOST, SOME, FEW)] if found else ()
    return section(_TITLE, 5, forms)


def _form(clearest: Sequence[Experience], most: int) -> Form:
    left = len(clearest) - most
    lost = f"{left} of {len(clearest)} findings of earlier jobs" if left > 0 else ""
    return Form(_lines(clearest[:most]), lost)


def _clarity(one: Experience) -> tuple[bool, float, int]:
    """Return what is clear before what is not, and the larger effects for their error first."""
    sure = abs(one.effect) / one.stderr if one.effect is not None and one.stderr else 0.0
    return one.verdict != "unclear", sure, one.tries


def _lines(told: Sequence[Experience]) -> str:
    plain = [f"- {one.sentence} ({_where(one)})" for one in told if is_plain(_change(one))]
    # A value may be text that a model wrote, as of a condition on rows.
    quoted = hearsay(
        [f"{one.sentence} ({_where(one)})" for one in told if not is_plain(_change(one))],
        "changes that hold text",
        most=_NOTE,
    )
    said = dict.fromkeys(f"{_change(one)}: {note}" for one in told for note in one.notes)
    notes = hearsay(said, "notes on these lessons", most=_NOTE)
    return "\n\n".join(part for part in (_READ, "\n".join(plain), quoted, notes) if part)


def _change(one: Experience) -> str:
    return f"{one.factor} {one.toward}"


def _where(one: Experience) -> str:
    """Return the experiments it rests on, the newest first."""
    nodes = [" #".join(lesson.split("/")[:2]) for lesson in reversed(one.evidence)]
    more = len(nodes) - NODES
    return ", ".join((*nodes[:NODES], *([f"and {more} more"] if more > 0 else [])))
