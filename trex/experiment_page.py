"""One experiment as a terminal shows it: its score, the idea behind it, its lesson and faults."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from shared.contracts.counsel import Counsel
from shared.contracts.score import FaultKind
from shared.contracts.views import ExperimentView
from trex.view import node_line
from trex.words import clean, duration_words

_WORDS: dict[FaultKind, str] = {
    "empty": "empty",
    "cut": "cut before they ended",
    "format": "not of the form of right answers",
    "near": "nearly right",
    "wrong": "wrong",
}

_PROPOSERS = {"rules": "rules", "llm": "a language model"}


def experiment_page(view: ExperimentView) -> Group:
    """Return an experiment with its faults, each with the answers it is seen in."""
    return Group(*_parts(view))


def _parts(view: ExperimentView) -> Iterator[RenderableType]:
    yield node_line(view.node, ())
    facts = Table.grid(padding=(0, 2))
    for name, said in _facts(view):
        facts.add_row(Text(name, "dim"), Text(clean(said)))
    if facts.row_count:
        yield facts
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


def _facts(view: ExperimentView) -> Iterator[tuple[str, str]]:
    """Yield what was thought before the experiment, what it taught, and what thinking cost."""
    if view.proposer is not None:
        about = "" if view.direction is None else f", a matter of {view.direction}"
        yield "proposed by", f"{_PROPOSERS[view.proposer]}{about}"
    if view.hypothesis is not None:
        yield "hypothesis", view.hypothesis
    elif view.expects is not None:
        yield "expected", view.expects
    if view.gain is not None:
        low, mean, high = view.gain.low, view.gain.mean, view.gain.high
        yield "expected gain", f"{mean:+.3f}, between {low:+.3f} and {high:+.3f}"
    if view.falsifier is not None:
        yield "wrong if", view.falsifier
    if view.predicted_s is not None:
        yield "full run", f"{duration_words(view.predicted_s)} by forecast"
    if view.lesson is not None:
        yield "lesson", view.lesson.sentence
        if view.lesson.cause is not None:
            sure = view.lesson.confidence
            yield "cause", view.lesson.cause + ("" if sure is None else f" ({sure:.0%} sure)")
        yield from _advice("diagnosis", view.lesson.counsel)
    yield from _advice("proposal", view.counsel)


def _advice(what: str, counsel: Counsel | None) -> Iterator[tuple[str, str]]:
    if counsel is None:
        return
    spend = counsel.spend
    money = f", money {spend.money:.4g}" if spend.money else ""
    calls = "1 call" if counsel.calls == 1 else f"{counsel.calls} calls"
    yield what, f"{counsel.model}: {calls}, {spend.tokens:,} tokens{money}"
    for dropped in counsel.dropped:
        yield "dropped", dropped
    if counsel.fallback is not None:
        yield "rules stood in", counsel.fallback
