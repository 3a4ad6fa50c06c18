"""Answers to TOMG-Bench that take no skill."""

from collections.abc import Sequence

from ftbench.task import Item
from ftbench.tasks.tomg_bench.answers import as_answer
from ftbench.tasks.tomg_bench.rows import SOURCED
from ftbench.tasks.tomg_bench.rules import wants_less

METHANE = "C"
"""What is answered where nothing better comes to mind."""

MORE = {"LogP": "C" * 40, "MR": "C" * 40, "QED": "COc1ccc2c(c1)CCN(C(=O)c1cccnc1)C2"}
LESS = {"LogP": "OCC(O)C(O)C(O)C(O)CO", "MR": METHANE, "QED": "C" * 40}
"""Molecules so far out that they beat nearly any source, by subtask of MolOpt and direction."""


def constants(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
    """Answer MolOpt with the extreme molecule of its direction, all else with methane."""
    return [as_answer(_constant(item)) for item in items]


def copies(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
    """Answer with the source molecule, or with methane where there is none."""
    return [as_answer(_source(item) or METHANE) for item in items]


def _constant(item: Item) -> str:
    extreme = LESS if wants_less(item.record["Instruction"]) else MORE
    return extreme.get(item.subtask, METHANE)


def _source(item: Item) -> str | None:
    has_one = item.published and item.subtask in SOURCED  # in train the column is the answer
    return item.record["molecule"] if has_one else None
