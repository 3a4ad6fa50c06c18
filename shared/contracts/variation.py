"""How variants of a sample are made by rule."""

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from shared.contracts.base import Contract
from shared.contracts.mapping import columns_of


def _holds_the_prompt(template: str) -> str:
    if set(columns_of(template)) != {"prompt"}:
        raise ValueError("must hold {prompt} and no other name in braces")
    return template


Case = Literal["lower", "upper", "title", "sentence"]
"""All letters small or large, or the first of each word or of each sentence alone large."""

Paraphrase = Annotated[str, AfterValidator(_holds_the_prompt)]
"""What a prompt is put into, at ``{prompt}``."""


class Options(Contract):
    """Put the options of a multiple-choice prompt in other orders; the answer's letter follows.

    Options stand one a line as ``A. x``, ``(A) x``, ``a) x`` or ``1) x``; the answer is a letter,
    which its option may follow. Samples that look otherwise get no variants, and nor do those
    in which an option speaks of others by their places, such as ``all of the above``.
    """

    kind: Literal["options"] = "options"


class Casing(Contract):
    """Write the prompt, never the answer, in other cases."""

    kind: Literal["casing"] = "casing"

    into: Annotated[tuple[Case, ...], Field(min_length=1)] = ("lower", "upper", "title", "sentence")
    """One variant of each at most."""


class Templates(Contract):
    """Put the prompt into other words."""

    kind: Literal["templates"] = "templates"

    templates: Annotated[tuple[Paraphrase, ...], Field(min_length=1)]
    """One variant of each at most."""


Rule: TypeAlias = Annotated[Options | Casing | Templates, Field(discriminator="kind")]
"""How one variant is made."""
