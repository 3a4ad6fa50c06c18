"""2-1, proofreading: what a corrected sentence changes, against what should have been changed."""

import re
from dataclasses import dataclass

from ftbench.metrics.sums import Sums
from ftbench.tasks.law_bench.approximate import count_edits_roughly
from ftbench.tasks.law_bench.marks import Case, Mark
from ftbench.tasks.law_bench.proofreading import Edits, count_edits

NO_CONTENT = "无内容"
"""What stands for an answer that is empty."""

ROOM = 5
"""Characters that an answer may be longer than the gold; what follows is cut off."""


def proofread(case: Case, answer: str) -> Mark:
    """Return the F0.5 of one sentence's edits, and their numbers for the F0.5 of them all."""
    corrected = _on_one_line(answer)[: len(case.gold) + ROOM] or NO_CONTENT
    source = _on_one_line(case.question.split("\n")[0])
    gold = _on_one_line(case.gold)
    edits = count_edits(source, gold, corrected)
    rough = count_edits_roughly(source, gold, corrected)
    counts = _counts(edits) | {f"difflib.{key}": n for key, n in _counts(rough).items()}
    return Mark(f_half(edits), counts, corrected)


def f_half(edits: Edits) -> float:
    """Return F0.5 in [0, 1], which weighs precision twice as much as recall.

    Precision is 1 where nothing was changed that should not be; recall is 1 where nothing was
    missed.
    """
    hits, spurious, missed = edits
    precision = hits / (hits + spurious) if spurious else 1.0
    recall = hits / (hits + missed) if missed else 1.0
    return 1.25 * precision * recall / (0.25 * precision + recall) if precision + recall else 0.0


@dataclass(frozen=True, slots=True)
class CorpusFHalf:
    """The F0.5 of the edits of all sentences together."""

    subtask: str
    """What the keys of the counts begin with."""

    def __call__(self, sums: Sums) -> float | None:
        """Return it, or None when no sentence was counted."""
        if not sums.get(f"{self.subtask}.n"):
            return None
        hits, spurious, missed = (
            round(sums[f"{self.subtask}.{kind}"]) for kind in ("hits", "spurious", "missed")
        )
        return f_half(Edits(hits, spurious, missed))


def _counts(edits: Edits) -> dict[str, float]:
    return {key: float(count) for key, count in edits._asdict().items()} | {"n": 1.0}


def _on_one_line(text: str) -> str:
    return re.sub(r"[\n\t]", "", text)
