"""Says what a language model is asked for: where, how many, and what it may change there."""

import json

from services.researcher.factors import value_of
from services.researcher.llm.proposing.ideas import Course
from services.researcher.llm.proposing.knobs import turnable
from services.researcher.llm.proposing.place import Columns, Place
from services.researcher.llm.quoting import CUT, quoted
from shared.errors import Rejected

SHOWN = 3
"""Training rows that a model is shown."""

MOST_SHOWN = 300
"""Characters of such a row."""

END = 80
"""Characters kept at either end of a long value."""

_BEGIN = ("load", "map", "hold_out")


def where(place: Place) -> str:
    """Return where the next experiments are to begin."""
    many = len(place.request.experiments)
    return (
        f"## Wanted\n\nThe direction of the next {many} experiment{'s' * (many > 1)} "
        f"below {_name(place)}."
    )


def wishes(place: Place, course: Course) -> str:
    """Return how many ideas are wanted in which direction, and what they may change."""
    many = len(place.request.experiments)
    return "\n\n".join(
        (
            f"## Wanted\n\n{many} idea{'s' * (many > 1)} below {_name(place)}, in the direction "
            f"**{course.direction}**, which was chosen because:",
            quoted(course.reason, "your reason", most=400),
            f"## What may be changed at {_name(place)}\n\n" + "\n".join(_possible(place)),
            _columns(place),
        )
    )


def _name(place: Place) -> str:
    return "the base model" if place.parent is None else f"#{place.parent.experiment}"


def _possible(place: Place) -> list[str]:
    recipe = place.recipe
    there = [operator.kind for operator in recipe.data if operator.kind not in _BEGIN]
    knobs = [f"{name} ({value_of(recipe, name):g})" for name in turnable(recipe, place)]
    method = recipe.method
    now = "dft" if getattr(method, "loss_type", None) == "dft" else method.kind
    lines = [
        f"- adapter: {', '.join(place.adapters)}; now {recipe.adapter.kind}",
        f"- method: {', '.join(place.methods)}; now {now}",
        f"- lr_scheduler_type: now {method.lr_scheduler_type}",
        f"- data operators there now: {', '.join(there) or 'none'}",
        f"- knobs: {', '.join(knobs)}",
    ]
    if place.weights is None:
        lines.append("- not continues: there are no weights of the parent to go on from")
    if place.request.brief.labels < 2:
        lines.append("- not balance, nor sample by label: the answers are no labels")
    if not place.request.brief.duplicate_share:
        lines.append("- not deduplicate: no prompt comes twice")
    return lines


def _columns(place: Place) -> str:
    try:
        rows = place.rows()
    except Rejected:
        return "Neither where nor extract: the rows cannot be looked at here."
    names = ", ".join(rows[0]) if rows else ""
    shown = "\n".join(map(_shown, rows[:SHOWN]))
    return "\n\n".join(
        (
            quoted(names, "columns of the training rows, for where", most=400),
            quoted(", ".join(place.parts), "columns to cut with extract", most=400),
            quoted(shown, "the first training rows, cut", most=SHOWN * (MOST_SHOWN + 1)),
        )
    )


def _shown(row: Columns) -> str:
    cut = {name: _both_ends(str(value)) for name, value in row.items()}
    line = json.dumps(cut, ensure_ascii=False)
    return line if len(line) <= MOST_SHOWN else line[: MOST_SHOWN - 1] + CUT


def _both_ends(text: str) -> str:
    """Return a text without its middle: marks stand at the beginning or at the end."""
    return text if len(text) <= 2 * END else f"{text[:END]}{CUT}{text[-END:]}"
