"""Predictions as people write them: an answer for each item, or a sentence on all that is wrong."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftbench.task import Item, Task
from shared.errors import DataFailed, Rejected
from shared.rows import read_rows

SHOWN = 3
"""Ids named of each kind of problem; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """Answers to the items in scope."""

    items: Sequence[Item]
    """What was answered: all in scope of every subtask that has any answer."""

    answers: Mapping[str, str]
    """The answer to each of ``items``, by id; possibly to others too."""

    sha256: str
    """Of the answers and their ids, 64 hexadecimal digits."""

    notes: tuple[str, ...]
    """What a reader of the score should know."""


def read_predictions(
    path: Path, task: Task, items: Sequence[Item], scope: Sequence[Item], *, missing_as_wrong: bool
) -> Predictions:
    """Return the answers in a file: JSONL with ``id`` and ``prediction``, or the authors' own form.

    A prediction of null or NaN is an empty answer. A subtask without a single answer is left out;
    within the others every item in scope needs one, or counts as wrong if ``missing_as_wrong``. In
    the authors' own form, which may be of an older edition, a missing item is left out and noted.

    Args:
        path: the file, or for some tasks a folder.
        task: which task.
        items: all of the task's items.
        scope: those that are to be scored.
        missing_as_wrong: what to do about a missing answer.

    Raises:
        Rejected: no such file, unknown ids, ids that occur twice, missing ids, or predictions that
            are no text; or it cannot be read as UTF-8 JSONL, or as what the authors publish.
    """
    if not path.exists():
        raise Rejected(f"wanted predictions, found nothing at {path}; check the path")
    notes: list[str] = []
    read_own_form = task.read_predictions if path.suffix.lower() != ".jsonl" else None
    try:
        if read_own_form is not None:
            answers = read_own_form(path, items)
        else:
            answers = _read_jsonl(path, {item.id for item in items}, notes)
    except DataFailed as error:
        raise Rejected(str(error)) from None  # these rows are the caller's, who can correct them
    attempted = {item.subtask for item in scope if item.id in answers}
    answered = [item for item in scope if item.subtask in attempted]
    if not answered:
        raise Rejected(
            f"{path}: wanted answers to the {len(scope)} items of {task.name} to be scored, found "
            f"none among {len(answers)} predictions; check --task and --split"
        )
    absent = sorted({item.subtask for item in scope} - attempted)
    if absent:
        notes.append(f"no predictions for {', '.join(absent)}")
    missing = [item.id for item in answered if item.id not in answers]
    if missing and missing_as_wrong:
        notes.append(f"{len(missing)} missing answers count as wrong, {_some(missing)}")
        answers |= dict.fromkeys(missing, "")
    elif missing and read_own_form is not None:
        notes.append(f"{len(missing)} items without a prediction are left out, {_some(missing)}")
        answered = [item for item in answered if item.id in answers]
    elif missing:
        raise Rejected(
            f"{path}: wanted an answer to each of {len(answered)} items, found {len(missing)} "
            f"missing, {_some(missing)}; add them, or count them as wrong with --missing-as-wrong"
        )
    outside = len(answers.keys() - {item.id for item in scope})
    if outside:
        notes.append(f"{outside} predictions are for items outside the split, and are left out")
    return Predictions(answered, answers, _sha256(answered, answers), tuple(notes))


def _read_jsonl(path: Path, known: set[str], notes: list[str]) -> dict[str, str]:
    answers: dict[str, str] = {}
    twice, unknown, no_text, empty = [], [], [], 0
    for row in read_rows(path):
        if not isinstance(row.columns.get("id"), str) or "prediction" not in row.columns:
            raise Rejected(
                f"{path} line {row.number}: wanted an object with a text 'id' and a 'prediction', "
                f"found {_shown(row.columns)}; correct that line"
            )
        id, answer = row.columns["id"], row.columns["prediction"]
        if answer is None or (isinstance(answer, float) and math.isnan(answer)):
            answer, empty = "", empty + 1
        if id in answers:
            twice.append(id)
        if id not in known:
            unknown.append(id)
        if not isinstance(answer, str):
            no_text.append(id)
        answers[id] = str(answer)
    problems = [
        f"{what}, {_some(ids)}"
        for what, ids in (
            (f"{len(twice)} ids that occur twice", twice),
            (f"{len(unknown)} ids that are no item of the task", unknown),
            (f"{len(no_text)} predictions that are no text", no_text),
        )
        if ids
    ]
    if problems:
        raise Rejected(
            f"{path}: wanted one text prediction an item, found {'; '.join(problems)}; correct "
            "the file, `ftbench run` writes such files"
        )
    if empty:
        notes.append(f"{empty} predictions are null and count as empty answers")
    return answers


def _shown(columns: Mapping[str, Any]) -> str:
    keys = ", ".join(map(repr, columns)) or "nothing"
    id = columns.get("id", "")
    return keys if isinstance(id, str) else f"{keys} and the id {id!r}"


def _some(ids: Sequence[str]) -> str:
    return ", ".join(map(repr, ids[:SHOWN])) + (", …" if len(ids) > SHOWN else "")


def _sha256(items: Sequence[Item], answers: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for item in items:
        for text in (item.id, answers[item.id]):
            raw = text.encode("utf-8", "surrogatepass")
            digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()
