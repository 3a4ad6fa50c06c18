"""What a language model is told of an experiment before it explains it."""

from collections.abc import Sequence

from services.researcher.llm.telling.fitting import Form, Section, section
from services.researcher.llm.telling.sections.bad_cases import fault_counts
from services.researcher.llm.telling.sections.experiments import (
    called,
    in_full,
    in_lines,
    recipe_words,
    score,
)
from shared.contracts.lesson import DiagnoseRequest, Lesson
from shared.contracts.proposal import Finding
from shared.contracts.run import LossPoint, Trained
from shared.one_line import one_line

POINTS = 8
"""Of a loss curve that are told."""


def purpose(request: DiagnoseRequest) -> Section:
    """Return what is wanted."""
    metric = f" Metric: {request.metric}, in [0, 1]." if request.metric else ""
    kind = f"Kind of task: {request.task_type}.{metric}"
    goal = Form(f"Goal: {one_line(request.goal, 1000)}\n\n{kind}")
    return section("The job", 8, (goal, Form(kind, "the goal")))


def outcome(request: DiagnoseRequest, measured: Lesson) -> Section:
    """Return what was done and what was measured, with wrong answers."""
    finding = as_finding(request, measured)
    known = [one for one in (_parent(request), finding) if one is not None]
    verdict = f"Measured against {called(request.parent)}: {measured.verdict}."
    recipe = recipe_words(finding)
    full, short = (in_full(finding, known, examples=each) for each in (2, 0))
    return section(
        "The experiment to explain",
        10,
        (
            Form(f"{verdict} {recipe}\n\n{full}"),
            Form(f"{verdict}\n\n{short}", "its recipe and wrong answers"),
            Form(f"{verdict}\n\n{in_lines([finding], known)}", "its curves and wrong answers"),
        ),
        needed=True,
    )


def parent(request: DiagnoseRequest) -> Section:
    """Return what the parent scores, and how often its answers are wrong in which way."""
    before = _parent(request)
    if before is None or before.value is None:
        return section("Its parent", 6, ())
    scored = f"#{before.experiment} scores {score(before)} on dev"
    wrong = f", with wrong answers: {fault_counts(before)}" if before.faults else ""
    return section("Its parent", 6, (Form(f"{scored}{wrong}."),))


def curves(request: DiagnoseRequest) -> Section:
    """Return some points of the loss curves."""
    if not isinstance(request.outcome, Trained):
        return section("Loss curves", 7, ())
    named = {"training": request.outcome.train_curve, "held-out": request.outcome.held_out_curve}
    lines = [f"- {name}: {_points(curve)}" for name, curve in named.items() if curve]
    return section("Loss curves", 7, (Form("\n".join(lines)),))


def as_finding(request: DiagnoseRequest, measured: Lesson) -> Finding:
    """Return the experiment as one that later proposals will be told of."""
    score = request.score
    return Finding(
        experiment=request.experiment,
        parent=request.parent,
        recipe=request.recipe,
        outcome=request.outcome,
        value=score.value if score else None,
        stderr=score.stderr if score else None,
        lesson=measured,
        faults=score.faults if score else (),
        confusions=score.confusions if score else (),
    )


def _parent(request: DiagnoseRequest) -> Finding | None:
    if request.parent_recipe is None:
        return None
    score = request.parent_score
    return Finding(
        experiment=request.parent,
        parent=request.parent,
        recipe=request.parent_recipe,
        value=score.value if score else None,
        stderr=score.stderr if score else None,
        faults=score.faults if score else (),
    )


def _points(curve: Sequence[LossPoint]) -> str:
    last = len(curve) - 1
    places = sorted({round(n * last / (POINTS - 1)) for n in range(POINTS)})
    return ", ".join(f"{curve[place].loss:.3f} at step {curve[place].step}" for place in places)
