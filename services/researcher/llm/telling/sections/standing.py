"""Where a job stands: what was reached, what is left, and what can train."""

from collections.abc import Iterator

from services.researcher.costs import predicted_s
from services.researcher.evidence import best_of, parent_of
from services.researcher.llm.telling.fitting import Form, Section, section
from services.researcher.llm.telling.sections.experiments import in_lines, score
from shared.contracts.capabilities import Capabilities
from shared.contracts.proposal import Left, ProposeRequest


def scores(request: ProposeRequest) -> Section:
    """Return what the base model and the best so far score on dev."""
    base = f"On dev the base model scores {request.base_value:.3f}"
    best = best_of(request.findings)
    if best is None or best.value is None:
        return section("Scores", 10, (Form(f"{base}; nothing else has a score yet."),), needed=True)
    gain = best.value - request.base_value
    text = f"{base}, and the best so far is #{best.experiment} with {score(best)} ({gain:+.3f})."
    doubt = "What stands after ± is one standard error, where nothing else is said."
    return section("Scores", 10, (Form(f"{text} {doubt}"), Form(text)), needed=True)


def budget(request: ProposeRequest) -> Section:
    """Return what is left, and what a run takes."""
    left = [] if request.left is None else list(_left(request.left))
    longest = f"One run may take {request.context.limits.run_s:.0f} s."
    text = " ".join((*left, _full_run(request), longest))
    return section("Budget left", 7, (Form(text), Form(" ".join(left), "what a run takes")))


def machines(request: ProposeRequest) -> Section:
    """Return what can train."""
    lines = [_machine(one) for one in request.context.machines]
    return section("Machines", 4, (Form("\n".join(lines)),))


def under_way(request: ProposeRequest) -> Section:
    """Return the experiments without an outcome, which are not to be repeated."""
    going = [one for one in request.findings if one.outcome is None]
    return section("Under way", 10, (Form(in_lines(going, request.findings)),))


def _left(left: Left) -> Iterator[str]:
    yield f"{left.experiments:.1f} full runs are left."
    if left.gpu_seconds is not None:
        yield f"{left.gpu_seconds:.0f} s of training are left."
    if left.wall_clock_s is not None:
        yield f"{left.wall_clock_s:.0f} s until the best is handed back."


def _full_run(request: ProposeRequest) -> str:
    like = parent_of(request.findings, request.parent) or best_of(request.findings)
    seconds = predicted_s(like.recipe, request) if like else None
    if like is None or seconds is None:
        return "What a full run takes is not known yet."
    return f"A full run like #{like.experiment} takes about {seconds:.0f} s."


def _machine(machine: Capabilities) -> str:
    can = [
        word
        for word, able in (
            ("bf16", machine.bf16),
            ("FlashAttention", machine.flash_attention),
            ("4-bit base models", machine.quantised),
        )
        if able
    ]
    has = f"- {machine.devices} × {machine.device}, {machine.memory_gib:.0f} GiB each"
    return f"{has}; {', '.join(can) or 'neither bf16 nor 4-bit base models'}"
