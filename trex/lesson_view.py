"""Banked lessons as a terminal shows them. Pure."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from shared.comparison import CONFIDENCE
from shared.contracts.lesson import BankedLesson
from trex.words import clean


def lesson_table(lessons: Iterable[BankedLesson]) -> Table:
    """Return a line a lesson: what was changed where, and what it did to the score."""
    table = Table(box=None, pad_edge=False)
    table.add_column("lesson", overflow="fold")
    for name in ("task", "base", "change", "effect"):
        table.add_column(name, no_wrap=name == "effect", overflow="fold")
    table.add_column("note", ratio=1, overflow="fold")
    for lesson in lessons:
        table.add_row(
            clean(lesson.id),
            lesson.task_type,
            clean(lesson.base_family),
            clean(f"{lesson.before} → {lesson.after}{'' if lesson.alone else ' and more'}"),
            Text(effect_words(lesson), _style(lesson)),
            Text(clean(", ".join(_remarks(lesson)))),
            style="dim" if lesson.ignored else "",
        )
    return table


def effect_words(lesson: BankedLesson) -> str:
    """Return a lesson's effect with half its 95 % interval, for example ``+0.030 ± 0.020``."""
    if lesson.effect is None:
        return "failed"
    doubt = "" if lesson.effect_stderr is None else f" ± {CONFIDENCE * lesson.effect_stderr:.3f}"
    return f"{lesson.effect:+.3f}{doubt}"


def _style(lesson: BankedLesson) -> str:
    if lesson.effect is None:
        return "red"
    if abs(lesson.effect) <= CONFIDENCE * (lesson.effect_stderr or 0.0):
        return ""
    return "green" if lesson.effect > 0 else "red"


def _remarks(lesson: BankedLesson) -> list[str]:
    return [*(["ignored"] if lesson.ignored else []), *([lesson.note] if lesson.note else [])]
