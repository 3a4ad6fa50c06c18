"""Data operators: what a recipe does to rows and samples, one contract an operator."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from shared.contracts.base import Contract, Share
from shared.contracts.mapping import Mapping
from shared.contracts.teaching import Distil, Generate, Rewrite, Teaching
from shared.contracts.variation import Rule


def _is_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"must be a regular expression, and is none: {error}") from None
    return pattern


def _names_groups(pattern: str) -> str:
    if not re.compile(pattern).groupindex:
        raise ValueError("must have a named group such as (?P<answer>.+)")
    return pattern


Pattern = Annotated[str, AfterValidator(_is_pattern)]
"""A regular expression as Python's `re` reads it; it may match anywhere in a text."""

Part = Literal["prompt", "completion", "sample"]
"""What is looked at: the last prompt, the answer, or all that a sample says."""

Easy = Literal["short", "high_score", "low_score"]
"""Which samples are easy: with few characters of all that is said, or by a teacher's score."""

Fate = Literal["keep", "drop"]
"""What becomes of what fits; the others get the opposite."""


class Load(Contract):
    """Read the rows of one file, or of several in the order of their names."""

    kind: Literal["load"] = "load"

    path: str
    """JSONL, JSON, CSV, TSV (packed with gzip or not) or Parquet, told by the file's ending; or a
    pattern such as ``data/*.jsonl``, whose files may be of several formats."""

    sha256: str
    """Of the file's bytes, or of the names and hashes of several; data that changed since is
    another experiment."""


class LoadHub(Contract):
    """Read the rows of a data set on the Hugging Face hub as they stream in."""

    kind: Literal["load_hub"] = "load_hub"

    dataset: str = Field(min_length=1)
    """Its id, for example ``stanfordnlp/sst2``. Of a folder the revision cannot be checked."""

    config: str | None = None
    """Which part of it; None for the only one."""

    split: str = Field(min_length=1)
    """For example ``train``."""

    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
    """A commit, whole: a branch may hold other rows tomorrow."""


class Where(Contract):
    """Keep the rows, or all but the rows, whose column has one of some values."""

    kind: Literal["where"] = "where"

    column: str
    """Every row must have it."""

    values: Annotated[tuple[str, ...], Field(min_length=1)]
    """Compared with the column as a template writes it; a column without a value equals none."""

    fate: Fate = "keep"
    """Of the rows with one of these values."""


class Extract(Contract):
    """Make columns of the parts of one column; rows in which they are not found are dropped."""

    kind: Literal["extract"] = "extract"

    column: str
    """Every row must have it."""

    pattern: Annotated[Pattern, AfterValidator(_names_groups)]
    """Its named groups become columns and replace those of the same names."""


class Map(Contract):
    """Turn rows into conversations."""

    kind: Literal["map"] = "map"

    mapping: Mapping
    """What a row says, by its shape."""


class Filter(Contract):
    """Keep samples whose lengths are within bounds."""

    kind: Literal["filter"] = "filter"

    max_prompt_chars: PositiveInt
    """Longest prompt kept, in characters."""

    max_completion_chars: PositiveInt
    """Longest completion kept, in characters."""


class Tokens(Contract):
    """Keep samples whose lengths in tokens are within bounds."""

    kind: Literal["tokens"] = "tokens"

    tokenizer: str = Field(min_length=1)
    """A folder with a tokenizer that has a chat template, or a hub id: the base model's."""

    max_tokens: PositiveInt
    """Most tokens kept: of prompt, answer and chat template, as training counts them."""

    min_tokens: PositiveInt = 1
    """Fewest tokens kept."""

    @model_validator(mode="after")
    def _has_room(self) -> "Tokens":
        if self.min_tokens > self.max_tokens:
            raise ValueError(f"min_tokens must be at most max_tokens, which is {self.max_tokens}")
        return self


class Deduplicate(Contract):
    """Drop samples seen before; case and white space do not make a difference."""

    kind: Literal["deduplicate"] = "deduplicate"

    by: Literal["prompt", "sample"] = "prompt"
    """``prompt`` keeps the first answer to each prompt, ``sample`` drops only whole repetitions."""


