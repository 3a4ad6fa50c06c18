"""Writes out the data operator that a model has chosen. Pure but for the rows it is tried on.

What a model gives as text is looked for literally: it becomes no pattern, path or program.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, assert_never

from services.researcher.factors import value_of
from services.researcher.llm.proposing.place import Columns, Place
from services.researcher.llm.proposing.whitelist import (
    Augmented,
    Balanced,
    Deduplicated,
    ExtractPart,
    InLanguage,
    Length,
    Matching,
    NearDeduplicated,
    NotLong,
    OfQuality,
    OperatorChange,
    Sampled,
    ShortFirst,
    WhereRows,
    WholeInTokens,
)
from services.researcher.llm.quoting import quoted
from shared.contracts import operators as contracts
from shared.contracts.base import read_as
from shared.contracts.recipe import Recipe
from shared.errors import DataFailed, Rejected
from shared.rows import Row, Sample, to_samples
from shared.texts import texts_of

ANY_LENGTH = 10_000_000
"""Characters that no sample exceeds."""

_ALIKE = {"rather": 0.7, "much": 0.8, "very_much": 0.9}


def operator(recipe: Recipe, change: OperatorChange, place: Place) -> contracts.Operator:
    """Return the operator.

    Raises:
        Rejected: the job's rows give it nothing to work on, or it is no operator.
    """
    fields = {"kind": change.kind} | _fields(recipe, change, place)
    made: contracts.Operator = read_as(contracts.Operator, fields, what=change.kind)  # type: ignore[arg-type]
    return made


def _fields(recipe: Recipe, change: OperatorChange, place: Place) -> dict[str, Any]:
    brief, context = place.request.brief, place.request.context
    match change:
        case WhereRows():
            _refuse_all_or_none(change, place)
            return {"column": change.column, "values": change.values, "fate": change.fate}
        case ExtractPart():
            return {"column": change.column, "pattern": _between(change, place)}
        case InLanguage():
            return {"languages": change.languages, "of": change.of}
        case OfQuality():
            return {"of": change.of} | ({"min_letters": 0.0} if change.numbers else {})
        case Matching():
            return {"pattern": _any_of(change, place), "of": change.of, "fate": change.fate}
        case NotLong(prompts=prompts, completions=completions):
            if prompts == completions == "any":
                raise Rejected(
                    "filter: wanted a length to cut at, found any twice; name one or change "
                    "something else"
                )
            return {
                "max_prompt_chars": _chars(prompts, brief.prompt_chars_p95),
                "max_completion_chars": _chars(completions, brief.completion_chars_p95),
            }
        case WholeInTokens(most=most):
            longest = context.limits.max_length // (2 if most == "half_max_length" else 1)
            return {"tokenizer": context.base_model, "max_tokens": max(1, longest)}
        case Deduplicated(by=by):
            if not brief.duplicate_share:
                raise Rejected("deduplicate: no prompt comes twice; change something else")
            return {"by": by}
        case NearDeduplicated(by=by, alike=alike):
            return {"by": by, "threshold": _ALIKE[alike]}
        case Balanced(most=most):
            _refuse_no_labels("balance", place)
            fair = (2 if most == "twice_equal" else 1) / brief.labels
            return {"max_share": min(1.0, fair), "seed": recipe.seed}
        case Sampled(by=by):
            if by == "label":
                _refuse_no_labels("sample", place)
            share = float(value_of(recipe, "sample") or 1.0)
            return {"share": share if share < 1 else 0.5, "by": by, "seed": recipe.seed}
        case Augmented(rule=rule, templates=templates, copies=copies):
            words = {"templates": templates} if rule == "templates" else {}
            return {"rule": {"kind": rule} | words, "copies": copies, "seed": recipe.seed}
        case ShortFirst():
            return {"first": "short"}
        case _:
            assert_never(change)


def _chars(length: Length, p95: int) -> int:
    match length:
        case "p95":
            return max(1, p95)
        case "half_p95":
            return max(1, p95 // 2)
        case "any":
            return ANY_LENGTH


def _refuse_no_labels(what: str, place: Place) -> None:
    if place.request.brief.labels < 2:
        raise Rejected(f"{what}: the answers of this job are no labels; change something else")


def _refuse_all_or_none(change: WhereRows, place: Place) -> None:
    rows = _with_column(change, place)
    values = (row[change.column] for row in rows)
    named = sum(value is not None and str(value) in change.values for value in values)
    if not named or named == len(rows):
        raise Rejected(
            f"where: wanted values of some of the first {len(rows)} rows, found them in {named}; "
            "take other values"
        )


def _any_of(change: Matching, place: Place) -> str:
    pattern = "(?i)" + "|".join(map(_literally, change.texts))
    samples = _samples(place)
    held = sum(any(re.search(pattern, text) for text in texts_of(s, change.of)) for s in samples)
    if not held or held == len(samples):
        raise Rejected(
            f"matching: wanted texts that some of the first {len(samples)} samples hold in their "
            f"{change.of}, found them in {held}; take others"
        )
    return pattern


def _samples(place: Place) -> list[Sample]:
    context = place.request.context
    path = Path(context.train)
    rows = (Row(number, dict(columns)) for number, columns in enumerate(place.rows(), start=1))
    try:
        return [sample for row in rows for sample in to_samples(row, context.mapping, path)]
    except DataFailed:
        raise Rejected(
            "matching: wanted training rows that the mapping can read, found others; make a "
            "change that needs no look at them"
        ) from None


def _between(change: ExtractPart, place: Place) -> str:
    column = change.column
    rows = _with_column(change, place)
    if column not in place.parts:
        raise _no_such("a column that prompts or answers are written from", change, place.parts)
    if not change.after and not change.before:
        raise Rejected("extract: wanted a mark after which or before which to cut, found neither")
    # Only behind the first mark: to begin again at each takes a time that grows with the square.
    begins = rf"\A(?>[\s\S]*?{_literally(change.after)})" if change.after else r"\A"
    ends = _literally(change.before) if change.before else r"\Z"
    pattern = rf"{begins}(?P<{column}>[\s\S]+?){ends}"
    # Of a whole conversation in a column no part is one.
    texts = (str(row[column]) for row in rows if isinstance(row[column], str | int | float))
    found = sum(bool(re.search(pattern, text)) for text in texts)
    if 2 * found < len(rows):
        raise Rejected(
            f"extract: wanted marks that stand in half of the first {len(rows)} rows or more, for "
            f"the others are dropped, found them in {found}; take others"
        )
    return pattern


def _literally(text: str) -> str:
    """Return a printable pattern that finds a text and nothing else."""
    return "".join(re.escape(sign) if sign.isprintable() else _by_number(sign) for sign in text)


def _by_number(sign: str) -> str:
    return f"\\U{ord(sign):08x}"


def _with_column(change: WhereRows | ExtractPart, place: Place) -> tuple[Columns, ...]:
    rows = tuple(place.rows())
    if not all(change.column in row for row in rows):
        raise _no_such("a column that every row has", change, rows[0])
    return rows


def _no_such(wanted: str, change: WhereRows | ExtractPart, names: Iterable[str]) -> Rejected:
    # Quoted both: what a model says may be the name that a stranger gave to a column.
    return Rejected(
        f"{change.kind}: wanted {wanted}, found another; take one of these\n"
        + quoted(f"found {change.column}; there are {', '.join(names)}", "columns", most=300)
    )
