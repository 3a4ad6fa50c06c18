"""Writes an export: prepared samples and a tool's files, in one folder that appears whole."""

import tempfile
from pathlib import Path
from typing import Literal, TypeAlias

from services.executor.exports import axolotl, llama_factory, trl
from services.executor.exports.exported import HELD_OUT, TRAIN, Exported
from services.executor.exports.samples import write_samples
from services.executor.pipeline import materialise, read_materialised
from services.executor.teacher.teacher import Teacher
from shared.contracts.recipe import Recipe

Tool: TypeAlias = Literal["trl", "axolotl", "llama-factory"]

TOOLS = {
    "trl": trl.exported,
    "axolotl": axolotl.exported,
    "llama-factory": llama_factory.exported,
}


def export(
    recipe: Recipe, tool: Tool, out: Path, cache: Path, teacher: Teacher | None = None
) -> Exported:
    """Make ``out`` hold all that a tool needs to train a recipe, and return what was written.

    Args:
        recipe: to train elsewhere.
        tool: which one.
        out: the folder to make; nothing is there yet.
        cache: where prepared data is kept.
        teacher: whom data operators may ask.

    Raises:
        DataFailed: the data cannot be prepared.
        Rejected: as `exportable`.
        Unavailable: as `materialise`.
    """
    data = materialise(recipe.data, cache, teacher)
    exported = TOOLS[tool](recipe, held_out=data.held_out is not None)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        folder = Path(scratch) / out.name
        folder.mkdir()
        write_samples(folder / TRAIN, read_materialised(data.train), exported.row)
        if data.held_out is not None:
            write_samples(folder / HELD_OUT, read_materialised(data.held_out), exported.row)
        for name, text in exported.files.items():
            (folder / name).write_text(text, encoding="utf-8")
        folder.rename(out)
    return exported
