"""What a row says under a mapping: turns of a conversation, and the answers to them. Pure."""

import math
from string import Formatter
from typing import Any, NamedTuple, assert_never

from shared.contracts.mapping import Judged, Mapping, Messages, Preference, Prompts, Templates
from shared.errors import DataFailed
from shared.turns import Turn, last_answer, read_turns

Columns = dict[str, Any]


class Exchange(NamedTuple):
    """An answer, with all that was said before it."""

    before: list[Turn]
    """Perhaps one turn of the system, then user and assistant; the user's last."""

    answer: str
    """Empty where none is known."""

    rejected: str | None = None
    """A worse answer."""

    good: bool | None = None
    """How the answer was judged."""


def exchanges(columns: Columns, mapping: Mapping, where: str) -> list[Exchange]:
    """Return the answers in a row, at least one and in order.

    Args:
        columns: of the row.
        mapping: what they mean.
        where: the row's place, for messages.

    Raises:
        DataFailed: as `shared.rows.to_samples`.
    """
    _refuse_missing(columns, mapping, where)
    match mapping:
        case Templates():
            return [
                Exchange(
                    _asked(mapping.prompt, columns, where),
                    _answer(mapping.completion, columns, where),
                )
            ]
        case Messages():
            return _in_conversation(read_turns(columns[mapping.column], where), where)
        case Preference():
            return [_compared(mapping, columns, where)]
        case Judged():
            return [
                Exchange(
                    _asked(mapping.prompt, columns, where),
                    _answer(mapping.completion, columns, where),
                    good=_verdict(mapping.label, columns, where),
                )
            ]
        case Prompts():
            known = mapping.reference
            return [
                Exchange(
                    _asked(mapping.prompt, columns, where),
                    "" if known is None else _answer(known, columns, where),
                )
            ]
    assert_never(mapping)


def _in_conversation(turns: list[Turn], where: str) -> list[Exchange]:
    found = [
        Exchange(turns[:place], turn.content)
        for place, turn in enumerate(turns)
        if turn.role == "assistant"
    ]
    if not found:
        raise DataFailed(
            f"{where}: wanted an answer of the assistant, found only messages of "
            f"{' and '.join(turn.role for turn in turns)}; remove the row"
        )
    return found


def _compared(mapping: Preference, columns: Columns, where: str) -> Exchange:
    if mapping.prompt is not None:
        before = _asked(mapping.prompt, columns, where)
        better, worse = (
            _answer(answer, columns, where) for answer in (mapping.chosen, mapping.rejected)
        )
        return Exchange(before, better, rejected=worse)
    chosen, rejected = (
        _in_conversation(read_turns(_alone(answer, columns), where), where)[-1]
        for answer in (mapping.chosen, mapping.rejected)
    )
    if chosen.before != rejected.before:
        raise DataFailed(
            f"{where}: wanted two conversations that differ in their last answer alone, found "
            "that they part before it; remove the row"
        )
    return chosen._replace(rejected=rejected.answer)


def _asked(template: str, columns: Columns, where: str) -> list[Turn]:
    """Return what comes before the answer, its last turn the user's."""
    value = _alone(template, columns)
    if not isinstance(value, list):
        return [Turn("user", _fill(template, columns, where))]
    turns = read_turns(value, where)
    if turns[-1].role != "user":
        raise DataFailed(
            f"{where}: wanted a prompt that ends with a message of the user, found one of the "
            f"{turns[-1].role}; correct the row"
        )
    return turns


def _answer(template: str, columns: Columns, where: str) -> str:
    value = _alone(template, columns)
    if isinstance(value, list):
        return last_answer(value, where)
    completion = _fill(template, columns, where)
    if not completion.strip():
        raise DataFailed(
            f"{where}: wanted a completion, found only white space; fill it in or remove the row"
        )
    return completion


def _verdict(label: str, columns: Columns, where: str) -> bool:
    value = columns[label]
    # CSV has no true and false of its own, so there they come as words.
    verdict = {"true": True, "false": False}.get(str(value).lower())
    if verdict is None:
        raise DataFailed(
            f"{where}: wanted true or false in column {label!r}, found {value!r}; correct the row"
        )
    return verdict


def _alone(template: str, columns: Columns) -> Any:
    """Return the value of the column that a template is and nothing else, or None."""
    parts = list(Formatter().parse(template))
    literal, name = parts[0][:2]
    return columns[name] if name and not literal and len(parts) == 1 else None


def _fill(template: str, columns: Columns, where: str) -> str:
    # str.format_map would take a column named 0 for a position.
    return "".join(
        text if name is None else f"{text}{_text(name, columns, where)}"
        for text, name, _, _ in Formatter().parse(template)
    )


def _text(name: str, columns: Columns, where: str) -> Any:
    value = columns[name]
    if isinstance(value, (list, dict)):
        raise DataFailed(
            f"{where}: wanted text or a number in column {name!r}, found {type(value).__name__}; "
            "write it out as text, or map messages by themselves"
        )
    return value


def _refuse_missing(columns: Columns, mapping: Mapping, where: str) -> None:
    for column in mapping.columns:
        value = columns.get(column)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            raise DataFailed(
                f"{where}: wanted a column {column!r}, found "
                f"{', '.join(map(repr, columns)) or 'no columns'}"
                f"{' with no value there' if column in columns else ''}; "
                "correct the row or the mapping"
            )
