"""Which operators are carried out in one pass over the samples, and what each does to them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from pathlib import Path
from typing import assert_never

from services.executor.operators.augment import augment
from services.executor.operators.decontaminate import decontaminate
from services.executor.operators.deduplicate import deduplicate
from services.executor.operators.extract import extract
from services.executor.operators.filter import filter_by_length
from services.executor.operators.judging import Judge, Tally, drawn, judged, naming
from services.executor.operators.labels import balanced, luckiest, share_of_each
from services.executor.operators.language import language
from services.executor.operators.load import load
from services.executor.operators.load_hub import load_hub
from services.executor.operators.map import map_rows
from services.executor.operators.matching import matching
from services.executor.operators.mix import interleaved, quotas
from services.executor.operators.near_duplicates import near_duplicates
from services.executor.operators.quality import quality
from services.executor.operators.sample import sample
from services.executor.operators.teaching import taught
from services.executor.operators.tokens import within_tokens
from services.executor.operators.where import where
from services.executor.origins import origin_of
from services.executor.teacher.teacher import Teacher
from shared.contracts import operators as kinds
from shared.contracts import teaching
from shared.contracts.run import Origin
from shared.rows import Row, Sample


@dataclass(frozen=True, slots=True)
class Stored:
    """Samples that can be read as often as one likes."""

    count: int
    read: Callable[[], Iterator[Sample]]
    origins: tuple[Origin, ...]


Prepare = Callable[[Sequence[kinds.Operator]], Stored]
"""Returns what other operators make of their own file."""


def stage_start(operators: Sequence[kinds.Operator]) -> int:
    """Return where the last stage begins: how many operators come before it; 0 for the first.

    A stage ends after an operator whose work is worth keeping, and before one that must read its
    samples twice, first to choose or to count, then to pass them on.
    """
    for start in range(len(operators) - 1, _mapped(operators) - 1, -1):
        if _is_dear(operators[start - 1]) or _needs_stored(operators[start]):
            return start
    return 0


def first_stage(operators: Sequence[kinds.Operator], tallies: Sequence[Tally]) -> Iterator[Sample]:
    """Yield what operators from ``load`` on make of their file, counting in ``tallies``."""
    mapped = _mapped(operators)
    match operators[:mapped]:
        case [kinds.Load() as first, *between, kinds.Map() as last]:
            path = Path(first.path)
            loaded = load(path, first.sha256)
        case [kinds.LoadHub() as first, *between, kinds.Map() as last]:
            path = Path(first.dataset)
            loaded = load_hub(first)
        case _:
            raise ValueError("data operators must begin with load and map, as a recipe's do")
    tallies[0].origins.append(origin_of(first))
    found = tallies[0].leaving(tallies[0].arriving(loaded))
    for operator, tally in zip(between, tallies[1:], strict=False):
        found = _applied_to_rows(operator, found, path, tally)
    tally = tallies[mapped - 1]
    samples = tally.leaving(map_rows(tally.arriving(found), last.mapping, path))
    return _all_applied(operators[mapped:], tallies[mapped:], samples)


def later_stage(
    operators: Sequence[kinds.Operator],
    tallies: Sequence[Tally],
    stored: Stored,
    prepare: Prepare,
    teacher: Teacher | None,
) -> Iterator[Sample]:
    """Yield what operators on samples make of stored ones, counting in ``tallies``."""
    samples = _begun(operators[0], stored, tallies[0], prepare, teacher)
    return _all_applied(operators[1:], tallies[1:], samples)


def _begun(
    operator: kinds.Operator,
    stored: Stored,
    tally: Tally,
    prepare: Prepare,
    teacher: Teacher | None,
) -> Iterator[Sample]:
    """Yield what the first operator of a stage makes, which may count its samples or read twice."""
    labels = (one.completion for one in stored.read())
    match operator:
        case kinds.Sample(by="label"):
            keep = share_of_each(labels, share=operator.share, seed=operator.seed)
            return drawn(stored.read(), lambda all_: compress(all_, keep), tally, "not drawn")
        case kinds.Balance():
            keep = balanced(labels, max_share=operator.max_share, seed=operator.seed)
            why = "label too frequent"
            return drawn(stored.read(), lambda all_: compress(all_, keep), tally, why)
        case kinds.Mix():
            others = [prepare(source.data) for source in operator.sources]
            tally.origins += [origin for other in others for origin in other.origins]
            return _mixed(operator, [stored, *others], tally)
        case teaching.Distil() | teaching.Rewrite() | teaching.Score() | teaching.Generate():
            return taught(stored.read(), stored.count, operator, tally, teacher)
        case _:
            return _applied(operator, stored.read(), tally)


def _mixed(operator: kinds.Mix, sources: Sequence[Stored], tally: Tally) -> Iterator[Sample]:
    weights = [1.0, *(source.weight for source in operator.sources)]
    sizes = quotas([one.count for one in sources], weights, operator.temperature)
    taken = [
        compress(one.read(), luckiest(one.count, size, seed=operator.seed))
        for one, size in zip(sources, sizes, strict=True)
    ]
    tally.rows_in = sources[0].count
    tally.dropped["not drawn"] = sources[0].count - sizes[0]
    return tally.leaving(interleaved(taken, sizes))


def _all_applied(
    operators: Sequence[kinds.Operator], tallies: Sequence[Tally], samples: Iterator[Sample]
) -> Iterator[Sample]:
    for operator, tally in zip(operators, tallies, strict=True):
        samples = _applied(operator, samples, tally)
    return samples


def _applied(operator: kinds.Operator, samples: Iterator[Sample], tally: Tally) -> Iterator[Sample]:
    match operator:
        case kinds.Sample():
            draw = partial(sample, share=operator.share, seed=operator.seed)
            return drawn(samples, draw, tally, "not drawn")
        case kinds.Augment():
            return augment(
                samples, operator.rule, copies=operator.copies, seed=operator.seed, tally=tally
            )
        case kinds.Tokens():
            return within_tokens(samples, operator, tally)
        case _:
            return judged(samples, _judge(operator, tally), tally)


def _judge(operator: kinds.Operator, tally: Tally) -> Judge:
    match operator:
        case kinds.Filter():
            return filter_by_length(
                max_prompt_chars=operator.max_prompt_chars,
                max_completion_chars=operator.max_completion_chars,
            )
        case kinds.Matching():
            return matching(operator.pattern, of=operator.of, fate=operator.fate)
        case kinds.Language():
            return language(operator.languages, of=operator.of)
        case kinds.Quality():
            return quality(operator)
        case kinds.Deduplicate():
            return deduplicate(by=operator.by)
        case kinds.NearDuplicates():
            return near_duplicates(
                threshold=operator.threshold, num_perm=operator.num_perm, by=operator.by
            )
        case kinds.Decontaminate():
            return naming(decontaminate(Path(operator.path), operator.sha256), tally)
        case kinds.Load() | kinds.LoadHub() | kinds.Where() | kinds.Extract() | kinds.Map():
            raise ValueError(f"{operator.kind} can stand only at the beginning, as in a recipe")
        case (
            kinds.Tokens()
            | kinds.Augment()
            | kinds.Balance()
            | kinds.Mix()
            | kinds.Sample()
            | kinds.Curriculum()
            | kinds.HoldOut()
        ):
            raise ValueError(f"{operator.kind} judges no sample by itself")
        case teaching.Distil() | teaching.Rewrite() | teaching.Score() | teaching.Generate():
            raise ValueError(f"{operator.kind} has a stage of its own")
    assert_never(operator)


def _applied_to_rows(
    operator: kinds.Operator, found: Iterator[Row], path: Path, tally: Tally
) -> Iterator[Row]:
    match operator:
        case kinds.Where():
            judge = where(operator.column, operator.values, operator.fate, path)
            return judged(found, judge, tally)
        case kinds.Extract():
            return extract(
                found, column=operator.column, pattern=operator.pattern, path=path, tally=tally
            )
        case _:
            raise ValueError(f"{operator.kind} cannot stand before map, as in a recipe")


def _mapped(operators: Sequence[kinds.Operator]) -> int:
    """Return how many operators come up to ``map``."""
    for place, operator in enumerate(operators, start=1):
        if isinstance(operator, kinds.Map):
            return place
    raise ValueError("data operators must begin with load and map, as a recipe's do")


def _is_dear(operator: kinds.Operator) -> bool:
    return isinstance(
        operator,
        kinds.Tokens
        | kinds.Language
        | kinds.Deduplicate
        | kinds.NearDuplicates
        | kinds.Decontaminate
        | teaching.Teaching,
    )


def _needs_stored(operator: kinds.Operator) -> bool:
    match operator:
        case kinds.Balance() | kinds.Mix() | kinds.Curriculum() | kinds.HoldOut():
            return True
        case kinds.Sample(by="label"):
            return True
        case _:  # a teacher's samples are counted before, to say how far it is
            return isinstance(operator, teaching.Teaching)
