"""Words and tables about tasks and results, for people."""

import json
from collections import Counter
from collections.abc import Sequence

from rich.table import Table

from ftbench.results import Result
from ftbench.task import Item, Split, Task


def rows(tasks: Sequence[Task]) -> list[dict[str, object]]:
    """Return what is known of each task without its data."""
    return [
        {
            "task": task.name,
            "title": task.title,
            "measures": task.measures,
            "metric": task.metric,
            "licence": task.source.licence,
            "may_train": task.source.may_train,
            "homepage": task.source.homepage,
            "trex": task.trex,
        }
        for task in tasks
    ]


def task_table(tasks: Sequence[Task]) -> Table:
    """Return the ten in a table."""
    table = Table(box=None, pad_edge=False)
    for head in ("task", "measures", "metric", "licence", "TREX"):
        table.add_column(head, overflow="fold")
    for task in tasks:
        licence = task.source.licence + ("" if task.source.may_train else ", no training")
        trex = "—" if task.trex is None else f"{100 * task.trex:.1f}"
        table.add_row(task.name, task.measures, task.metric, licence, trex)
    return table


def page(task: Task, items: Sequence[Item] | None, example: Sequence[Item]) -> str:
    """Return all about a task; ``items`` is None when its data are not at hand.

    The example is made up, so nothing sealed is shown.
    """
    training = "" if task.source.may_train else " (training is forbidden)"
    lines = [
        f"{task.name}: {task.title}",
        f"  measures    {task.measures}",
        f"  source      {task.source.homepage}",
        f"  licence     {task.source.licence}{training}",
        f"  metrics     {', '.join(task.metrics)}",
        f"  answers     up to {task.max_new_tokens} tokens",
        f"  no skill    {', '.join(task.baselines)}",
    ]
    if task.trex is not None:
        lines.append(f"  TREX        {100 * task.trex:.1f}")
    lines += [f"  {100 * value:5.1f}       {model}" for model, value in task.references.items()]
    if items is not None:
        counts = Counter(item.split for item in items)
        sizes = ", ".join(f"{split} {counts[split]:,}" for split in Split)
        published = sum(item.published for item in items)
        lines.append(f"  splits      {sizes}; published test set {published:,}")
    first = example[-1]
    lines += ["", f"A made-up item, {first.id}:"]
    lines += [f"  {message.role}: {message.content}" for message in first.messages]
    if first.answer is not None:
        lines.append(f"  answer: {first.answer}")
    else:
        lines.append(f"  judged by: {json.dumps(dict(first.record), ensure_ascii=False)[:300]}")
    return "\n".join(lines)


def result_lines(result: Result, task: Task) -> list[str]:
    """Return a result as lines: numbers times 100, ± one standard error."""
    strict = ", strict" if result.strict else ""
    model = f" of {result.model}" if result.model else ""
    lines = [f"{task.title}{model}, {result.split}{strict}, {result.n:,} items, times 100"]
    for name, measured in result.scores.items():
        value = "—" if measured.value is None else f"{100 * measured.value:.2f}"
        doubt = "" if measured.stderr is None else f" ± {100 * measured.stderr:.2f}"
        lines.append(f"  {name:28} {value:>7}{doubt}")
    lines.append(f"no skill scores, {result.metric}:")
    for name, baseline in result.baselines.items():
        lines.append(f"  {name:28} {'—' if baseline is None else f'{100 * baseline:.2f}':>7}")
    seen = result.outputs
    lines.append(
        f"answers: {seen.unique_share:.0%} distinct, {seen.empty_share:.0%} empty, "
        f"{seen.median_chars:.0f} characters by the median, {seen.longest_chars:,} at most"
    )
    lines += [f"warning: {flag}" for flag in result.flags]
    lines += [f"note: {note}" for note in result.notes]
    return lines
