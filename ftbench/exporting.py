"""Hands out what may be learnt from. Nothing else leaves: dev, confirm and test stay sealed."""

import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from ftbench.task import Item, Split, Task
from shared.errors import Rejected


class RowType(StrEnum):
    """In which of TRL's dataset types rows are written."""

    MESSAGES = "messages"
    """Conversational language modelling: ``{"messages": […]}``, the answer last."""

    PROMPT_COMPLETION = "prompt-completion"
    """Conversational prompt and completion: loss on the answer alone."""

    TEXT = "text"
    """Prompt and completion as plain texts, with a ``system`` column where the task has one."""


def refuse_sealed(task: Task, split: Split) -> None:
    """Return when a split may leave.

    Raises:
        Rejected: it is another than train, or the licence forbids training.
    """
    if split is not Split.TRAIN:
        raise Rejected(
            f"wanted a split to train on, found {split}, which is sealed: whoever has seen it can "
            "not be measured with it any more; use --split train"
        )
    if not task.source.may_train:
        raise Rejected(
            f"{task.name}: wanted data to train on, found that their authors forbid it "
            f"({task.source.licence}, {task.source.homepage}); train on other data of that kind"
        )


def training_rows(task: Task, items: Sequence[Item], kind: RowType) -> list[dict[str, Any]]:
    """Return the rows of a task's items that may be trained on.

    Raises:
        Rejected: the licence forbids training, or there is no training split.
    """
    refuse_sealed(task, Split.TRAIN)
    train = [item for item in items if item.split is Split.TRAIN and item.answer is not None]
    if not train:
        raise Rejected(
            f"{task.name}: wanted a training split, found none; train on other data of that kind, "
            "which `ftbench search` takes with --train"
        )
    as_row = _AS_ROW[kind]
    return [as_row(item) for item in train]


def write_rows(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write rows as JSONL; a file that was there is replaced whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    # Half a character has no UTF-8; a backslash and its number is how JSON writes it.
    with part.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    part.replace(path)


def _as_messages(item: Item) -> dict[str, Any]:
    return {"messages": [*_asked(item), *_said(item)]}


def _as_prompt_completion(item: Item) -> dict[str, Any]:
    return {"prompt": _asked(item), "completion": _said(item)}


def _as_text(item: Item) -> dict[str, Any]:
    *before, last = item.messages
    if [message.role for message in before] not in ([], ["system"]):
        raise Rejected(
            f"wanted conversations of one question each, found {item.id} with "
            f"{len(item.messages)} turns; export it as messages"
        )
    system = {"system": before[0].content} if before else {}
    return {**system, "prompt": last.content, "completion": item.answer}


def _asked(item: Item) -> list[dict[str, str]]:
    return [message.as_dict() for message in item.messages]


def _said(item: Item) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": item.answer or ""}]


_AS_ROW: Mapping[RowType, Callable[[Item], dict[str, Any]]] = {
    RowType.MESSAGES: _as_messages,
    RowType.PROMPT_COMPLETION: _as_prompt_completion,
    RowType.TEXT: _as_text,
}
