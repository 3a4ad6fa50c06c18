"""One small valid value of each contract, to be varied with ``model_copy``."""

from typing import Any

from shared.contracts import plan
from shared.contracts.base import CONTRACTS, ExperimentId, JobId, WorkId
from shared.contracts.brief import Brief, BriefRequest, ProposalContext, Requirements
from shared.contracts.capabilities import Capabilities
from shared.contracts.choice import Candidate, Choice
from shared.contracts.discard import Discarded, DiscardRequest
from shared.contracts.events import (
    CancelRequested,
    Event,
    JobDrafted,
    JobEnded,
    JobSubmitted,
    WorkEnded,
    WorkLost,
    WorkOrdered,
)
from shared.contracts.job import (
    Baselines,
    Budget,
    JobData,
    JobSpec,
    Limits,
    MetricName,
    Search,
)
from shared.contracts.lesson import BankedLesson, DiagnoseRequest, Lesson
from shared.contracts.mapping import Templates
from shared.contracts.method import FullTuning, Lora, Sft
from shared.contracts.operators import Deduplicate, Filter, HoldOut, Load, Map, Sample
from shared.contracts.proposal import Finding, Proposal, Proposals, ProposeRequest
from shared.contracts.recipe import Recipe
from shared.contracts.run import (
    Failed,
    LossPoint,
    Progress,
    RowCount,
    RunRequest,
    Tokenised,
    Trained,
)
from shared.contracts.score import BadCase, Certificate, Fault, Score, ScoreRequest
from shared.contracts.work import Service
from shared.contracts.worker import Doing, Worker

JOB = JobId("j-0a1b2c3d")
DEV, CONFIRM, TEST = (f"sealed:{digit * 64}" for digit in "def")
MAPPING = Templates(prompt="{text}", completion="{iso}")
SPEC = JobSpec(
    goal="Normalise dates to ISO 8601",
    base_model="base",
    data=JobData(train="train.jsonl", dev=DEV, test=TEST, mapping=MAPPING),
    metric=MetricName.EXACT_MATCH,
    budget=Budget(experiments=4),
    # The search alone; what is scored beside it has tests of its own.
    baselines=Baselines(shots=0),
    guards=(),
    search=Search(replicates=0),
)
BRIEF = Brief(
    summary="1500 rows, none repeated.",
    train_sha256="0" * 64,
    rows=1500,
    duplicate_share=0.0,
    prompt_chars_p95=30,
    completion_chars_p95=10,
    base_parameters=1_000_000,
    labels=0,
)
BRIEF_REQUEST = BriefRequest(
    job_id=JOB,
    goal=SPEC.goal,
    base_model="base",
    train="train.jsonl",
    mapping=MAPPING,
    metric=MetricName.EXACT_MATCH,
)
FAILED = Failed(error="Diverged", detail="wanted a finite loss, found nan", gpu_seconds=3.0)
PROGRESS = Progress(phase="training", step=3, steps=10, loss=1.5, tokens_per_s=900.0, eta_s=4.0)
TOKENISED = Tokenised(samples=1500, too_long=0, cut=0, trained_share=0.25, chat_template="2" * 64)
TRAINED = Trained(
    checkpoint="artifacts/j-0a1b2c3d/experiment-1/attempt-1/checkpoint",
    train_loss=0.4,
    train_curve=(LossPoint(step=10, loss=2.0), LossPoint(step=20, loss=0.4)),
    held_out_curve=(LossPoint(step=20, loss=0.5),),
    rows=(RowCount(operator="load", rows_in=1500, rows_out=1500),),
    tokenised=TOKENISED,
    micro_batch=8,
    steps=20,
    tokens=40_000,
    stopped="done",
    gpu_seconds=12.5,
)
LESSON = Lesson(
    verdict="better",
    fit="underfitting",
    effect=0.4,
    effect_stderr=0.02,
    sentence="learning_rate 0.001 → 0.004 gained 0.400 ± 0.020; the loss still falls",
)


def banked_lesson(**changes: Any) -> BankedLesson:
    """What an experiment of another job taught; its id follows from what is changed."""
    usual: dict[str, Any] = {
        "job_id": "j-e0e0e0e0",
        "experiment": 3,
        "task_type": "classification",
        "metric": "exact_match",
        "base_model": "Qwen/Qwen3-1.7B",
        "base_family": "qwen3",
        "base_parameters": 1_700_000_000,
        "factor": "learning_rate",
        "before": "0.0002",
        "after": "0.001",
        "toward": "up",
        "alone": True,
        "effect": 0.03,
        "effect_stderr": 0.01,
        "cause": "#3 scored 0.630, 0.030 ± 0.020 above its parent #1",
        "at": 1_000.0,
    }
    made = usual | changes
    return BankedLesson.model_validate(
        {"id": f"{made['job_id']}/{made['experiment']}/{made['factor']}"} | made
    )


