"""Keeps samples in given languages."""

from collections.abc import Collection
from functools import cache
from typing import Any

from services.executor.operators.judging import Judge
from shared.contracts.operators import Part
from shared.errors import DataFailed
from shared.rows import Sample
from shared.texts import texts_of


def language(languages: Collection[str], *, of: Part) -> Judge:
    """Return a judge that guesses a sample's language, all its texts together.

    A naive Bayes classifier over byte n-grams of 97 languages (Lui and Baldwin, "langid.py: An
    Off-the-shelf Language Identification Tool", 2012).

    Raises:
        DataFailed: a language it does not know.
    """
    identifier = _identifier()
    unknown = sorted(set(languages) - set(identifier.labels))
    if unknown:
        raise DataFailed(
            f"language: wanted codes among {', '.join(sorted(identifier.labels))}, found "
            f"{', '.join(map(repr, unknown))}; correct languages"
        )
    wanted = frozenset(languages)

    def judge(sample: Sample) -> str | None:
        found, _ = identifier.classify("\n".join(texts_of(sample, of)))
        return None if found in wanted else f"in {found}"

    return judge


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)
