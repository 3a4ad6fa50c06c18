"""Lets a search spend a budget on a task, through the planner's REST API, and keeps its curve.

The search trains on what may be trained on. Dev and test stay with the evaluator, which knows them
by name alone: ``ftbench:TASK/dev``.
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ftbench.exporting import RowType, training_rows, write_rows
from ftbench.task import Item, Task
from shared.contracts.base import Contract, ExperimentId, JobId, Versioned
from shared.contracts.job import (
    Budget,
    JobData,
    JobSpec,
    Limits,
    MetricName,
    Search,
    SearchMode,
)
from shared.contracts.mapping import Templates
from shared.errors import ScoringFailed

if TYPE_CHECKING:
    from trex.client import TrexClient


class Contestant(StrEnum):
    """Who searches. All share proposer, budget, executors and evaluator; only the tree differs."""

    TREX = "trex"
    """The product's own search, with its defaults."""
    GREEDY = "greedy"
    """Greedy best-first."""
    SEQUENTIAL = "sequential"
    """Each experiment refines the one before."""
    RANDOM = "random"
    """Independent drafts."""


MODES = {
    Contestant.TREX: Search().mode,
    Contestant.GREEDY: SearchMode.GREEDY,
    Contestant.SEQUENTIAL: SearchMode.SEQUENTIAL,
    Contestant.RANDOM: SearchMode.RANDOM,
}


class Point(Contract):
    """What the search knew after one more experiment."""

    experiment: ExperimentId
    """Number of the experiment, in order of asking."""

    parent: ExperimentId | None
    gpu_seconds: float
    """Training seconds times devices of this and all earlier experiments."""

    dev: float | None
    """Its score on dev; None when it failed."""

    stderr: float | None
    best: float
    """Highest score on dev so far, the base model's included."""

    what: str
    """What was tried, or why it failed."""


class SearchCurve(Versioned):
    """What one search made of one budget."""

    task: str
    system: Contestant
    mode: SearchMode
    base_model: str
    seed: int
    job_id: JobId
    budget: Budget
    gpu_seconds: float
    """Training seconds spent."""

    wall_clock_s: float
    base: float
    """The untuned model on dev."""

    curve: tuple[Point, ...]
    test_base: float | None
    """The untuned model on test; None where the search ended before the test split was opened."""

    test_best: float | None
    """The chosen model on test."""

    test_stderr: float | None


def job_for(
    task: Task,
    items: Sequence[Item],
    folder: Path,
    *,
    base_model: str,
    budget: Budget,
    system: Contestant,
    seed: int,
    limits: Limits,
    train: Path | None,
) -> JobSpec:
    """Write a task's training rows into a folder and return the job that searches over them.

    Args:
        task: which task.
        items: all of its items.
        folder: where the training rows go.
        base_model: a folder or a hub id.
        budget: what may be spent.
        system: who searches.
        seed: makes the same search draw the same proposals.
        limits: what one experiment may cost; the task decides how long an answer may be.
        train: JSONL with ``prompt`` and ``completion`` to train on instead, for a task that has no
            training split.

    Raises:
        Rejected: there is nothing that may be trained on.
    """
    system_message = None
    if train is None:
        rows = training_rows(task, items, RowType.TEXT)
        system_message = rows[0].get("system")
        train = folder / f"{task.name}-train.jsonl"
        write_rows(rows, train)
    return JobSpec(
        goal=f"Do well at {task.title}: {task.measures}.",
        base_model=base_model,
        data=JobData(
            train=str(train.resolve()),
            dev=f"ftbench:{task.name}/dev",
            test=f"ftbench:{task.name}/test",
            mapping=Templates(prompt="{prompt}", completion="{completion}", system=system_message),
        ),
        metric=MetricName.FTBENCH,
        budget=budget,
        limits=limits.model_copy(update={"max_new_tokens": task.max_new_tokens}),
        search=Search(mode=MODES[system]),
        seed=seed,
    )


def curve_of(client: "TrexClient", task: Task, job_id: JobId, system: Contestant) -> SearchCurve:
    """Return what a job that has ended made of its budget.

    Raises:
        Unavailable: the planner stays away.
        ScoringFailed: the job ended before its base model was scored.
    """
    report = client.report(job_id)
    base = report.job.base
    if base is None:
        raise ScoringFailed(f"{job_id} has no curve: {report.job.sentence}")
    points: list[Point] = []
    best, gpu_seconds = base.value, 0.0
    for node in client.tree(job_id).nodes[1:]:
        view = client.experiment(job_id, node.experiment)
        gpu_seconds += view.outcome.gpu_seconds if view.outcome else 0.0
        best = max(best, node.score.value if node.score else best)
        points.append(
            Point(
                experiment=node.experiment,
                parent=node.parent,
                gpu_seconds=gpu_seconds,
                dev=node.score.value if node.score else None,
                stderr=node.score.stderr if node.score else None,
                best=best,
                what="; ".join(node.changed) if node.score else node.sentence,
            )
        )
    test = report.test
    return SearchCurve(
        task=task.name,
        system=system,
        mode=report.spec.search.mode,
        base_model=report.spec.base_model,
        seed=report.spec.seed,
        job_id=job_id,
        budget=report.spec.budget,
        gpu_seconds=report.job.spent.gpu_seconds,
        wall_clock_s=report.job.spent.wall_clock_s,
        base=base.value,
        curve=tuple(points),
        test_base=test.base.value if test else None,
        test_best=test.best.value if test else None,
        test_stderr=test.best.stderr if test else None,
    )


def curve_lines(curve: SearchCurve) -> list[str]:
    """Return the curve as Markdown, numbers times 100."""
    lines = [
        f"{curve.task}, {curve.system} ({curve.mode}), seed {curve.seed}: base "
        f"{100 * curve.base:.2f} on dev, {curve.gpu_seconds:.0f} GPU-seconds spent",
        "",
        "| # | parent | GPU-seconds | dev | best so far | what |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for point in curve.curve:
        dev = "—" if point.dev is None else f"{100 * point.dev:.2f}"
        what = point.what.replace("|", "\\|")
        lines.append(
            f"| {point.experiment} | {point.parent} | {point.gpu_seconds:.0f} | {dev} | "
            f"{100 * point.best:.2f} | {what} |"
        )
    if curve.test_best is not None and curve.test_base is not None:
        doubt = "" if curve.test_stderr is None else f" ± {100 * curve.test_stderr:.2f}"
        lines += ["", f"test: {100 * curve.test_best:.2f}{doubt}, base {100 * curve.test_base:.2f}"]
    return lines