def recipe(learning_rate: float = 1e-3, *, lora: bool = True) -> Recipe:
    """A recipe that holds every operator; another learning rate is another experiment."""
    return Recipe(
        base_model="base",
        data=(
            Load(path="train.jsonl", sha256="0" * 64),
            Map(mapping=MAPPING),
            Filter(max_prompt_chars=200, max_completion_chars=50),
            Deduplicate(),
            Sample(share=0.5),
            HoldOut(share=0.1, max_samples=128),
        ),
        method=Sft(
            learning_rate=learning_rate,
            num_train_epochs=2,
            per_device_train_batch_size=32,
            max_length=64,
        ),
        adapter=Lora(r=8, lora_alpha=16) if lora else FullTuning(),
    )


def proposal(learning_rate: float = 1e-3) -> Proposal:
    """A proposal of `recipe`."""
    return Proposal(
        recipe=recipe(learning_rate),
        changed=(f"learning_rate 0.0005 → {learning_rate:g}",),
        expects="a higher learning rate should help, because the loss still falls",
        proposer="rules",
    )


def proposals(*learning_rates: float) -> Proposals:
    """Proposals of `recipe` with these learning rates."""
    return Proposals(proposals=tuple(proposal(rate) for rate in learning_rates))


CERTIFICATE = Certificate(
    template_sha256="2" * 64, prompts=32, logprob_gap=0.002, answers_equal=1.0
)
WRONG = BadCase(prompt="3. März 2021", expected="2021-03-03", got="2021")


def score(value: float = 0.5, *, split: str = "dev", n: int = 10) -> Score:
    """A score of something trained, of ``n`` items, of which the first are right."""
    right = round(value * n)
    items = tuple(1.0 if i < right else 0.0 for i in range(n))
    return Score.model_validate(
        {
            "metric": "exact_match",
            "split": split,
            "data_sha256": "1" * 64,
            "value": right / n,
            "stderr": 0.1,
            "items": items,
            "faults": (Fault(kind="format", count=n - right, examples=(WRONG,)),)
            if right < n
            else (),
            "empty_share": 0.0,
            "cut_share": 0.1,
            "certificate": CERTIFICATE,
            "engine": "transformers 5.23.0 cpu",
            "seconds": 2.0,
        }
    )


SCORE_REQUEST = ScoreRequest(
    job_id=JOB,
    experiment=ExperimentId(1),
    checkpoint=TRAINED.checkpoint,
    base_model="base",
    data=DEV,
    data_sha256="1" * 64,
    split="dev",
    mapping=MAPPING,
    metric=MetricName.EXACT_MATCH,
    max_new_tokens=16,
)


def run_request(recipe: Recipe, **others: Any) -> RunRequest:
    return RunRequest(
        job_id=JOB, experiment=ExperimentId(1), recipe=recipe, **({"limit_s": 60.0} | others)
    )


RUN_REQUEST = run_request(recipe())
DIAGNOSE_REQUEST = DiagnoseRequest(
    job_id=JOB,
    experiment=ExperimentId(1),
    recipe=recipe(),
    changed=("learning_rate 0.0005 → 0.001",),
    outcome=TRAINED,
    score=score(0.5),
    parent=ExperimentId(0),
    parent_score=score(0.1),
)
CPU = Capabilities(
    device="cpu",
    devices=1,
    memory_gib=16.0,
    bf16=False,
    flash_attention=False,
    quantised=False,
)


def worker(service: Service, name: str, **fields: Any) -> Worker:
    """A worker that is idle and well, but for what the fields say."""
    usual: dict[str, Any] = {
        "service": service,
        "name": name,
        "host": "one",
        "release": "0.1.0",
        "contracts": CONTRACTS,
        "since": 1000.0,
        "clock_ahead_s": 0.0,
        "can": None,
        "doing": None,
        "free_gib": None,
        "takes_work": True,
        "trouble": (),
    }
    return Worker(**usual | fields)


