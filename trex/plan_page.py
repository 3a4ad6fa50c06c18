"""A plan as a terminal shows it: what the job asks, what is proposed and why, what it may cost."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from shared.contracts.plan import Choice, Plan
from shared.contracts.views import Cost, PlanView
from trex.words import clean, duration_words


def plan_page(view: PlanView) -> Group:
    """Return a draft with its plan; where there is none yet, where it stands."""
    header = Text().append(clean(view.draft.goal), "bold").append(f"  {view.job.job_id}", "dim")
    if view.plan is None:
        return Group(header, Text(clean(view.job.sentence)))
    return Group(header, *_parts(view, view.plan))


def _parts(view: PlanView, plan: Plan) -> Iterator[RenderableType]:
    asked = plan.requirements
    yield Text()
    yield _line("task", plan.task_type.replace("_", " "))
    yield _line("rows", f"{plan.rows:,} to learn from, before any are set aside")
    yield _line("answers", asked.output_format)
    yield _line("good when", asked.success)
    for name, sentences in (
        ("kept to", asked.constraints),
        ("risk", asked.risks),
        ("missing", asked.missing),
    ):
        for sentence in sentences:
            yield _line(name, sentence)
    yield Text()
    yield _choices(plan)
    yield Text()
    yield _line("may cost", cost_words(view.cost))
    if plan.counsel is not None:
        yield _line("asked", plan.counsel.model)
        if plan.counsel.fallback is not None:
            yield _line("by rules", plan.counsel.fallback)


def _line(name: str, said: str) -> Text:
    return Text().append(f"{name:10}", "dim").append(clean(said))


def _choices(plan: Plan) -> RenderableType:
    if not plan.choices:
        return Text("nothing was left open")
    table = Table(show_lines=True)
    table.add_column("left open", no_wrap=True)
    table.add_column("proposed", overflow="fold", ratio=2)
    table.add_column("why", overflow="fold", ratio=3)
    for choice in plan.choices:
        table.add_row(choice.field, Text(_value(choice)), Text(clean(choice.reason)))
    return table


def _value(choice: Choice) -> str:
    if choice.field in ("dev", "confirm", "test"):
        return f"{clean(choice.value)} of the training rows"
    return clean(choice.value)


def cost_words(cost: Cost) -> str:
    """Return what a job may use at most, and what it should where that is known."""
    parts = [f"at most {cost.full_runs} full runs, {duration_words(cost.most_s)} of training"]
    if cost.expected_s is not None:
        parts.append(f"about {duration_words(cost.expected_s)} of it expected")
    if cost.llm_tokens is not None:
        parts.append(f"{cost.llm_tokens:,} tokens of the researcher's language model")
    if cost.money is not None:
        parts.append(f"{cost.money:g} for its questions")
    return "; ".join(parts)
