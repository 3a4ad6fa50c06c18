"""ROUGE: how many words, pairs of words, or words in the same order an answer shares."""

import re
from collections.abc import Sequence
from typing import Literal

from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import DefaultTokenizer

from ftbench.metrics.lcs import rouge_l
from shared.contracts.job import MetricName
from shared.errors import ScoringFailed

RougeKind = Literal[MetricName.ROUGE_1, MetricName.ROUGE_2, MetricName.ROUGE_L]

_WORD = re.compile("[a-z0-9]+")  # what rouge-score takes for a word, after lower-casing


def rouge(answers: Sequence[str], references: Sequence[str], kind: RougeKind) -> list[float]:
    """Return the F-measure of each answer against its reference, in [0, 1]. Higher is better.

    Words are stemmed. For ``rougeL`` the whole text is one sequence, whatever its line breaks.
    Source: Lin, "ROUGE", 2004, as carried out by the library rouge-score.

    Raises:
        ScoringFailed: the library cannot read the references, so that even a perfect answer would
            score 0: no Latin letter or digit, a single word for ``rouge2``, or another script.
        ValueError: not one reference for each answer.
    """
    _refuse_unreadable(references, kind)
    if kind is MetricName.ROUGE_L:  # the library's own takes minutes on a page of text
        words = DefaultTokenizer(use_stemmer=True).tokenize
        return [
            rouge_l(words(answer), words(reference))
            for answer, reference in zip(answers, references, strict=True)
        ]
    scorer = RougeScorer([kind.value], use_stemmer=True)
    return [
        float(scorer.score(reference, answer)[kind.value].fmeasure)
        for answer, reference in zip(answers, references, strict=True)
    ]


def _refuse_unreadable(references: Sequence[str], kind: RougeKind) -> None:
    needed = 2 if kind is MetricName.ROUGE_2 else 1
    letters = letters_read = 0
    unreadable = []
    for number, reference in enumerate(references, start=1):
        words = _WORD.findall(reference.lower())
        letters += sum(map(str.isalnum, reference))
        letters_read += sum(map(len, words))
        if len(words) < needed:
            unreadable.append(f"number {number}, {reference[:40]!r}")
    if unreadable:
        raise ScoringFailed(
            f"{kind} wanted references of at least {needed} word{'s' * (needed > 1)} of a-z and "
            f"0-9, found {len(unreadable)} of {len(references)} without, the first of them "
            f"{unreadable[0]}; use exact_match or accuracy, or correct those rows"
        )
    if letters_read * 2 < letters:
        raise ScoringFailed(
            f"{kind} wanted references written in a-z and 0-9, found that only "
            f"{letters_read / letters:.0%} of their letters are; use exact_match or accuracy"
        )