WORKER = worker(
    "executor",
    "gpu-1:7",
    can=CPU,
    doing=Doing(job_id=JOB, work_id=WorkId("run-1"), progress=PROGRESS),
    free_gib=12.5,
    trouble=("wanted this host's clock to agree with the server's, found it 3,600 s ahead",),
)
DISCARD_REQUEST = DiscardRequest(job_id=JOB, folders=(TRAINED.checkpoint,))
PROPOSE_REQUEST = ProposeRequest(
    job_id=JOB,
    experiments=(ExperimentId(2),),
    parent=ExperimentId(1),
    context=ProposalContext(
        goal=SPEC.goal,
        base_model="base",
        train="train.jsonl",
        mapping=MAPPING,
        metric=MetricName.EXACT_MATCH,
        limits=Limits(),
        seed=0,
        machines=(CPU,),
    ),
    brief=BRIEF,
    base_value=0.1,
    findings=(
        Finding(
            experiment=ExperimentId(1),
            parent=ExperimentId(0),
            recipe=recipe(),
            outcome=TRAINED,
            value=0.5,
            stderr=0.1,
            lesson=LESSON,
        ),
    ),
)
CHOICE = Choice(
    chosen=Candidate(
        act="expand",
        experiment=ExperimentId(1),
        index=0.03,
        value=0.52,
        deviation=0.1,
        cost=1.0,
        pending=0,
    ),
    runner_up=Candidate(
        act="draft",
        experiment=ExperimentId(0),
        index=0.02,
        value=0.3,
        deviation=0.2,
        cost=1.0,
        pending=0,
    ),
    bar=0.5,
)
DRAFT = plan.JobDraft(
    goal=SPEC.goal, train="train.jsonl", mapping=MAPPING, budget=SPEC.budget, search=SPEC.search
)
PLAN = plan.Plan(
    task_type="rewriting",
    requirements=Requirements(
        output_format="one date as YYYY-MM-DD",
        success="the date is the reference",
        risks=("few rows",),
        missing=("how a year of two digits is meant",),
    ),
    choices=(
        plan.Choice(field="metric", value="exact_match", reason="the answers are short"),
        plan.Choice(field="base_model", value="org/model", reason="the machines can hold it"),
        plan.Choice(field="dev", value="0.1", reason="150 rows"),
    ),
    rows=1500,
)
PLAN_REQUEST = plan.PlanRequest(job_id=JOB, draft=DRAFT, machines=(CPU,))
EVENTS: tuple[Event, ...] = (
    JobDrafted(job_id=JOB, draft=DRAFT),
    WorkOrdered(work_id=WorkId("plan"), request=PLAN_REQUEST, why="it is left open"),
    WorkEnded(work_id=WorkId("plan"), attempt=1, result=PLAN),
    JobSubmitted(job_id=JOB, spec=SPEC),
    WorkOrdered(work_id=WorkId("brief"), request=BRIEF_REQUEST, why="a look at the data"),
    WorkOrdered(
        work_id=WorkId("propose-2"), request=PROPOSE_REQUEST, why="below #1", choice=CHOICE
    ),
    WorkOrdered(work_id=WorkId("run-1"), request=RUN_REQUEST, why="it should help"),
    WorkOrdered(work_id=WorkId("score-1"), request=SCORE_REQUEST, why="#1 has been trained"),
    WorkOrdered(work_id=WorkId("diagnose-1"), request=DIAGNOSE_REQUEST, why="#1 is over"),
    WorkOrdered(work_id=WorkId("discard-1"), request=DISCARD_REQUEST, why="nothing asks for it"),
    WorkLost(work_id=WorkId("run-1"), attempt=1, held_s=4.0),
    WorkEnded(work_id=WorkId("brief"), attempt=1, result=BRIEF),
    WorkEnded(work_id=WorkId("propose-1"), attempt=1, result=proposals(1e-3)),
    WorkEnded(work_id=WorkId("run-1"), attempt=2, result=TRAINED),
    WorkEnded(work_id=WorkId("run-2"), attempt=1, result=FAILED),
    WorkEnded(work_id=WorkId("score-1"), attempt=1, result=score()),
    WorkEnded(work_id=WorkId("diagnose-1"), attempt=1, result=LESSON),
    WorkEnded(work_id=WorkId("discard-1"), attempt=1, result=Discarded(bytes=3 * 2**20)),
    CancelRequested(),
    JobEnded(how="finished", reason="all 4 experiments are done", best=ExperimentId(1)),
)
"""One of every kind of event, request and result."""