class Matching(Contract):
    """Keep the samples, or all but the samples, in which a regular expression is found."""

    kind: Literal["matching"] = "matching"

    pattern: Pattern
    """Looked for with `re.search`."""

    of: Part = "sample"
    """Where it is looked for."""

    fate: Fate = "keep"
    """Of the samples in which it is found."""


class Language(Contract):
    """Keep samples in some languages. A guess: unreliable below about twenty letters."""

    kind: Literal["language"] = "language"

    languages: Annotated[tuple[str, ...], Field(min_length=1)]
    """ISO 639-1 codes, such as ``en`` or ``zh``."""

    of: Part = "prompt"
    """What must be in one of these languages."""


class Quality(Contract):
    """Drop texts that look broken; rules and defaults of Gopher, Rae et al. 2021, table A1."""

    kind: Literal["quality"] = "quality"

    of: Part = "prompt"
    """What is judged."""

    min_letters: Annotated[float, Field(ge=0.0, le=1.0)] = 0.8
    """Least share of words with a letter in them; 0 for texts full of numbers."""

    max_symbols: NonNegativeFloat = 0.1
    """Most hash signs and ellipses for each word."""

    max_repeated_lines: Annotated[float, Field(ge=0.0, le=1.0)] = 0.3
    """Most lines that stood before, as a share of all that are not blank."""

    max_repeated_words: Annotated[float, Field(ge=0.0, le=1.0)] = 0.15
    """Most characters inside runs of five words that stood before, as a share of all."""


class NearDuplicates(Contract):
    """Drop samples that are nearly the same as one before; MinHash with LSH, Broder 1997."""

    kind: Literal["near_duplicates"] = "near_duplicates"

    threshold: Annotated[float, Field(ge=0.5, le=1.0)] = 0.8
    """Estimated share of common runs of five characters from which two samples are the same."""

    num_perm: Annotated[int, Field(ge=16, le=1024, multiple_of=16)] = 128
    """Hash functions; the estimate's standard error is at most ``0.5 / sqrt(num_perm)``."""

    by: Literal["prompt", "sample"] = "prompt"
    """As of `Deduplicate`."""


class Decontaminate(Contract):
    """Drop samples that hold text of sealed items, which are known by their hashes alone."""

    kind: Literal["decontaminate"] = "decontaminate"

    path: str
    """Fingerprint file, as ``ftbench fingerprint`` writes it."""

    sha256: str
    """Of the file's bytes; other hashes are another experiment."""


class Balance(Contract):
    """Drop samples of the most frequent labels, which are completions, at random."""

    kind: Literal["balance"] = "balance"

    max_share: Share
    """Of what is left, no label has more; at least one divided by the number of labels."""

    seed: NonNegativeInt = 0
    """The same seed keeps the same samples on every machine."""


class Augment(Contract):
    """Add variants of each sample behind it. They are trained on, but never held out."""

    kind: Literal["augment"] = "augment"

    rule: Rule
    """How the variants are made, of samples that are none themselves."""

    copies: Annotated[int, Field(ge=1, le=100)] = 1
    """Variants of each sample, fewer where the rule finds no more."""

    seed: NonNegativeInt = 0
    """The same seed makes the same variants on every machine."""


def refuse_other_orders(kinds: Sequence[str]) -> None:
    """Raise ValueError unless rows are loaded, looked at, mapped, and only then samples changed."""
    of_samples = [kind for kind in kinds if kind not in ("where", "extract")]
    begins = kinds[:1] == ["load"] and of_samples[:2] == ["load", "map"]
    if not begins or kinds.count("load") > 1 or kinds.count("map") > 1:
        raise ValueError(f"data must begin with load, map and hold each once, has {kinds}")
    if {"where", "extract"} & set(kinds[kinds.index("map") :]):
        raise ValueError(f"where and extract must stand between load and map, has {kinds}")
    if "curriculum" in kinds and {*kinds[kinds.index("curriculum") + 1 :]} - {"hold_out"}:
        raise ValueError(f"curriculum must come last, before hold_out alone, has {kinds}")


