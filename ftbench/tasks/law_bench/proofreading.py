"""Which edits of a corrected sentence are right: ChERRANT on characters, as LawBench runs it.

Written anew from the rules of ChERRANT (github.com/HillZhang1999/MuCGEC, scorers/ChERRANT): align,
merge into edits, compare. It works offline and lacks two word lists, see
`ftbench.tasks.law_bench.edit_costs.substitutions`: they would change some costs of writing one
character for another, and so which characters of a rewritten passage are matched and where one edit
ends and the next begins. Corrections of single characters, which is what the gold mostly has, do
not depend on them. For its GPT-4 answers LawBench publishes an F0.5 of 0.1253; this gives 0.1275.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from rapidfuzz.distance import Levenshtein

from ftbench.tasks.law_bench.alignment import Block, cheapest_alignments
from ftbench.tasks.law_bench.edit_costs import PUNCTUATION

if TYPE_CHECKING:
    from opencc import OpenCC

NO_ERRORS = "没有错误"
"""A text of just these words stands for the sentence as it was."""


class Edit(NamedTuple):
    """Characters of the source, from `start` until before `end`, and what is written for them."""

    start: int
    end: int
    replacement: str


class Edits(NamedTuple):
    """How the edits of one sentence compare with the gold: true positives, false ones, misses."""

    hits: int
    spurious: int
    missed: int


def count_edits(source: str, gold: str, predicted: str) -> Edits:
    """Compare the edits that turn a sentence into its prediction with those that give the gold.

    Whitespace does not count, and the gold and the prediction may use traditional characters.
    Where a text can be reached by different edits at the same cost, each such set of edits is
    taken, and an edit counts once for each set that has it, as in ChERRANT: hits and misses by the
    sets of the gold, spurious edits by those of the prediction.

    Time and memory grow with the product of the lengths; two texts of 1,000 characters take about
    half a second.
    """
    sentence = _without_spaces(source)
    wanted = _edits(sentence, _simplified(_without_spaces(gold)))
    made = _edits(sentence, _simplified(_without_spaces(predicted)))
    return Edits(
        hits=sum(times for edit, times in wanted.items() if edit in made),
        spurious=sum(times for edit, times in made.items() if edit not in wanted),
        missed=sum(times for edit, times in wanted.items() if edit not in made),
    )


def _edits(source: str, target: str) -> Counter[Edit]:
    if target in (source, NO_ERRORS):
        return Counter()
    sets = {
        tuple(_merged(blocks, source, target)) for blocks in cheapest_alignments(source, target)
    }
    return Counter(
        Edit(block.start, block.end, target[block.target_start : block.target_end])
        for one in sets
        for block in one
    )


def _merged(blocks: Sequence[Block], source: str, target: str) -> Iterator[Block]:
    """Yield the blocks that change something, as one move where two swap around a third.

    ChERRANT also cuts off what a replacement leaves as it was at its ends. In a cheapest alignment
    of characters that is nothing, for it would have been cheaper to keep it.
    """
    at = 0
    while at < len(blocks):
        three = blocks[at : at + 3]
        first, last = three[0], three[-1]
        if len(three) == 3 and _is_swap(three, source, target):
            yield Block("move", first.start, last.end, first.target_start, last.target_end)
            at += 3
        else:
            if first.kind != "keep":
                yield first
            at += 1


def _is_swap(three: Sequence[Block], source: str, target: str) -> bool:
    first, middle, last = (block.kind for block in three)
    old, _, old_last = (source[block.start : block.end] for block in three)
    new, _, new_last = (target[block.target_start : block.target_end] for block in three)
    if (first, middle, last) == ("replace", "keep", "replace"):
        slips = 0 if 1 in map(len, (old, old_last, new, new_last)) else 1
        return _distance(old, new_last) <= slips and _distance(new, old_last) <= slips
    if middle in ("keep", "move") and {first, last} == {"delete", "insert"}:
        return _is_moved(deleted=old or old_last, inserted=new or new_last)
    return False


def _is_moved(deleted: str, inserted: str) -> bool:
    if deleted in PUNCTUATION or inserted in PUNCTUATION:
        return False
    if 1 in (len(deleted), len(inserted)):
        return deleted == inserted
    is_rotated = len(deleted) == len(inserted) and inserted in deleted * 2
    return is_rotated or _distance(deleted, inserted) <= 1


def _distance(one: str, other: str) -> int:
    return int(Levenshtein.distance(one, other))


def _without_spaces(text: str) -> str:
    return "".join(text.split())


def _simplified(text: str) -> str:
    # OpenCC refuses half a surrogate pair, which an escape in JSON can leave in an answer.
    return str(_converter().convert(text.encode(errors="replace").decode()))


@cache
def _converter() -> "OpenCC":
    from opencc import OpenCC

    return OpenCC("t2s")
