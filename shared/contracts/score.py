"""A score: what the evaluator measured, with its doubt."""

import hashlib
import math
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from shared.contracts.base import Contract, ExperimentId, JobId, Share, Versioned
from shared.contracts.grader import Grader
from shared.contracts.job import MetricName
from shared.contracts.mapping import Mapping

UnitFloat = Annotated[float, Field(ge=0.0, le=1.0)]

Split: TypeAlias = Literal["dev", "confirm", "test", "guard"]
"""Rows to search by, rows that only finalists are scored on, rows opened once, and side tasks."""

LEAST_ITEMS = 20
"""Items that a share keeps at least: fewer would tell nothing."""


class ScoreRequest(Versioned):
    """Measure how good a model is on one split."""

    kind: Literal["score"] = "score"

    job_id: JobId
    """Whose model it is."""

    experiment: ExperimentId
    """The node that the score belongs to."""

    checkpoint: str
    """Folder of an adapter or of a whole model; the base model's name for the base itself."""

    base_model: str
    """What the checkpoint was trained from."""

    data: str
    """Rows to answer: ``sealed:HASH``, a path, or ``ftbench:TASK/SPLIT``; of a guard its name."""

    data_sha256: str | None
    """Of the rows when they were scored before; another file is not the same items."""

    split: Split
    """Faults are returned for dev only."""

    mapping: Mapping
    """How a row becomes a prompt and its reference answer."""

    metric: MetricName
    """How an answer is judged."""

    grader: Grader | None = None
    """How, with metric ``grader``."""

    options: tuple[str, ...] = ()
    """All that an answer can be; the likeliest is taken and nothing generated. Empty generates."""

    shots: NonNegativeInt = 0
    """Training rows shown before each question."""

    shots_data: str | None = None
    """Where they come from, with ``shots``: path of the training rows, read with ``mapping``."""

    max_new_tokens: PositiveInt
    """Tokens an answer may have."""

    item_share: Share = 1.0
    """Share of the items to answer, at least `LEAST_ITEMS`; see `positions`."""

    likelihood: bool = False
    """Whether to measure how likely the model finds the reference answers, too."""


class Certificate(Contract):
    """How far what serves a checkpoint agrees with what trained it, on prompts of the training.

    Made by whatever scores, against what the trainer wrote beside the weights.
    """

    template_sha256: str
    """Of the chat template, the same on both sides."""

    prompts: PositiveInt
    """Prompts compared; on both sides they have the same token ids."""

    logprob_gap: NonNegativeFloat
    """Mean over the prompts of how far the mean log-probability of an answer's token differs, in
    nats."""

    answers_equal: UnitFloat
    """Share of the prompts that both answer alike, greedily."""


class Seal(Contract):
    """A score's entry in the hash chain of its job: neither can be changed without the other."""

    number: PositiveInt
    """Its place in the chain, counted from 1."""

    previous: str
    """Digest of the entry before it; 64 zeros for the first."""

    digest: str
    """SHA-256 of number, previous, what was asked for and what was measured."""

    signature: str
    """Ed25519 of the digest, in hexadecimal digits."""

    key: str
    """The evaluator's public key, in hexadecimal digits."""


class BadCase(Contract):
    """An answer below full marks, for diagnosis."""

    prompt: str
    """What was asked, cut to 500 characters."""

    expected: str
    """The reference answer, cut to 200 characters."""

    got: str
    """The model's answer, cut to 200 characters."""


FaultKind: TypeAlias = Literal["empty", "cut", "format", "near", "wrong"]
"""What is wrong with an answer: nothing in it; over before it ended; not of the form that right
answers have; nearly right; another content."""


class Fault(Contract):
    """Answers of dev that are wrong in the same way."""

    kind: FaultKind
    """In which."""

    count: PositiveInt
    """How many there are."""

    examples: tuple[BadCase, ...] = Field(max_length=5)
    """Some of them, the worst first."""


class Confusion(Contract):
    """A label that was answered in place of another."""

    expected: str
    """The right label."""

    got: str
    """The label answered."""

    count: PositiveInt
    """How often."""


class Score(Contract):
    """What the evaluator measured, in the metric's own unit."""

    kind: Literal["score"] = "score"

    metric: MetricName
    """How answers were judged."""

    split: Split
    """On which rows."""

    data_sha256: str
    """Of the rows: only scores on the same rows can be compared."""

    value: UnitFloat
    """Higher is better; the mean over the items, unless the metric of a task is no mean."""

    stderr: NonNegativeFloat | None
    """Standard error of ``value``; None for a single item."""

    items: tuple[UnitFloat, ...]
    """The score of each item answered, in the order of the data, for paired comparisons; empty
    where they are withheld."""

    withheld: NonNegativeInt = 0
    """Items answered whose scores stay with the evaluator: those of confirm, whose value is
    rounded besides, so that looking often at the same rows teaches little about them."""

    item_share: Share = 1.0
    """Share of the data's items that were answered."""

    likelihood: UnitFloat | None = None
    """Mean over the items of ``exp`` of the mean log-probability of a token of the reference
    answer, its end included. It ranks models that answer little right yet better than ``value``
    does (DataDecide, arXiv 2504.11393). None when it was not asked for or an item has no known
    reference."""

    faults: tuple[Fault, ...] = ()
    """What is wrong with the answers below full marks, the most frequent first; of dev only."""

    confusions: tuple[Confusion, ...] = Field(default=(), max_length=10)
    """Labels answered for others, the most frequent first; of dev only, where there are labels."""

    certificate: Certificate | None = None
    """That the checkpoint was served as it was trained; None for a model nobody trained here."""

    seal: Seal | None = None
    """Its entry in the job's hash chain; None where the evaluator keeps none."""

    empty_share: UnitFloat
    """Answers with nothing in them. Near 1 the model is broken rather than wrong."""

    cut_share: UnitFloat
    """Answers that reached ``max_new_tokens`` before they ended."""

    engine: str
    """What generated the answers, for example ``transformers 5.23.0 cpu``."""

    seconds: NonNegativeFloat
    """Wall-clock seconds of loading and answering."""

    @property
    def n(self) -> int:
        """How many items were measured."""
        return len(self.items) + self.withheld


def positions(items: int, share: float) -> tuple[int, ...]:
    """Return which of a data set's items a share keeps, rising.

    They go by a hash of their place, so a smaller share is part of a larger one on any machine.
    """
    kept = min(items, max(LEAST_ITEMS, math.ceil(share * items - 1e-9)))
    ranked = sorted(range(items), key=lambda i: hashlib.sha256(str(i).encode()).digest())
    return tuple(sorted(ranked[:kept]))
