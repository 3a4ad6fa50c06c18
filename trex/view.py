"""A job's tree and its report as a terminal shows them. Pure: views in, rich renderables out."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.views import (
    BaselineView,
    Comparison,
    GuardView,
    JobView,
    NodeView,
    Report,
    TreeView,
)
from shared.rows import Sample
from trex.words import (
    clean,
    duration_words,
    progress_words,
    runs_words,
    score_words,
    spent_words,
)

_STYLES = {"failed": "red", "dropped": "dim", "finished": "green", "cancelled": "yellow"}


def job_table(jobs: Iterable[JobView]) -> Table:
    """Return one line a job, the newest last."""
    table = Table(box=None, pad_edge=False)
    for name in ("job", "state", "best", "base", "runs", "time", "goal"):
        table.add_column(name, no_wrap=name != "goal")
    for job in sorted(jobs, key=lambda job: job.submitted_at):
        table.add_row(
            job.job_id,
            Text(job.state, _STYLES.get(job.state, "cyan")),
            score_words(job.best),
            score_words(job.base),
            f"{runs_words(job.spent)}/{job.budget.experiments}",
            duration_words(job.spent.wall_clock_s),
            Text(clean(job.goal)),
        )
    return table


def job_header(job: JobView) -> Group:
    """Return what a job is for, what it is doing, how good it got, and what it used."""
    best = Text().append("best ", "dim")
    if job.best is None:
        best.append("nothing above the base model yet")
    else:
        best.append(score_words(job.best), "bold green").append(f" (#{job.best_experiment})")
    best.append("   base ", "dim").append(score_words(job.base), "bold")
    if job.best is not None and job.base is not None:
        best.append(f"   {job.best.value - job.base.value:+.3f}")
    state = Text().append(job.state, _STYLES.get(job.state, "cyan"))
    state.append(f" · {clean(job.sentence)}")
    return Group(
        Text().append(clean(job.goal), "bold").append(f"  {job.job_id}", "dim"),
        state,
        best,
        *([_baselines_line(job)] if job.baselines else []),
        Text(spent_words(job.spent, job.budget), "dim"),
    )


def _baselines_line(job: JobView) -> Text:
    """Say what else the best is compared with, and by how much it is better."""
    line = Text()
    for baseline in job.baselines:
        line.append(f"{baseline.name} ", "dim")
        line.append("failed" if baseline.failed else score_words(baseline.score))
        if baseline.comparison is not None:
            line.append(f" ({baseline.comparison.difference:+.3f})")
        line.append("   ")
    line.rstrip()
    return line


def job_tree(view: TreeView, *, room: int | None = None) -> Group:
    """Return a job with its tree; the way to the best experiment is marked.

    Args:
        view: the job and its nodes.
        room: about how many nodes may be shown; the others are counted. None for all.
    """
    nodes = {node.experiment: node for node in view.nodes}
    best = _way_to(view.job.best_experiment, nodes)
    shown = shown_nodes(view, room)
    branches: dict[ExperimentId | None, Tree] = {}
    hidden: dict[ExperimentId, int] = {}
    root: Tree | None = None
    for node in view.nodes:
        if node.experiment not in shown:
            # A hidden node's parent may be hidden itself; count it where the eye still finds it.
            above = node.parent
            while above is not None and above not in shown:
                above = nodes[above].parent
            if above is not None:
                hidden[above] = hidden.get(above, 0) + 1
            continue
        line = node_line(node, best)
        branch = branches[node.parent].add(line) if root is not None else Tree(line)
        branches[node.experiment] = branch
        root = root or branch
    for number, count in hidden.items():
        branches[number].add(Text(f"+{count} more", "dim"))
    return Group(job_header(view.job), Text(), root or Text("no experiment yet", "dim"))


def node_line(node: NodeView, best: Sequence[ExperimentId]) -> Text:
    """Return a node in a line: number, state, score, and what changed or went wrong.

    Args:
        node: the node.
        best: the numbers from the base model to the best experiment.
    """
    on_way = node.experiment in best
    name = "base model" if node.experiment == ROOT else f"#{node.experiment}"
    line = Text()
    if on_way:
        line.append("★ " if node.experiment == best[-1] else "› ", "bold green")
    line.append(name, "bold green" if on_way else "bold")
    changed = clean(", ".join(node.changed))
    if node.state in ("failed", "dropped"):
        line.append(f" {node.state}: {clean(node.sentence)}", _STYLES[node.state])
        return line
    if node.state not in ("done", "short"):
        words = clean(progress_words(node.progress)) if node.progress else node.state
        line.append(f" {words}", "cyan")
    if node.score is not None:
        line.append(f" {score_words(node.score)}", "" if node.state == "done" else "dim")
    line.append(_fidelity_words(node), "dim")
    if node.confirm is not None:
        line.append(f" confirmed {score_words(node.confirm)}", "green")
    if changed:
        line.append(f"  {changed}", "dim")
    return line


def _fidelity_words(node: NodeView) -> str:
    """Say how long it was trained, unless that was once and in full."""
    if node.fidelity is None or (node.fidelity == 1.0 and not node.went_on):
        return ""
    steps = [f"{share:.0%}" for share in (*node.went_on, node.fidelity)]
    return f" after {' → '.join(steps)} of a run"


def shown_nodes(view: TreeView, room: int | None) -> set[ExperimentId]:
    """Return the nodes to draw: the best, the running ones, then the latest, with all above them.

    A little more than ``room`` when the best and the running ones need it.
    """
    if room is None or len(view.nodes) <= room:
        return {node.experiment for node in view.nodes}
    nodes = {node.experiment: node for node in view.nodes}
    shown = {ROOT, *_way_to(view.job.best_experiment, nodes)}
    for node in view.nodes:
        if node.progress is not None:
            shown.update(_way_to(node.experiment, nodes))
    for number in sorted(nodes, reverse=True):
        way = shown.union(_way_to(number, nodes))
        if len(way) > room:
            break
        shown = way
    return shown


def sample_table(samples: Iterable[Sample]) -> Table:
    """Return rows as the model will see them, long ones cut."""
    table = Table(show_lines=True)
    table.add_column("prompt", ratio=3, overflow="fold")
    table.add_column("completion", ratio=2, overflow="fold")
    for sample in samples:
        table.add_row(Text(_cut(sample.prompt)), Text(_cut(sample.completion)))
    return table


def report_summary(report: Report, *, prompt: str) -> list[str]:
    """Return the last words about a job, a sentence a line.

    Args:
        report: what the job handed back.
        prompt: what the suggested command asks the new model.
    """
    comparison = report.test or report.dev
    if report.best is None or comparison is None:
        base = score_words(report.job.base)
        return [f"nothing beat the base model ({base}): {clean(report.job.sentence)}"]
    lines = [
        _comparison_words("base", comparison),
        *(_baseline_words(one) for one in report.job.baselines),
        *_guard_words(report.guards),
    ]
    if report.checkpoint is not None:
        lines.append(f"checkpoint: {report.checkpoint}")
        # Double quotes: a prompt in another script is easier to replace in them.
        asked = f'"{prompt}"' if prompt.isprintable() and '"' not in prompt else shlex.quote(prompt)
        lines.append(f"try it: trex generate {shlex.quote(report.checkpoint)} {asked}")
    return lines


def _baseline_words(baseline: BaselineView) -> str:
    if baseline.comparison is None:
        return f"{baseline.name} was not scored: {clean(baseline.failed or 'it was left out')}"
    return _comparison_words(baseline.name, baseline.comparison)


def _guard_words(guards: Sequence[GuardView]) -> Iterator[str]:
    """Say at which side tasks the best is worse, and at which that is not known."""
    if not guards:
        return
    named = {
        verdict: [guard.name for guard in guards if guard.verdict == verdict]
        for verdict in ("no worse", "worse", "not shown")
    }
    yield "side tasks: " + "; ".join(
        f"{verdict} at {clean(', '.join(names))}" for verdict, names in named.items() if names
    )


def _comparison_words(what: str, found: Comparison) -> str:
    doubt = ""
    if found.interval is not None:
        low, high = found.interval
        doubt = f" (95 % interval {low:+.3f} to {high:+.3f})"
    rows = f"{found.best.n} rows of {found.split}"
    return (
        f"best {score_words(found.best)}, {what} {score_words(found.base)}, "
        f"{found.difference:+.3f}{doubt}: {found.best.metric} on {rows}"
    )


def _way_to(
    number: ExperimentId | None, nodes: Mapping[ExperimentId, NodeView]
) -> list[ExperimentId]:
    way = []
    while number is not None:
        way.append(number)
        number = nodes[number].parent
    return way[::-1]


def _cut(text: str) -> str:
    text = clean(text)
    return text if len(text) <= 300 else f"{text[:297]}..."
