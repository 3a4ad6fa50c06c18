"""How one experiment is told: in full with what was thought of it, in a few words, in a table."""

from collections.abc import Iterable, Iterator, Sequence

from services.researcher.curves import read_curves
from services.researcher.difference import differences, facts
from services.researcher.evidence import parent_of
from services.researcher.llm.telling.hearsay import hearsay, is_plain, without_folders
from services.researcher.llm.telling.sections.bad_cases import fault_counts, wrong_answers
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.proposal import Finding
from shared.contracts.run import Failed, Trained

MOST_CHANGES = 8
"""Differences to a parent that are told; a fresh start may have many."""

_THOUGHT = 400  # characters of a hypothesis, a cause or what failed
_LESSON = 800  # characters of those in full, and of a lesson with what to try next
_UNSAID = ("load ", "map ", "hold_out ", "base_model", "seed", "continues")


def called(number: ExperimentId) -> str:
    """Return ``#3``, or ``the base model`` of `ROOT`."""
    return "the base model" if number == ROOT else f"#{number}"


def in_full(finding: Finding, findings: Sequence[Finding], *, examples: int) -> str:
    """Return all there is to say of an experiment: what it changed, what came of it, and why.

    Args:
        finding: which.
        findings: all of them, its parent among them.
        examples: wrong answers shown of each fault.
    """
    head = f"### #{finding.experiment}, below {called(finding.parent)}"
    faults = (f"- Wrong answers on dev: {fault_counts(finding)}.",) if finding.faults else ()
    told = "\n".join((f"- Changed: {changes(finding, findings)}.", *_came_of(finding), *faults))
    what = f"what was thought of #{finding.experiment}"
    thought = hearsay(_at_length(finding, findings), what, most=_LESSON)
    shown = wrong_answers(finding, examples) if examples else ""
    return "\n\n".join(part for part in (head, told, thought, shown) if part)


def in_short(told: Sequence[Finding], findings: Sequence[Finding], what: str) -> str:
    """Return a line for each experiment, then what was thought of them, quoted."""
    thoughts = (f"#{one.experiment} {text}" for one in told for text in _thoughts(one, findings))
    parts = (in_lines(told, findings), hearsay(thoughts, what, most=_THOUGHT))
    return "\n\n".join(part for part in parts if part)


def in_lines(told: Iterable[Finding], findings: Sequence[Finding]) -> str:
    """Return a line for each experiment."""
    return "\n".join(
        f"- #{one.experiment} below {called(one.parent)}: {changes(one, findings)}; {result(one)}"
        for one in told
    )


def changes(finding: Finding, findings: Sequence[Finding]) -> str:
    """Return what differs from the parent, or characterises a fresh start."""
    found = _differences(finding, findings)
    kept = [one if is_plain(one) else f"{one.split()[0]} …" for one in found[:MOST_CHANGES]]
    more = len(found) - len(kept)
    return ", ".join((*kept, *([f"and {more} more"] if more else []))) or "nothing"


def recipe_words(finding: Finding) -> str:
    """Return everything that its recipe chooses, what may be text of others quoted."""
    said = [
        without_folders(f"{name} {value}")
        for name, value in facts(finding.recipe).items()
        if not name.startswith(_UNSAID) and not name.endswith(" seed")
    ]
    plain = f"Its recipe: {', '.join(one for one in said if is_plain(one))}."
    others = (one for one in said if not is_plain(one))
    texts = hearsay(others, f"text in the recipe of #{finding.experiment}", most=_THOUGHT)
    return f"{plain}\n\n{texts}" if texts else plain


def result(finding: Finding) -> str:
    """Return what came of an experiment, for example ``0.512 ± 0.010, better by 0.030 ± 0.012``."""
    match finding.outcome:
        case Failed(error=error):
            return f"failed with {error}"
        case None:
            return "under way"
    return ", ".join(part for part in (score(finding), compared(finding)) if part)


def score(finding: Finding) -> str:
    """Return a score with its standard error."""
    if finding.value is None:
        return "no score yet"
    return _with_error(f"{finding.value:.3f}", finding.stderr)


def compared(finding: Finding) -> str:
    """Return how a score compares with the parent's; nothing where that is unknown."""
    lesson = finding.lesson
    if lesson is None or lesson.effect is None:
        return ""
    if lesson.verdict == "same":
        return f"no clear difference ({_with_error(f'{lesson.effect:+.3f}', lesson.effect_stderr)})"
    return f"{lesson.verdict} by {_with_error(f'{abs(lesson.effect):.3f}', lesson.effect_stderr)}"


def _came_of(finding: Finding) -> Iterator[str]:
    yield f"- Result on dev: {result(finding)}."
    if not isinstance(finding.outcome, Trained):
        return
    run, reading = finding.outcome, read_curves(finding.outcome)
    early = "" if run.stopped == "done" else f"; it ended early: {run.stopped}"
    yield f"- Training: {run.steps} steps, {run.gpu_seconds:.0f} s{early}."
    yield f"- Loss curves: {reading.fit}; {reading.said}."
    if run.reward_curve:
        first, last = run.reward_curve[0].reward, run.reward_curve[-1].reward
        yield f"- Rewards: {first:.3f} at first, {last:.3f} at last."
    for count in run.rows:
        if count.rows_out != count.rows_in and count.operator not in ("load", "hold_out"):
            yield f"- Rows: {count.operator} left {count.rows_out} of {count.rows_in}."
    if run.tokenised.cut:
        cut, samples = run.tokenised.cut, run.tokenised.samples
        yield f"- Samples cut at max_length: {cut} of {samples}."


def _differences(finding: Finding, findings: Sequence[Finding]) -> list[str]:
    parent = parent_of(findings, finding.parent)
    found = differences(parent.recipe if parent else None, finding.recipe)
    return [without_folders(one) for one in found]


def _at_length(finding: Finding, findings: Sequence[Finding]) -> Iterator[str]:
    yield from _why(finding, findings)
    if finding.lesson is not None and finding.lesson.cause:
        yield f"lesson: {without_folders(finding.lesson.sentence)}"


def _thoughts(finding: Finding, findings: Sequence[Finding]) -> Iterator[str]:
    yield from _why(finding, findings)
    if finding.lesson is not None and finding.lesson.cause:
        sure = finding.lesson.confidence
        yield f"cause{'' if sure is None else f' (confidence {sure:.2f})'}: {finding.lesson.cause}"


def _why(finding: Finding, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield what a proposer thought, changes that hold text of others, and what failed."""
    if finding.hypothesis:
        yield f"hypothesis: {finding.hypothesis}"
    for change in _differences(finding, findings):
        if not is_plain(change):
            yield f"changed: {change}"
    if isinstance(finding.outcome, Failed):
        yield f"failed: {without_folders(finding.outcome.detail)}"


def _with_error(number: str, stderr: float | None) -> str:
    return number if stderr is None else f"{number} ± {stderr:.3f}"
