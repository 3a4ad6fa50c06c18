"""Shows that a checkpoint is served as it was trained, before a score of it counts.

Training and serving are two stacks. Another template, tokenizer, adapter or scale makes scores that
look sane and are of a model nobody trained; see decision 0017.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TypeVar

from pydantic import ValidationError

from services.evaluator.scorer import Answer, Scorer, Weighed
from services.evaluator.versions import version_of
from shared.contracts.base import ROOT
from shared.contracts.run import Progress
from shared.contracts.score import Certificate, ScoreRequest
from shared.errors import NotCertified
from shared.parity import NEW_TOKENS, PARITY, Parity, Witness, weights_sha256

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far serving may be from training."""

    logprob_gap: float
    """Most nats by which an answer's mean log-probability of a token may differ, on average."""

    answers_equal: float
    """Least share of greedy answers that must be the same."""


SIXTEEN_BITS = Bounds(logprob_gap=0.05, answers_equal=0.6)
"""Of a model that is served in bfloat16 or better and was trained so."""

FOUR_BITS = Bounds(logprob_gap=0.15, answers_equal=0.4)
"""Of one whose base model was trained on in 4 bits, and is served in more."""

_TEMPLATE = "chat_template.jinja"

_made: dict[tuple[str | None, ...], Certificate] = {}
"""By the contents of checkpoint and base model, and the engine: a few numbers each."""


def certificate_of(
    request: ScoreRequest, scorer: Scorer, *, say: Callable[[Progress], None]
) -> Certificate | None:
    """Return the certificate of a request's checkpoint, made once for each engine.

    Args:
        request: which model.
        scorer: what answers.
        say: told how far it is.

    Returns:
        None where nobody trained the model here: the base, or another it is compared with.

    Raises:
        NotCertified: there is nothing to compare with, or it is answered otherwise.
        ScoringFailed: the model cannot be loaded.
    """
    if request.experiment == ROOT:
        return None
    checkpoint, base_model = request.checkpoint, request.base_model
    served = version_of(checkpoint), version_of(base_model), scorer.engine
    found = _made.get(served)
    if found is None:
        found = _certified(checkpoint, base_model, scorer, say)
        if None not in served:  # else it is not known whether it is the same model next time
            _made[served] = found
    return found


def _certified(
    checkpoint: str, base_model: str, scorer: Scorer, say: Callable[[Progress], None]
) -> Certificate:
    parity = _read(Path(checkpoint))
    witnesses = parity.witnesses
    asked = [one.messages for one in witnesses]
    _refuse_other_prompts(scorer.render(checkpoint, base_model, asked), witnesses)

    def every(batches: Iterator[dict[int, T]]) -> list[T]:
        found: dict[int, T] = {}
        for batch in batches:
            found |= batch
            say(Progress(phase="certifying", step=len(found), steps=len(witnesses)))
        return [found[i] for i in range(len(witnesses))]

    references = [one.reference for one in witnesses]
    weighed = every(scorer.weigh(checkpoint, base_model, asked, references))
    said = every(scorer.answer(checkpoint, base_model, asked, max_new_tokens=NEW_TOKENS))
    return judge(parity, weighed, said, scorer.engine)


def judge(
    parity: Parity, weighed: Sequence[Weighed], said: Sequence[Answer], engine: str
) -> Certificate:
    """Return what an engine's answers show. Pure.

    Args:
        parity: what training answered.
        weighed: how the engine finds the reference of each witness.
        said: what it answers to each.
        engine: its name, for messages.

    Raises:
        NotCertified: they are too far from those of training.
    """
    bounds = FOUR_BITS if parity.four_bits else SIXTEEN_BITS
    pairs = list(zip(parity.witnesses, weighed, strict=True))
    other = [one.reference for one, found in pairs if found.tokens != one.tokens]
    if other:
        raise NotCertified(
            "wanted answers of as many tokens as in training, found another number in "
            f"{len(other)} of {len(pairs)}, the first of them {other[0][:80]!r}; serve with the "
            "tokenizer of training, and with room for as many tokens"
        )
    gap = fmean(abs(found.total / found.tokens - one.logprob) for one, found in pairs)
    if not gap <= bounds.logprob_gap:
        raise NotCertified(
            "wanted answers as likely as in training, their tokens' mean log-probability at most "
            f"{bounds.logprob_gap:g} nats off, found {gap:.3f} with {engine}, which computes "
            "another model; see that it serves these weights, with their scale, on this base model"
        )
    equal = fmean(
        one.answer == found.text for one, found in zip(parity.witnesses, said, strict=True)
    )
    if equal < bounds.answers_equal:
        raise NotCertified(
            f"wanted at least {bounds.answers_equal:.0%} of the greedy answers of training, found "
            f"{equal:.0%} of {len(pairs)} with {engine}; see that it serves these weights, and "
            "greedily"
        )
    return Certificate(
        template_sha256=parity.template_sha256,
        prompts=len(pairs),
        logprob_gap=gap,
        answers_equal=equal,
    )


def _read(checkpoint: Path) -> Parity:
    """Return what training answered, if it was with these weights and this template."""
    file = checkpoint / PARITY
    try:
        parity = Parity.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        raise NotCertified(
            f"{file}: wanted what the model answered where it was trained, found no such file; "
            "train it again"
        ) from None
    except ValidationError as error:
        raise NotCertified(
            f"{file}: wanted what the model answered where it was trained, found "
            f"{error.error_count()} faults, the first of them {error.errors()[0]['msg']!r}; train "
            "it again"
        ) from None
    if weights_sha256(checkpoint) != parity.weights_sha256:
        raise NotCertified(
            f"{checkpoint}: wanted the weights that {PARITY} was written of, found others; put "
            "them back, or train again"
        )
    template = checkpoint / _TEMPLATE
    # Its bytes, for reading as text would change the ends of lines.
    found = hashlib.sha256(template.read_bytes()).hexdigest() if template.is_file() else "none"
    if found != parity.template_sha256:
        raise NotCertified(
            f"{template}: wanted the chat template of training, of SHA-256 "
            f"{parity.template_sha256[:12]}, found {found[:12]}; put it back, or train again"
        )
    return parity


def _refuse_other_prompts(found: Sequence[Sequence[int]], witnesses: Sequence[Witness]) -> None:
    other = [
        place
        for place, (ids, one) in enumerate(zip(found, witnesses, strict=True), start=1)
        if tuple(ids) != one.prompt
    ]
    if other:
        raise NotCertified(
            f"wanted the token ids of training in all {len(witnesses)} prompts, found others in "
            f"{len(other)}, the first of them prompt {other[0]}; serve with the tokenizer and chat "
            "template of training"
        )
