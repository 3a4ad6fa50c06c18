"""What a language model may change about a recipe: closed shapes, nothing else.

None of them holds a path, an address, the name of a model or a data set, a pattern or code. Numbers
of training have no place here either: of these a model says the way, see `Knob`.
"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from services.researcher.llm.quoting import in_one_line
from shared.asking.question import Shape
from shared.contracts.operators import Fate, Part

Text = Annotated[str, in_one_line(40), Field(min_length=1, max_length=40)]
"""A few words out of the data: the name of a column, a value, something to look for."""

Mark = Annotated[str, Field(max_length=40)]
"""What stands before or after something; empty for the beginning or the end."""

Paraphrase = Annotated[str, in_one_line(160), Field(min_length=8, max_length=160)]
"""Words around ``{prompt}``."""

By: TypeAlias = Literal["prompt", "sample"]
Operator: TypeAlias = Literal[
    "where",
    "extract",
    "language",
    "quality",
    "matching",
    "filter",
    "tokens",
    "deduplicate",
    "near_duplicates",
    "balance",
    "sample",
    "augment",
    "curriculum",
]
"""Data operators that a model may set or remove."""


class AdapterTo(Shape):
    """Train other weights; the learning rate follows by rule."""

    kind: Literal["adapter"]
    to: Literal["full", "lora", "qlora"]


class RankStabilised(Shape):
    """Scale an adapter by its alpha over the root of its rank, or over its rank."""

    kind: Literal["use_rslora"]
    on: bool


class MethodTo(Shape):
    """Train by another method; the learning rate follows by rule."""

    kind: Literal["method"]
    to: Literal["sft", "dft", "dpo", "kto", "grpo"]


class Schedule(Shape):
    """Let the learning rate fall in another way."""

    kind: Literal["lr_scheduler_type"]
    to: Literal["linear", "cosine", "constant_with_warmup"]


class Continues(Shape):
    """Go on from the parent's weights, or start from the base model."""

    kind: Literal["continues"]
    on: bool


class WhereRows(Shape):
    """Keep or drop the rows with some values in a column."""

    kind: Literal["where"]
    column: Text
    values: Annotated[list[Text], Field(min_length=1, max_length=8)]
    fate: Fate


class ExtractPart(Shape):
    """Keep of a column what stands between two marks."""

    kind: Literal["extract"]
    column: Text
    after: Mark
    before: Mark


class InLanguage(Shape):
    """Keep samples in some languages."""

    kind: Literal["language"]
    languages: Annotated[
        list[
            Literal[
                "ar", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fr", "he", "hi", "hu", "id",
                "it", "ja", "ko", "nl", "no", "pl", "pt", "ro", "ru", "sv", "th", "tr", "uk", "vi",
                "zh",
            ]
        ],
        Field(min_length=1, max_length=4),
    ]  # fmt: skip
    of: Part


class OfQuality(Shape):
    """Drop texts that look broken."""

    kind: Literal["quality"]
    of: Part
    numbers: bool
    """Whether texts full of numbers are well."""


class Matching(Shape):
    """Keep or drop samples that hold one of some texts."""

    kind: Literal["matching"]
    texts: Annotated[list[Text], Field(min_length=1, max_length=8)]
    of: Part
    fate: Fate


Length: TypeAlias = Literal["p95", "half_p95", "any"]
"""The length that 95 % of the rows do not exceed, half of it, or any."""


class NotLong(Shape):
    """Drop long samples."""

    kind: Literal["filter"]
    prompts: Length
    completions: Length


class WholeInTokens(Shape):
    """Drop samples that training would cut, or all above half that length."""

    kind: Literal["tokens"]
    most: Literal["max_length", "half_max_length"]


class Deduplicated(Shape):
    """Drop samples seen before."""

    kind: Literal["deduplicate"]
    by: By


class NearDeduplicated(Shape):
    """Drop samples much like one before."""

    kind: Literal["near_duplicates"]
    by: By
    alike: Literal["rather", "much", "very_much"]


class Balanced(Shape):
    """Drop samples of frequent labels."""

    kind: Literal["balance"]
    most: Literal["equal", "twice_equal"]


class Sampled(Shape):
    """Draw the sample at random, or so that each label keeps its share."""

    kind: Literal["sample"]
    by: Literal["random", "label"]


class Augmented(Shape):
    """Add variants of each sample."""

    kind: Literal["augment"]
    rule: Literal["options", "casing", "templates"]
    templates: Annotated[tuple[Paraphrase, ...], Field(max_length=4)] = ()
    copies: Annotated[int, Field(ge=1, le=4)] = 1


class ShortFirst(Shape):
    """Begin with short samples."""

    kind: Literal["curriculum"]


class Remove(Shape):
    """Do without a data operator."""

    kind: Literal["remove"]
    operator: Operator


def _any_of(schema: dict[str, Any]) -> None:
    # The kinds differ, so it means the same, and not every grammar knows the other.
    schema["anyOf"] = schema.pop("oneOf")
    del schema["discriminator"]


OperatorChange: TypeAlias = (
    WhereRows
    | ExtractPart
    | InLanguage
    | OfQuality
    | Matching
    | NotLong
    | WholeInTokens
    | Deduplicated
    | NearDeduplicated
    | Balanced
    | Sampled
    | Augmented
    | ShortFirst
)
"""A data operator to set."""


Change: TypeAlias = Annotated[
    AdapterTo | RankStabilised | MethodTo | Schedule | Continues | OperatorChange | Remove,
    Field(discriminator="kind", json_schema_extra=_any_of),
]
"""One change in the structure of a recipe."""


class Knob(Shape):
    """A number of the recipe, and which way it is to go. How far is drawn for the model."""

    name: Literal[
        "learning_rate",
        "num_train_epochs",
        "batch_size",
        "r",
        "warmup_steps",
        "weight_decay",
        "lora_dropout",
        "sample",
    ]
    direction: Literal["up", "down", "tune"]
