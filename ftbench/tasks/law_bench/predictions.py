"""Predictions as the authors publish them: a JSON file a subtask, an object an index."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ftbench.reading import need, read_json
from ftbench.task import Item
from shared.errors import DataFailed

DROPPED = "争议焦点类别：赔偿。"
"""A gold answer of 2-2 in the edition that the published predictions were made with.

Fifteen of its questions were replaced later, and those that came after them moved up.
"""


def read_predictions(path: Path, items: Sequence[Item]) -> dict[str, str]:
    """Return answers by item id from a folder of files like ``3-1.json``, or from one of them.

    Each entry has the question in ``origin_prompt`` and the gold in ``refr``. Both must be those of
    the item at its index; else it counts for the item of the subtask that has them, and where
    there is none, for none if its gold is `DROPPED`. An answer of null is an empty one.

    Raises:
        DataFailed: no such files, a file that is none of a subtask, or an entry for no item.
    """
    subtasks: dict[str, list[Item]] = {}
    for item in items:
        subtasks.setdefault(item.subtask, []).append(item)
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise DataFailed(
            f"{path}: wanted a folder of files like 3-1.json, found none in it; check the path"
        )
    answers: dict[str, str] = {}
    for file in files:
        if file.stem not in subtasks:
            raise DataFailed(
                f"{file}: wanted a file named after a subtask, like 3-1.json; rename or remove it"
            )
        answers |= _read(file, subtasks[file.stem])
    return answers


def _read(file: Path, items: Sequence[Item]) -> dict[str, str]:
    entries = read_json(file)
    if not isinstance(entries, dict):
        raise DataFailed(
            f'{file}: wanted an object with a key for each index, "0" and so on, found '
            f"{type(entries).__name__}; is it the form the authors publish?"
        )
    by_id = {item.id: item for item in items}
    answers: dict[str, str] = {}
    for index, row in entries.items():
        where = f"{file} index {index}"
        entry = need(row, ("origin_prompt", "prediction", "refr"), where)
        at_index = by_id.get(f"{file.stem}/{index}")
        candidates = [*([at_index] if at_index else []), *items]
        item = next((i for i in candidates if i.id not in answers and _is_for(i, entry)), None)
        if item is not None:
            answers[item.id] = _answer(entry["prediction"], where)
        elif entry["refr"] != DROPPED:
            raise DataFailed(
                f"{where}: wanted question and gold (origin_prompt, refr) of an item, found gold "
                f"{str(entry['refr'])[:60]!r} of none; were the same files answered?"
            )
    return answers


def _is_for(item: Item, entry: Mapping[str, Any]) -> bool:
    return bool(
        item.record["answer"] == entry["refr"]
        and item.record["question"] in _prompt(entry["origin_prompt"])
    )


def _prompt(prompt: Any) -> str:
    """Return the text of a prompt, which is a string or a list of turns."""
    if isinstance(prompt, list):
        return "\n".join(str(turn.get("prompt")) for turn in prompt if isinstance(turn, Mapping))
    return str(prompt)


def _answer(prediction: Any, where: str) -> str:
    if prediction is None:
        return ""
    if not isinstance(prediction, str):
        raise DataFailed(
            f"{where}: wanted a prediction that is a string or null, found "
            f"{type(prediction).__name__}; correct it"
        )
    return prediction
