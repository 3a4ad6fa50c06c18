"""A job: what a user submits. It owns one search tree."""

import re
from collections.abc import Mapping as Mapped
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple, Self, TypeAlias

from pydantic import (
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from shared.contracts.base import Contract, Versioned
from shared.contracts.grader import Grader
from shared.contracts.mapping import Mapping


class MetricName(StrEnum):
    """How an answer is judged. Every metric is in [0, 1] and higher is better."""

    EXACT_MATCH = "exact_match"
    """The answer equals the reference, surrounding white space aside."""
    ACCURACY = "accuracy"
    """The label found in the answer is the reference label."""
    ROUGE_1 = "rouge1"
    """F-measure of shared words."""
    ROUGE_2 = "rouge2"
    """F-measure of shared pairs of words."""
    ROUGE_L = "rougeL"
    """F-measure of the longest common subsequence of words."""
    FTBENCH = "ftbench"
    """The metric of the FT-Bench task whose sealed split is scored."""
    GRADER = "grader"
    """What the job's own ``grader`` says."""


GUARDS: Mapped[str, MetricName] = MappingProxyType(
    {
        "arithmetic": MetricName.EXACT_MATCH,
        "copying": MetricName.EXACT_MATCH,
        "json": MetricName.EXACT_MATCH,
        "knowledge": MetricName.ACCURACY,
        "sorting": MetricName.EXACT_MATCH,
    }
)
"""Side tasks that come with the evaluator, and how their answers are judged."""

GUARD_ITEMS = 40
"""Questions of each of them."""

HARNESS = "lm_eval:"
"""What the name of a side task begins with that is one of EleutherAI's lm-evaluation-harness."""


class SealedSplit(NamedTuple):
    """Items of an FT-Bench task that only the evaluator can read."""

    task: str
    split: str
    """``dev``, ``confirm`` or ``test``."""


def sealed_split(data: str) -> SealedSplit | None:
    """Return what ``ftbench:TASK/SPLIT`` names; None for the path of a file."""
    found = _SEALED.fullmatch(data)
    return SealedSplit(found["task"], found["split"]) if found else None


_SEALED = re.compile(r"ftbench:(?P<task>[a-z0-9_]+)/(?P<split>dev|confirm|test)")


def sealed_rows(data: str) -> str | None:
    """Return the hash in ``sealed:HASH``, the name of rows in the evaluator's vault; else None."""
    found = _IN_VAULT.fullmatch(data)
    return found["hash"] if found else None


def is_sealed(data: str) -> bool:
    """Say whether rows are named so that the evaluator alone can read them."""
    return sealed_split(data) is not None or sealed_rows(data) is not None


_IN_VAULT = re.compile(r"sealed:(?P<hash>[0-9a-f]{64})")


class StoredRows(NamedTuple):
    """Rows to train on that every host of a system finds in its artifact store."""

    sha256: str
    """Of the file's bytes."""

    file: str
    """Its name, by whose ending it is read."""

    @property
    def name(self) -> str:
        """What a job and its recipes call them: ``store:SHA256/NAME``."""
        return f"store:{self.sha256}/{self.file}"


def stored_rows(data: str) -> StoredRows | None:
    """Return what ``store:SHA256/NAME`` names; None for the path of a file."""
    found = _IN_STORE.fullmatch(data)
    return StoredRows(found["hash"], found["file"]) if found else None


_IN_STORE = re.compile(r"store:(?P<hash>[0-9a-f]{64})/(?P<file>\w[\w.+ -]*)")


class JobData(Contract):
    """The user's files. Training sees the first alone; only the evaluator opens the others."""

    train: str
    """Path of the rows to learn from: a file as `shared.rows` reads it, or a pattern of files; or
    their name in the artifact store, ``store:SHA256/NAME``."""

    dev: str
    """Rows that scores are measured on while searching: their name in the vault, ``sealed:HASH``,
    a path, which other services can read as well, or ``ftbench:TASK/dev``."""

    confirm: str | None = None
    """Rows that only finalists are scored on; likewise."""

    test: str | None = None
    """Rows opened once, at the end, for the report; likewise."""

    mapping: Mapping
    """How a row of any of these files becomes a conversation."""

    def files(self) -> dict[str, str]:
        """Return what is named, by split; splits that are not named are left out."""
        named = {"train": self.train, "dev": self.dev, "confirm": self.confirm, "test": self.test}
        return {split: path for split, path in named.items() if path is not None}


class Budget(Contract):
    """What the job may spend. The first limit reached ends the search."""

    experiments: PositiveInt
    """How many full training runs may be paid for; a third of a run counts a third."""

    gpu_seconds: PositiveFloat | None = None
    """Training seconds times devices held, over all experiments; None for no limit."""

    wall_clock_s: PositiveFloat | None = None
    """Seconds from submission until the best is handed back; None for no limit."""

    llm_tokens: PositiveInt | None = None
    """What the researcher's language model may read and write together; None for no limit."""

    money: PositiveFloat | None = None
    """What its questions may cost, in the unit of the researcher's price table; None for no limit.
    When either is used up, rules propose."""

    target: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    """Score on dev that is enough; the search ends once it is reached with some certainty."""


class SearchMode(StrEnum):
    """By which rule the tree grows; see `services.planner.search`."""

    POSTERIOR = "posterior"
    """Where a Gaussian belief over the whole tree expects most improvement for its cost."""
    RANK_PUCT = "rank_puct"
    """Weighs each experiment's rank against how often it was derived from."""
    UCT = "uct"
    """Weighs the reward of a branch against how rarely it was tried."""
    GREEDY = "greedy"
    """A few fresh starts, then always below the best."""
    SEQUENTIAL = "sequential"
    """Each experiment below the one before it, one at a time."""
    RANDOM = "random"
    """Always a fresh start from the base model."""


Backup: TypeAlias = Literal["max", "mean"]
"""What a branch is worth to ``uct``: its best experiment, or the mean of all of them."""


Deliverable: TypeAlias = Literal["checkpoint", "recipe"]
"""What is wanted in the end: these weights, or a recipe that is good whatever its seed."""


class Fidelity(StrEnum):
    """What a first, cheaper look at a recipe is."""

    OFF = "off"
    """None: every experiment is trained in full."""
    STEPS = "steps"
    """The first ninth of the full run, then a third; whoever looks promising goes on from there."""
    DATA = "data"
    """Runs of their own on a ninth, then a third of the samples."""


class Search(Contract):
    """How the tree grows."""

    mode: SearchMode = SearchMode.POSTERIOR
    """By which rule; the others are there to be compared with."""

    exploration: Annotated[float, Field(ge=0.0, le=10.0)] | None = None
    """Of ``uct`` and ``rank_puct``: weight of the bonus for being rarely tried, in units of the
    observed spread of rewards; None for 0.25 and 2."""

    backup: Backup = "max"
    """Of ``uct``."""

    width: PositiveInt = 2
    """Of ``uct``: children of a node after its first visit; grows with the root of visits."""

    fidelity: Fidelity = Fidelity.OFF
    """Of ``posterior``: whether experiments get a cheaper first look."""

    deliver: Deliverable = "checkpoint"
    """Whether the luck of a seed counts: it does for the weights that are handed back."""

    smallest_gain: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    """Difference worth another run, in the metric's unit: the search ends when no more than a
    quarter of it is to be expected, or when half of the training, 15 full runs at least, brought
    less than half of it. None for a standard error; 0 always spends the budget."""

    replicates: NonNegativeInt | None = None
    """Runs of the first recipe with other seeds, before anything is compared: they measure how much
    a score owes to its seed. None for 2 where the budget is 20 full runs or more, else 0."""

    rules_share: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    """Share of the recipes that rules propose where the researcher has a language model. None lets
    what each proposer's recipes earned decide."""

    @model_validator(mode="after")
    def _fidelity_is_for_posterior(self) -> Self:
        if self.fidelity is not Fidelity.OFF and self.mode is not SearchMode.POSTERIOR:
            raise ValueError(f"fidelity goes with mode posterior, not {self.mode}")
        return self


class Limits(Contract):
    """What one experiment may cost, and what stays of all of them."""

    max_length: PositiveInt = 512
    """Tokens of prompt and completion together; longer rows are cut."""

    max_new_tokens: PositiveInt = 64
    """Tokens an answer may have while scoring."""

    run_s: PositiveFloat = 3600.0
    """Seconds one training run may take; it then stops and its checkpoint counts."""

    run_tokens: PositiveInt | None = None
    """Tokens one training run may read; it then stops and its checkpoint counts."""

    patience: PositiveInt | None = None
    """Held-out losses in a row above the lowest, of four a run, after which a run stops with the
    weights of the lowest. None trains on: answers often get better while this loss rises."""

    checkpoints: PositiveInt = 8
    """Checkpoints that stay, those of the best experiments; until the job is over also those that
    it may still need, finalists among them. As many short runs of a length can go on."""


class Baselines(Contract):
    """What the best is compared with beside the base model as it is. Scored on dev, once."""

    shots: NonNegativeInt = 4
    """Training rows shown to the base model before each question; 0 leaves that out."""

    reference: str | None = None
    """Folder or hub id of another model, for example the base model's instruction-tuned sibling."""


class JobSpec(Versioned):
    """A goal, a base model, data and a budget."""

    goal: str = Field(min_length=1)
    """What the user wants, in a sentence."""

    base_model: str = Field(min_length=1)
    """A folder with a transformers model, or a hub id."""

    data: JobData
    """Where the rows are and how to read them."""

    metric: MetricName
    """How an answer is judged."""

    grader: Grader | None = None
    """The job's own way to judge; given with metric ``grader`` and with no other."""

    options: tuple[str, ...] = ()
    """All that an answer can be. Where given, nothing is generated: the option that the model finds
    likeliest is its answer. Every reference must be one of them."""

    baselines: Baselines = Baselines()
    """What the best is compared with."""

    guards: tuple[str, ...] | None = None
    """Side tasks that must not get worse, scored for the base model and the best; None for those
    that come with the evaluator, empty for none, ``lm_eval:NAME`` for a task of that harness."""

    budget: Budget
    """What may be spent."""

    limits: Limits = Limits()
    """What one experiment may cost."""

    search: Search = Search()
    """How the tree grows."""

    seed: NonNegativeInt = 0
    """Makes the same job draw the same proposals."""

    weight: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0
    """Share of the executors beside other jobs: twice the weight, twice the workers."""

    def side_tasks(self) -> tuple[str, ...]:
        """Return the names of the side tasks that the best must not be worse at."""
        return tuple(GUARDS) if self.guards is None else self.guards

    @model_validator(mode="after")
    def _guards_are_known(self) -> Self:
        named = self.guards or ()
        if len(set(named)) < len(named):
            raise ValueError(f"guards wanted each name once, found {', '.join(named)}")
        for name in named:
            if name not in GUARDS and not name.startswith(HARNESS):
                raise ValueError(
                    f"guards wanted {HARNESS}NAME or one of {', '.join(GUARDS)}, found {name!r}"
                )
        return self

    @model_validator(mode="after")
    def _grader_goes_with_its_metric(self) -> Self:
        if (self.metric is MetricName.GRADER) != (self.grader is not None):
            raise ValueError("metric grader goes with a grader, and every other metric without one")
        return self

    @model_validator(mode="after")
    def _options_tell_answers_apart(self) -> Self:
        if self.options and (len(self.options) < 2 or len(set(self.options)) < len(self.options)):
            raise ValueError("options wanted two or more that differ")
        return self

    @model_validator(mode="after")
    def _metric_fits_the_data(self) -> Self:
        files = self.data.files()
        sealed = [sealed_split(path) for split, path in files.items() if split != "train"]
        tasks = {split.task if split else None for split in sealed}
        if (self.metric is MetricName.FTBENCH) != (None not in tasks) or len(tasks) > 1:
            raise ValueError(
                "metric ftbench goes with dev and test of one task, such as ftbench:sst2/dev, and "
                "every other metric with files"
            )
        return self
