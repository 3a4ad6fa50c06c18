"""The least it costs to turn each beginning of one sentence into each beginning of another.

The costs are those of ChERRANT (Zhang et al., "MuCGEC", NAACL 2022), an ERRANT (Bryant et al., ACL
2017) for Chinese: 1 for an insertion or a deletion, k for putting k + 1 characters in another
order, and what `substitutions` says for writing one character for another.
"""

from dataclasses import dataclass
from functools import cache
from random import Random
from string import punctuation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

INSERTION = DELETION = 1.0

PUNCTUATION = punctuation + (
    "！？｡＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､、〃》「」『』【】"
    "〔〕〖〗〘〙〚〛〜〝〞〟〰〾〿–—‘'‛“”„‟…‧﹏"
)
"""The marks that ChERRANT knows; the Chinese full stop and 《 are not among them."""

_UNKNOWN_MEANING = 4 / 6


@dataclass(frozen=True, slots=True)
class CostGrid:
    """Costs by point ``(i, j)``: after i characters of the source and j of the target.

    All three have the shape ``(len(source) + 1, len(target) + 1)``.
    """

    cheapest: "Floats"
    """The least cost up to the point."""

    substituted: "Floats"
    """The cost of writing the last character of the target for that of the source."""

    moved: "Integers"
    """How many last characters a cheapest way puts in another order; 0 for none."""


def cost_grid(source: str, target: str) -> CostGrid:
    """Return the costs between all beginnings of two sentences, in quadratic time.

    Last characters that are equal are kept, even if something else costs as little. Characters
    can change their order only if each step between their first and last, read one for one, would
    cost something.
    """
    import numpy as np

    cheapest = np.zeros((len(source) + 1, len(target) + 1))
    cheapest[:, 0] = np.arange(len(source) + 1) * DELETION
    cheapest[0] = np.arange(len(target) + 1) * INSERTION
    substituted = np.zeros(cheapest.shape)
    substituted[1:, 1:] = substitutions(source, target)
    moved = np.where(substituted > 0, _permuted(source, target), 0)
    grid = CostGrid(cheapest, substituted, moved)
    if source and target:
        _fill(grid)
    return grid


def _fill(grid: CostGrid) -> None:
    """Complete the cheapest costs, and leave of the moves only those that are cheapest."""
    import numpy as np

    rows, columns = grid.cheapest.shape
    costs, substituted, moved = (
        each.reshape(-1) for each in (grid.cheapest, grid.substituted, grid.moved)
    )
    last_free = np.zeros(rows + columns, dtype=np.int64)  # by i - j: i after a step for nothing
    # Points with the same i + j do not need each other, so they are reckoned together.
    for both in range(2, rows + columns - 1):
        i = np.arange(max(1, both - columns + 1), min(rows, both))
        here = slice(i[0] * columns + both - i[0], i[-1] * columns + both - i[-1] + 1, columns - 1)
        before = costs[_earlier(here, columns + 1)]
        inserted = costs[_earlier(here, 1)] + INSERTION
        deleted = costs[_earlier(here, columns)] + DELETION
        cost = np.minimum(before + substituted[here], np.minimum(inserted, deleted))
        cost = np.where(substituted[here] > 0, cost, before)
        free = last_free[2 * i[0] - both + columns : 2 * i[-1] - both + columns + 1 : 2]
        movable = np.flatnonzero(moved[here])
        if movable.size:
            length = moved[here][movable]
            start = here.start + movable * here.step - length * (columns + 1)
            move = costs[start] + (length - 1)
            best = (move <= cost[movable]) & (i[movable] - length >= free[movable])
            cost[movable[best]] = move[best]
            moved[here][movable[~best]] = 0
        free[cost == before] = i[cost == before]
        costs[here] = cost


def _earlier(points: slice, by: int) -> slice:
    return slice(points.start - by, points.stop - by, points.step)


def substitutions(source: str, target: str) -> "Floats":
    """Return what it costs to write each character of the target for each of the source.

    That is 0 for the same character; else the sum of three parts, below 2: how far the meanings are
    apart; 0 for two punctuation marks, 0.25 for two others, 0.499 for one of each; and 0.5 unless
    both are Chinese characters that are easily confused.

    Two word lists of ChERRANT are missing here, as nothing says under which licence they may be
    passed on. Without the thesaurus Cilin each pair has the distance in meaning that ChERRANT
    gives to characters not in it, 4/6; Cilin gives 0 to 1. Without the list of confusable shapes
    only characters that sound alike, in any reading and tone, are easily confused.
    """
    import numpy as np

    read, written = (np.array(list(text), dtype=np.str_) for text in (source, target))
    (old, old_at), (new, new_at) = (
        np.unique(chars, return_inverse=True) for chars in (read, written)
    )
    sounds = [_sounds(char) for char in new.tolist()]
    alike = [[not _sounds(char).isdisjoint(other) for other in sounds] for char in old.tolist()]
    confusions = np.where(np.reshape(alike, (old.size, new.size)), 0.0, 0.5)
    marks = np.isin(old, list(PUNCTUATION))[:, None] + np.isin(new, list(PUNCTUATION)).astype(int)
    # Added in this order: ways are equally cheap only if their floats are equal.
    costs: Floats = _UNKNOWN_MEANING + confusions + np.array([0.25, 0.499, 0.0])[marks]
    costs[old[:, None] == new] = 0.0
    return costs[old_at[:, None], new_at]


@cache
def _sounds(char: str) -> frozenset[str]:
    """Return how a Chinese character can be read, as pinyin without tones; of others nothing."""
    from pypinyin import Style, pinyin

    if not "\u4e00" <= char <= "\u9fff":
        return frozenset()
    return frozenset(pinyin(char, style=Style.NORMAL, heteronym=True)[0])


def _permuted(source: str, target: str) -> "Integers":
    """Return for each point how many last characters are the same but for their order, if any.

    The fewest, where several numbers of them are; 0 where none.
    """
    import numpy as np

    # Characters weigh 64 random bits. What was read less what was written weighs the same at two
    # points of a diagonal if the characters between them are the same but for their order, and
    # else by an accident of one in 2 ** 64. A number of its own keeps each diagonal to itself.
    random = Random(0)
    weights = {char: random.getrandbits(64) for char in sorted({*source, *target})}
    read = np.array([0, *(weights[char] for char in source)], dtype=np.uint64).cumsum()
    written = np.array([0, *(weights[char] for char in target)], dtype=np.uint64).cumsum()
    i, j = np.indices((len(source) + 1, len(target) + 1))
    diagonal = (i - j + len(target)).astype(np.uint64) * np.uint64(random.getrandbits(64))
    balance = (read[:, None] - written + diagonal).reshape(-1)
    order = balance.argsort(kind="stable")
    again = np.flatnonzero(balance[order[1:]] == balance[order[:-1]])
    last, previous = order[again + 1], order[again]
    permuted = np.zeros(balance.size, dtype=np.int64)
    permuted[last] = (last - previous) // (len(target) + 2)
    return permuted.reshape(i.shape)
