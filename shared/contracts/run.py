"""A run: one execution of a recipe, and how it ended."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from shared.contracts.base import Contract, ExperimentId, JobId, Share, Versioned
from shared.contracts.recipe import Recipe


class RunRequest(Versioned):
    """Carry out a recipe. Holds nothing of the dev or test data."""

    kind: Literal["run"] = "run"

    job_id: JobId
    """Whose experiment it is."""

    experiment: ExperimentId
    """The node of the tree that waits for the outcome."""

    recipe: Recipe
    """What to do."""

    limit_s: PositiveFloat
    """Seconds training may take; it then stops, saves, and counts as trained."""

    limit_tokens: PositiveInt | None = None
    """Tokens that may go through the model while training, to the end of a step; None for any."""

    patience: PositiveInt | None = None
    """Held-out losses in a row above the lowest, after which training stops; the checkpoint then
    has the weights with the lowest. None goes on to the end."""

    step_share: Share = 1.0
    """Share of the full schedule's optimizer steps to take, at least one. The learning rate falls
    as in the full run, so this is its beginning and not a short run; it can go on from there."""

    data_share: Share = 1.0
    """Share of the prepared samples to train on, with a full schedule of its own. A smaller share
    is part of a larger one."""

    resume_from: str | None = None
    """What an earlier `Trained.resume` named: the run goes on from there."""

    start_from: str | None = None
    """Checkpoint of the experiment that the recipe goes on from; None for the base model."""


class LossPoint(Contract):
    """One point of a loss curve."""

    step: NonNegativeInt
    """Optimizer steps done."""

    loss: float
    """Mean over the logging window, in nats per trained token."""


class RewardPoint(Contract):
    """One point of a reward curve."""

    step: NonNegativeInt
    """Optimizer steps done."""

    reward: Annotated[float, Field(ge=0.0, le=1.0)]
    """With ``grpo`` the mean reward of the model's answers; with ``dpo`` the share of pairs whose
    better answer is preferred."""


class Dropped(Contract):
    """Samples that a data operator dropped for the same reason."""

    why: str
    """In a few words, such as ``prompt too long``."""

    samples: PositiveInt
    """How many."""


class Origin(Contract):
    """Where rows were read from."""

    name: str
    """A file, or a data set on the hub with its part and split."""

    version: str
    """SHA-256 of the file's bytes, or the commit."""

    licence: str | None
    """As the data set's own card states it; None where there is no card or it states none."""


class RowCount(Contract):
    """What one data operator did."""

    operator: str
    """Its kind."""

    rows_in: NonNegativeInt
    """Samples that arrived."""

    rows_out: NonNegativeInt
    """Samples that left."""

    dropped: tuple[Dropped, ...] = ()
    """Why the others did not leave, the most frequent reason first."""

    unchanged: NonNegativeInt = 0
    """Samples that it was to vary and found nothing in to be varied; they left as they were."""

    named: tuple[str, ...] = ()
    """The rows that were dropped for holding sealed text, as ``FILE:ROW``; the first thousand."""

    origins: tuple[Origin, ...] = ()
    """Of what it read: one of an operator that loads, those that it adds of one that mixes."""

    made: NonNegativeInt = 0
    """Of the samples that left, those that a teacher made up and that did not arrive."""

    tokens: NonNegativeInt = 0
    """What the replies of a teacher cost, questions and replies together, in its tokens."""


class Tokenised(Contract):
    """What the samples to train on became: token ids with a loss mask."""

    samples: PositiveInt
    """Trained on."""

    too_long: NonNegativeInt
    """Samples left out, because their prompts alone fill ``max_length``."""

    cut: NonNegativeInt
    """Samples trained on whose completions lost their ends at ``max_length``."""

    trained_share: Annotated[float, Field(gt=0.0, lt=1.0)] | None
    """Of all their tokens, those that the loss counts; None where it counts the model's answers."""

    chat_template: str
    """SHA-256 of the template they were written with."""


Stopped: TypeAlias = Literal["done", "time", "tokens", "rung", "patience", "diverged"]
"""Why training ended: all epochs were trained, a limit was reached first, it was to stop at a share
of the steps, the held-out loss did not fall any more, or the loss became NaN or infinite after
weights had been saved."""


class Trained(Contract):
    """The run produced a checkpoint."""

    kind: Literal["trained"] = "trained"

    checkpoint: str
    """Folder of the weights. It holds the fence: two attempts never share it."""

    train_loss: float
    """Mean over the last logging window, in nats per trained token."""

    train_curve: tuple[LossPoint, ...]
    """Loss on the rows trained on."""

    held_out_curve: tuple[LossPoint, ...]
    """Loss on rows set aside by ``hold_out``; empty without that operator."""

    reward_curve: tuple[RewardPoint, ...] = ()
    """Of methods that have rewards; empty otherwise."""

    rows: tuple[RowCount, ...]
    """What each data operator kept."""

    tokenised: Tokenised
    """What training made of the samples that were left."""

    micro_batch: PositiveInt
    """Samples in one forward pass. Fewer than the recipe's where memory was short; then more passes
    make one step, which holds as many samples as the recipe says."""

    steps: NonNegativeInt
    """Optimizer steps done."""

    tokens: NonNegativeInt
    """Tokens that went through the model while training, padding not counted."""

    stopped: Stopped
    """Why training ended."""

    kept_step: NonNegativeInt | None = None
    """Step that the checkpoint's weights are of; None for the last."""

    resume: str | None = None
    """Folder from which the run can go on; None unless it stopped at a share of its steps."""

    gpu_seconds: NonNegativeFloat
    """Wall-clock seconds times devices held, of this part of the run alone; what attempts that were
    interrupted had trained before is counted."""


class Failed(Contract):
    """The work ended without what was asked for. A failed run still counts as a visit."""

    kind: Literal["failed"] = "failed"

    error: str
    """Class name from ``shared.errors``, for example ``Diverged``; a bug's own class otherwise."""

    detail: str
    """What was wanted, what was found, what to change. It is shown to the researcher as is."""

    gpu_seconds: NonNegativeFloat = 0.0
    """Wall-clock seconds times devices held."""


NOBODYS_FAULT = ("WorkerLost", "Cancelled")
"""Errors of runs that say nothing about their recipes."""

Outcome: TypeAlias = Annotated[Trained | Failed, Field(discriminator="kind")]
"""How a run ended: exactly one of the two. A run cannot be half trained."""


class Progress(Contract):
    """Where a piece of work stands."""

    phase: str
    """What is going on, in a word or two: ``preparing data``, ``training``, ``saving``."""

    step: NonNegativeInt = 0
    """Steps done of this phase."""

    steps: NonNegativeInt = 0
    """Steps this phase will take; 0 when unknown."""

    loss: float | None = None
    """Latest training loss in nats per trained token."""

    tokens_per_s: NonNegativeFloat | None = None
    """Trained tokens a second since the first step."""

    eta_s: NonNegativeFloat | None = None
    """Seconds until this phase is over, at the present pace."""