def refuse_unclean_teaching(operators: "Sequence[Operator]") -> None:
    """Raise ValueError if data that is cleaned of sealed text could get it back from a teacher.

    A teacher may know the sealed items by heart, so what it writes is cleaned too: some
    ``decontaminate`` comes after it, here or in the data that is mixed in.
    """
    if _decontaminates(operators) and _is_unclean(operators):
        kinds = [operator.kind for operator in operators]
        raise ValueError(
            "decontaminate must stand after every operator that has a teacher write, which may "
            f"know sealed text, has {kinds}"
        )


def _decontaminates(operators: "Sequence[Operator]") -> bool:
    return any(
        isinstance(one, Decontaminate)
        or (isinstance(one, Mix) and any(_decontaminates(source.data) for source in one.sources))
        for one in operators
    )


def _is_unclean(operators: "Sequence[Operator]") -> bool:
    """Say whether a teacher wrote text after the last ``decontaminate``."""
    unclean = False
    for operator in operators:
        match operator:
            case Decontaminate():
                unclean = False
            case Distil() | Rewrite() | Generate():
                unclean = True
            case Mix(sources=sources):
                unclean = unclean or any(_is_unclean(source.data) for source in sources)
    return unclean


class Source(Contract):
    """Samples to mix in."""

    data: tuple["Operator", ...]
    """The operators that make them, as of a recipe; no ``curriculum`` or ``hold_out``."""

    weight: PositiveFloat = 1.0
    """The samples that arrive weigh 1."""

    @model_validator(mode="after")
    def _holds_nothing_out(self) -> "Source":
        kinds = [operator.kind for operator in self.data]
        refuse_other_orders(kinds)
        if {"curriculum", "hold_out"} & set(kinds):
            raise ValueError(
                f"curriculum and hold_out must follow mix and not stand inside it, has {kinds}"
            )
        return self


class Mix(Contract):
    """Add samples of other files in a proportion, as many as there are without taking any twice."""

    kind: Literal["mix"] = "mix"

    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    """What is added to the samples that arrive."""

    temperature: PositiveFloat | None = None
    """Weights are multiplied by ``samples ** (1 / temperature)``; without it sizes do not count."""

    seed: NonNegativeInt = 0
    """The same seed takes the same samples on every machine."""


class Sample(Contract):
    """Keep a random share of the samples, in their order."""

    kind: Literal["sample"] = "sample"

    share: Annotated[float, Field(gt=0.0, le=1.0)]
    """Of the samples that arrive, at least one sample."""

    by: Literal["random", "label"] = "random"
    """``label`` keeps the share of each label, which is a completion, and at least one of each."""

    seed: NonNegativeInt = 0
    """The same seed keeps the same samples on every machine."""


class Curriculum(Contract):
    """Order samples from easy to hard. Training keeps that order in the first epoch.

    Source: Bengio et al., "Curriculum Learning", 2009; Hacohen and Weinshall, "On The Power of
    Curriculum Learning in Training Deep Networks", 2019. In both training ends on all samples at
    random, so later epochs are in an order of their own, as without a curriculum. KTO and GRPO
    have one order for all epochs.
    """

    kind: Literal["curriculum"] = "curriculum"

    first: Easy = "short"
    """What the first epoch begins with. By score, every sample needs one."""


class HoldOut(Contract):
    """Set a share of the samples aside to measure the loss on rows training does not see.

    All samples of a row go the same way, but its copies, made by ``augment``, are not measured on.
    """

    kind: Literal["hold_out"] = "hold_out"

    share: Annotated[float, Field(gt=0.0, lt=1.0)]
    """Of the samples that arrive, copies aside."""

    max_samples: PositiveInt
    """Never more than this many."""

    seed: NonNegativeInt = 0
    """The same seed sets the same samples aside on every machine."""


Operator: TypeAlias = Annotated[
    Load
    | LoadHub
    | Where
    | Extract
    | Map
    | Filter
    | Tokens
    | Matching
    | Language
    | Quality
    | Deduplicate
    | NearDuplicates
    | Decontaminate
    | Augment
    | Balance
    | Mix
    | Sample
    | Curriculum
    | HoldOut
    | Teaching,
    Field(discriminator="kind"),
]
"""One step of data preparation."""
