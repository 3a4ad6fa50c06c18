"""The cheapest ways to turn one sentence into another, character by character, after ChERRANT."""

from collections.abc import Iterator
from itertools import islice
from typing import Literal, NamedTuple

from ftbench.tasks.law_bench.edit_costs import DELETION, INSERTION, CostGrid, cost_grid

MAX_ALIGNMENTS = 1000
"""Two sentences with more cheapest alignments than this are aligned in the first way alone."""

_MAX_LENGTH_DIFFERENCE = 10

Kind = Literal["keep", "move", "insert", "delete", "replace"]
_CHANGES: tuple[Kind, ...] = ("insert", "delete", "replace")
_Point = tuple[int, int]


class Block(NamedTuple):
    """Neighbouring characters of the source that become neighbouring ones of the target."""

    kind: Kind
    start: int
    end: int
    target_start: int
    target_end: int


def cheapest_alignments(source: str, target: str) -> list[tuple[Block, ...]]:
    """Return each cheapest alignment as its blocks, in the order of the sentence.

    Neighbouring insertions, deletions and substitutions are one block: an insertion or a deletion
    if it holds nothing else, or else a replacement. Alignments with the same blocks are one.

    Only the first alignment is returned where the lengths differ by more than 10 characters, as in
    ChERRANT, and where there are more than `MAX_ALIGNMENTS`. (ChERRANT has no such bound; LawBench
    stops it after ten seconds and then scores the word 无 instead of what the model wrote.)
    """
    grid = cost_grid(source, target)
    end = (len(source), len(target))
    if abs(len(source) - len(target)) <= _MAX_LENGTH_DIFFERENCE:
        found = list(islice(_alignments(grid, end, choices=None), MAX_ALIGNMENTS + 1))
        if len(found) <= MAX_ALIGNMENTS:
            return found
    return list(_alignments(grid, end, choices=1))


def _alignments(grid: CostGrid, end: _Point, choices: int | None) -> Iterator[tuple[Block, ...]]:
    """Yield the alignments that take one of so many preferred steps at each point; None for all."""
    last_blocks: dict[_Point, list[Block]] = {}
    unfinished: list[tuple[Block, ...]] = [()]  # without their beginnings
    while unfinished:
        known = unfinished.pop()
        point = (known[0].start, known[0].target_start) if known else end
        if point == (0, 0):
            yield known
            continue
        if point not in last_blocks:
            last_blocks[point] = list(_blocks_to(grid, point, choices))
        before_change = bool(known) and known[0].kind in _CHANGES
        unfinished += [
            (block, *known)
            for block in last_blocks[point]
            if not (before_change and block.kind in _CHANGES)
        ]


def _blocks_to(grid: CostGrid, point: _Point, choices: int | None) -> Iterator[Block]:
    """Yield the blocks that can be the last before a point."""
    seen = {point}
    unread = [point]
    while unread:
        at = unread.pop()
        steps = list(islice(_steps_to(grid, *at), choices))
        others = [step for step in steps if step.kind not in _CHANGES]
        if at == point:
            yield from (_whole(grid, step) for step in others)
        elif others or at == (0, 0):
            yield _change(at, point)
        for step in steps:
            before = (step.start, step.target_start)
            if step.kind in _CHANGES and before not in seen:
                seen.add(before)
                unread.append(before)


def _steps_to(grid: CostGrid, i: int, j: int) -> Iterator[Block]:
    """Yield the last steps of the cheapest ways to a point, preferred ones first."""
    if _is_kept(grid, i, j):
        yield Block("keep", i - 1, i, j - 1, j)
        return
    cost = grid.cheapest[i, j]
    if moved := int(grid.moved[i, j]):
        yield Block("move", i - moved, i, j - moved, j)
    if i and j and grid.cheapest[i - 1, j - 1] + grid.substituted[i, j] == cost:
        yield Block("replace", i - 1, i, j - 1, j)
    if j and grid.cheapest[i, j - 1] + INSERTION == cost:
        yield Block("insert", i, i, j - 1, j)
    if i and grid.cheapest[i - 1, j] + DELETION == cost:
        yield Block("delete", i - 1, i, j, j)


def _is_kept(grid: CostGrid, i: int, j: int) -> bool:
    return bool(i and j and not grid.substituted[i, j])


def _whole(grid: CostGrid, block: Block) -> Block:
    """Return a kept character with all that are kept before it; a move as it is."""
    while block.kind == "keep" and _is_kept(grid, block.start, block.target_start):
        block = block._replace(start=block.start - 1, target_start=block.target_start - 1)
    return block


def _change(start: _Point, end: _Point) -> Block:
    kind: Kind = "insert" if start[0] == end[0] else "delete" if start[1] == end[1] else "replace"
    return Block(kind, start[0], end[0], start[1], end[1])
