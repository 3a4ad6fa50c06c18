"""One experiment as a terminal shows it: its score, its lesson, what is wrong with its answers."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from shared.contracts.score import FaultKind
from shared.contracts.views import ExperimentView
from trex.view import node_line
from trex.words import clean

_WORDS: dict[FaultKind, str] = {
    "empty": "empty",
    "cut": "cut before they ended",
    "format": "not of the form of right answers",
    "near": "nearly right",
    "wrong": "wrong",
}


def experiment_page(view: ExperimentView) -> Group:
    """Return an experiment with its faults, each with the answers it is seen in."""
    return Group(*_parts(view))


def _parts(view: ExperimentView) -> Iterator[RenderableType]:
    yield node_line(view.node, ())
    if view.lesson is not None:
        yield Text(clean(view.lesson.sentence))
    for fault in view.faults:
        table = Table(title=f"{fault.count} {_WORDS[fault.kind]}", title_justify="left")
        for name in ("question", "right answer", "answer"):
            table.add_column(name, ratio=1, overflow="fold")
        for case in fault.examples:
            table.add_row(*(Text(clean(text)) for text in (case.prompt, case.expected, case.got)))
        yield Text()
        yield table
    for one in view.confusions:
        yield Text(f"{clean(one.got)} for {clean(one.expected)}: {one.count} times")
