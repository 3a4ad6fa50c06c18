"""A table over results: each score with its error, beside everything it should be read against."""

from collections.abc import Iterable, Mapping, Sequence

from ftbench.results import Measured, Result
from ftbench.task import Task
from shared.contracts.base import Contract
from shared.errors import Rejected

Z = 1.96
"""Standard errors from an estimate to the end of its 95 % interval."""


class Line(Contract):
    """One result of the table. Numbers in [0, 1] unless said otherwise."""

    task: str
    model: str | None
    split: str
    strict: bool
    metric: str
    score: Measured
    n: int
    baseline: float | None
    """The best of the trivial baselines on the same items."""

    baseline_name: str | None
    base: Measured | None
    """The untuned model on the same items."""

    reference: Measured | None
    """The model whose score counts as a gain of 1, on the same items."""

    gain: float | None
    """``(score - base) / (reference - base)``, TREX's G_T; None where it cannot be told."""

    trex: float | None
    """What the TREX paper reports; its split and prompt are unknown."""

    trex_gain: float | None
    flags: tuple[str, ...]
    notes: tuple[str, ...]


def table(
    results: Iterable[Result],
    tasks: Mapping[str, Task],
    *,
    base: Sequence[Result] = (),
    reference: Sequence[Result] = (),
) -> list[Line]:
    """Return a line for each result.

    Args:
        results: what to report on, in this order.
        tasks: the tasks of the results, by name.
        base: results of the untuned model.
        reference: results of the model that a gain is measured against.

    Raises:
        Rejected: a base or reference that was scored on other items, or otherwise, than a result.
    """
    lines = []
    for result in results:
        task = tasks[result.task]
        from_base = _beside(result, base, "base")
        from_reference = _beside(result, reference, "reference")
        name, trivial = _best(result.baselines)
        lines.append(
            Line(
                task=result.task,
                model=result.model,
                split=result.split,
                strict=result.strict,
                metric=result.metric,
                score=result.headline,
                n=result.n,
                baseline=trivial,
                baseline_name=name,
                base=from_base,
                reference=from_reference,
                gain=gain(result.headline, from_base, from_reference),
                trex=task.trex,
                trex_gain=task.g_trex,
                flags=result.flags,
                notes=result.notes,
            )
        )
    return lines


def gain(score: Measured, base: Measured | None, reference: Measured | None) -> float | None:
    """Return the share of the way from base to reference that a score has come.

    None where one of the three is missing, or where base and reference are within their 95 %
    interval of each other: a gain over a distance that may be nothing is no number.
    """
    if base is None or reference is None:
        return None
    if score.value is None or base.value is None or reference.value is None:
        return None
    distance = reference.value - base.value
    doubt = Z * ((base.stderr or 0.0) ** 2 + (reference.stderr or 0.0) ** 2) ** 0.5
    return (score.value - base.value) / distance if abs(distance) > doubt else None


def as_markdown(lines: Sequence[Line]) -> str:
    """Return the table with its remarks, numbers times 100, ± one standard error."""
    head = ["task", "model", "metric", "n", "score", "no skill", "base", "reference", "G_T", "TREX"]
    rows = [
        [
            f"{line.task} ({line.split}{', strict' if line.strict else ''})",
            line.model or "—",
            line.metric,
            str(line.n),
            _percent(line.score),
            "—" if line.baseline is None else f"{100 * line.baseline:.2f}",
            _percent(line.base),
            _percent(line.reference),
            "—" if line.gain is None else f"{line.gain:+.0%}",
            _reported(line),
        ]
        for line in lines
    ]
    table = [_row(head), _row(["---"] * len(head)), *map(_row, rows)]
    remarks = [
        f"- {line.task}, {line.model or 'no name'}: {remark}"
        for line in lines
        for remark in (*_about(line), *line.flags, *line.notes)
    ]
    legend = (
        "Numbers times 100, ± one standard error. *No skill* is the best of the trivial baselines "
        "on the same items. *G_T* is (score − base) / (reference − base). *TREX* is what its paper "
        "reports, with its G_T; on which items and with which prompts is not known."
    )
    return "\n".join([*table, "", legend, *(["", *remarks] if remarks else [])]) + "\n"


def _reported(line: Line) -> str:
    if line.trex is None:
        return "—"
    gain = "" if line.trex_gain is None else f" ({line.trex_gain:+.0%})"
    return f"{100 * line.trex:.1f}{gain}"


def _about(line: Line) -> list[str]:
    said = [] if line.baseline_name is None else [f"no skill is “{line.baseline_name}”"]
    if line.base and line.reference and line.gain is None:
        said.append("base and reference cannot be told apart, so there is no G_T")
    return said


def _beside(result: Result, others: Sequence[Result], role: str) -> Measured | None:
    of_task = [other for other in others if other.task == result.task]
    for other in of_task:
        if (other.data_sha256, other.strict) == (result.data_sha256, result.strict):
            return other.headline
    for other in of_task:
        raise Rejected(
            f"{result.task}: wanted a {role} result on the same items and rules, found "
            f"{other.split} ({other.n} items{', strict' if other.strict else ''}) for "
            f"{result.split} ({result.n} items{', strict' if result.strict else ''}); "
            "score both alike"
        )
    return None


def _best(baselines: Mapping[str, float | None]) -> tuple[str | None, float | None]:
    known = {name: value for name, value in baselines.items() if value is not None}
    if not known:
        return None, None
    name = max(known, key=known.__getitem__)
    return name, known[name]


def _percent(measured: Measured | None) -> str:
    if measured is None or measured.value is None:
        return "—"
    doubt = "" if measured.stderr is None else f" ± {100 * measured.stderr:.2f}"
    return f"{100 * measured.value:.2f}{doubt}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
