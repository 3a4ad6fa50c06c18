"""Workers, queues and jobs as `trex top` shows them. Pure: a view in, rich renderables out."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from shared.contracts.system_views import QueueView, WorkersView
from shared.contracts.views import (
    JobView,
)
from shared.contracts.worker import Worker
from shared.trouble import version_trouble
from trex.words import clean, duration_words, progress_words, runs_words, score_words

NARROW = 90
"""Columns below which what can be done without is left out."""

ENDED_SHOWN = 3
"""Jobs that are over and still shown, the newest."""

_OVER = ("finished", "cancelled", "failed")
_STYLES = {"failed": "red", "finished": "green", "cancelled": "yellow"}


def top_page(
    workers: WorkersView,
    queues: Sequence[QueueView],
    jobs: Sequence[JobView],
    *,
    width: int,
) -> Group:
    """Return the page.

    Args:
        workers: all that are alive.
        queues: of every service.
        jobs: every job; those that go on are shown, and the latest that are over.
        width: columns of the terminal.
    """
    narrow = width < NARROW
    return Group(
        *_section("workers", _worker_table(workers, narrow=narrow), "none is alive"),
        *_trouble(workers.workers),
        *_section("queues", _queue_table(queues), "none"),
        *_section("jobs", _job_list(jobs, narrow=narrow), "none yet"),
    )


def _section(name: str, content: RenderableType | None, without: str) -> list[RenderableType]:
    shown = Text(without, "dim") if content is None else content
    return [Text(name, "bold"), Padding(shown, (0, 0, 1, 2))]


def _worker_table(view: WorkersView, *, narrow: bool) -> Table | None:
    if not view.workers:
        return None
    table = _table("service", "worker", *(() if narrow else ("device",)), "doing", "up")
    for one in view.workers:
        table.add_row(
            one.service,
            clean(one.name),
            *(() if narrow else (_device_words(one),)),
            _doing(one, view.contracts),
            Text(duration_words(max(0.0, view.at - one.since)), "dim"),
        )
    return table


def _device_words(worker: Worker) -> Text:
    if worker.can is None:
        return Text("–", "dim")
    count = "" if worker.can.devices == 1 else f"{worker.can.devices} × "
    return Text(clean(f"{count}{worker.can.device}"))


def _doing(worker: Worker, contracts: int) -> Text:
    if version_trouble(contracts, mine=worker.contracts) is not None:
        return Text("refused", "red")
    if not worker.takes_work:
        return Text("takes no work", "yellow")
    if worker.doing is None:
        return Text("idle", "dim")
    at = worker.doing
    progress = "" if at.progress is None else f": {progress_words(at.progress)}"
    return Text(clean(f"{at.work_id} of {at.job_id}{progress}"), "cyan")


def _trouble(workers: Iterable[Worker]) -> list[RenderableType]:
    lines = [
        Text(f"{one.service} {clean(one.name)}: {clean(sentence)}", "yellow")
        for one in workers
        for sentence in one.trouble
    ]
    return _section("trouble", Group(*lines), "") if lines else []


def _queue_table(queues: Sequence[QueueView]) -> Table | None:
    if not queues:
        return None
    table = _table("service", "queued", "leased", "oldest waits")
    for queue in queues:
        table.add_row(
            queue.service,
            str(queue.queued),
            str(queue.leased),
            duration_words(queue.oldest_s) if queue.queued else Text("–", "dim"),
        )
    return table


def _job_list(jobs: Sequence[JobView], *, narrow: bool) -> Group | None:
    newest_first = sorted(jobs, key=lambda job: job.submitted_at, reverse=True)
    over = [job for job in newest_first if job.state in _OVER][:ENDED_SHOWN]
    shown = [job for job in newest_first if job.state not in _OVER] + over
    return Group(*(line for job in shown for line in _job_lines(job, narrow))) if shown else None


def _job_lines(job: JobView, narrow: bool) -> list[RenderableType]:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(job.job_id, "bold").append("  ")
    line.append(job.state, _STYLES.get(job.state, "cyan")).append("  ")
    line.append("best ", "dim").append(score_words(job.best)).append("  ")
    if not narrow:
        line.append("base ", "dim").append(score_words(job.base)).append("  ")
    line.append(f"{runs_words(job.spent)}/{job.budget.experiments} runs", "dim").append("  ")
    line.append(f"{duration_words(job.spent.gpu_seconds)} of training", "dim")
    if job.spent.money:
        line.append(f"  money {job.spent.money:.4g}", "dim")
    said = Text(clean(job.sentence), "dim", no_wrap=True, overflow="ellipsis")
    return [line, Padding(said, (0, 0, 0, 2))]


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in names:
        longest = name == "doing"  # gives way first
        table.add_column(
            name,
            no_wrap=True,
            overflow="ellipsis",
            ratio=1 if longest else None,
            justify="right" if name in ("queued", "leased") else "left",
        )
    table.expand = "doing" in names
    return table
