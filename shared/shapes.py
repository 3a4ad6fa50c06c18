"""Which of the usual shapes a data file has, from the names and values of its columns. Pure."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from shared.contracts.mapping import Judged, Mapping, Messages, Preference, Prompts, Templates
from shared.errors import DataFailed
from shared.rows import Row
from shared.turns import is_messages

LOOK_ROWS = 100
"""Rows that a shape is told from: the first ones."""

ASKED = ("text", "sentence", "question", "query", "problem", "prompt", "instruction", "input")
ANSWERED = ("label", "answer", "completion", "output", "response", "target", "solution")
CONVERSATIONS = ("messages", "conversations", "conversation")

Columns = dict[str, list[Any]]
"""Values by name, of the columns that every row has."""


def detect(rows: Iterable[Row], path: Path) -> Mapping:
    """Return how rows become conversations, where that is beyond doubt.

    Names count whatever their case. Two columns to ask with, or two to answer with, are a doubt,
    but for an instruction or a question with its input or context.

    Args:
        rows: of a file; the first `LOOK_ROWS` are looked at.
        path: of the file, for messages.

    Raises:
        DataFailed: no rows, or columns of no shape that is known; they are listed.
    """
    first = _first(rows, path)
    columns = _common(first)
    found = (
        _preference(columns)
        or _conversations(columns)
        or _judged(columns)
        or _pair(columns)
        or _prompts(columns, first)
    )
    if found is None:
        raise _doubt(first, path)
    return found


def pair(
    rows: Iterable[Row], path: Path, *, prompt: str | None, completion: str | None
) -> Templates:
    """Return a prompt and its answer; of the two templates, a missing one is told as by `detect`.

    Raises:
        DataFailed: as `detect`.
        ValueError: a template that is given has stray braces or names no column.
    """
    first = _first(rows, path)
    columns = _common(first)
    prompt, completion = prompt or _prompt(columns), completion or _completion(columns)
    if prompt is None or completion is None:
        raise _doubt(first, path)
    return Templates(prompt=prompt, completion=completion)


def _first(rows: Iterable[Row], path: Path) -> list[Row]:
    first = list(islice(rows, LOOK_ROWS))
    if not first:
        raise DataFailed(f"{path}: wanted rows, found none; give a file with rows")
    return first


def _common(rows: list[Row]) -> Columns:
    return {
        name: [row.columns[name] for row in rows]
        for name in rows[0].columns
        if all(name in row.columns for row in rows)
    }


def _doubt(rows: list[Row], path: Path) -> DataFailed:
    return DataFailed(
        f"{path}: wanted columns of a shape that is known, such as messages, or question and "
        "answer, or prompt, chosen and rejected, found "
        f"{', '.join(rows[0].columns) or 'no columns'}; write data.mapping, or let trex init "
        "do so with --prompt '{column}' and --completion '{column}'"
    )


def _preference(columns: Columns) -> Mapping | None:
    chosen, rejected = _named(columns, ("chosen",)), _named(columns, ("rejected",))
    if not (len(chosen) == len(rejected) == 1):
        return None
    answers = Preference(chosen=_braced(chosen[0]), rejected=_braced(rejected[0]))
    both = columns[chosen[0]] + columns[rejected[0]]
    if all(is_messages(value) and len(value) > 1 for value in both):
        return answers
    prompt = _prompt(columns)
    return None if prompt is None else answers.model_copy(update={"prompt": prompt})


def _conversations(columns: Columns) -> Mapping | None:
    # One message is enough: whoever reads the others says which row is wrong.
    found = [
        name for name in _named(columns, CONVERSATIONS) if any(map(is_messages, columns[name]))
    ]
    return Messages(column=found[0]) if len(found) == 1 else None


def _judged(columns: Columns) -> Mapping | None:
    prompt, label = _prompt(columns), _named(columns, ("label",))
    answers = [name for name in _named(columns, ANSWERED) if name not in label]
    if prompt is None or not len(label) == len(answers) == 1:
        return None
    if any(str(value).lower() not in ("true", "false") for value in columns[label[0]]):
        return None
    return Judged(prompt=prompt, completion=_braced(answers[0]), label=label[0])


def _pair(columns: Columns) -> Mapping | None:
    prompt, completion = _prompt(columns), _completion(columns)
    if prompt is None or completion is None:
        return None
    return Templates(prompt=prompt, completion=completion)


def _prompts(columns: Columns, rows: list[Row]) -> Mapping | None:
    # Any other column may be the answer under a name that is not known.
    alone = _named(columns, ("prompt", "question", "query", "problem", "instruction"))
    if len(alone) != 1 or any(len(row.columns) > 1 for row in rows):
        return None
    return Prompts(prompt=_braced(alone[0]))


def _prompt(columns: Columns) -> str | None:
    """Return a template of the one prompt, with the input or context that belongs to it."""
    asked = _named(columns, ASKED)
    tasks = _named(columns, ("instruction", "question"))
    extra = _named(columns, ("input", "context"))
    if len(tasks) == len(extra) == 1 and set(asked) <= {*tasks, *extra}:
        return f"{_braced(tasks[0])}\n\n{_braced(extra[0])}"
    return _braced(asked[0]) if len(asked) == 1 else None


def _completion(columns: Columns) -> str | None:
    answered = _named(columns, ANSWERED)
    return _braced(answered[0]) if len(answered) == 1 else None


def _named(columns: Columns, names: tuple[str, ...]) -> list[str]:
    return [name for name in columns if name.strip().lower() in names]


def _braced(name: str) -> str:
    return f"{{{name}}}"
